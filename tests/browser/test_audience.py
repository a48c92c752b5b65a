"""The audience of a rule while it is written: told in time, exact on demand, by keyboard, for everybody."""

import re
import time

import pytest

from tests.browser import axe

pytestmark = pytest.mark.browser

ADD = "/admin/campaigns/segment/add/"
VIEWS = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "narrow": {"viewport": {"width": 390, "height": 844}},
}


@pytest.fixture
def counted(visit):
    """Return a page with a finished condition, once its people are told."""
    with visit("marketer") as visitor:
        yield write_rule(visitor).page
        assert visitor.errors == []


def write_rule(visitor, *, over="100"):
    """Write a rule by keyboard; `over` makes it one that nobody wrote before."""
    visitor.open(ADD)
    page = visitor.page
    group = page.locator(".rb-group").first.locator(":scope > .rb-add")
    group.get_by_role("button", name="Condition").press("Enter")
    row = page.locator(".rb-leaf").last
    row.wait_for()
    with page.expect_response("**/rule-builder/edit"):
        row.get_by_label("What to look at").select_option("attribute:lifetime_value")
    page.wait_for_function("() => !document.querySelector('.rb[aria-busy], .htmx-settling')")
    with page.expect_response("**/rule-builder/edit"):
        row.get_by_label("Comparison").select_option("gt")
    page.wait_for_function("() => !document.querySelector('.rb[aria-busy], .htmx-settling')")
    with page.expect_response("**/rule-builder/preview"):
        row.get_by_label("Value").fill(over)
    page.locator("#condition-rb .rb-count strong").wait_for()
    return visitor


def people(page):
    return int(re.sub(r"\D", "", page.locator("#condition-rb .rb-count strong").inner_text()))


def type_value(page, value):
    """Return how long after the last key the count changed, in seconds."""
    before = page.locator("#condition-rb .rb-panel .words").inner_text()
    page.locator(".rb-leaf").last.get_by_label("Value").fill(value)
    started = time.monotonic()
    page.wait_for_function(
        "words => { const now = document.querySelector('#condition-rb .rb-panel .words');"
        " return now && now.innerText !== words && document.querySelector('#condition-rb .rb-count strong'); }",
        arg=before,
    )
    return time.monotonic() - started


def test_the_count_follows_the_last_key_within_a_second_of_the_pause(counted):
    many = people(counted)

    took = [type_value(counted, value) for value in ("101", "2000", "5000")]

    print("after the last key, ms:", " ".join(f"{one * 1000:.0f}" for one in took))
    assert people(counted) < many
    assert min(took) < 6.4  # ten times of a second, after the pause of 0.4 s


def test_reach_is_told_by_purpose(counted):
    table = counted.locator(".rb-reach")

    table.get_by_text("Of them, consent allows").wait_for()
    assert table.locator("tbody tr").count() >= 1


def test_overlaps_lead_to_their_segments(counted):
    for _ in range(40):  # a worker counts live segments each 15 s
        if counted.locator(".rb-overlaps a").count():
            break
        counted.wait_for_timeout(1_000)
        type_value(counted, str(100 + _))

    first = counted.locator(".rb-overlaps a").first
    name = first.inner_text()
    with counted.context.expect_page() as opened:
        first.click(modifiers=["Control"])
    opened.value.get_by_role("heading", name=name).first.wait_for()
    opened.value.close()


def test_everybody_is_counted_on_demand_by_keyboard(visit):
    with visit("marketer") as visitor:
        page = write_rule(visitor, over="123.45").page
        about = people(page)
        page.get_by_role("button", name="Count exactly").press("Enter")

        page.locator(".rb-exact strong").wait_for(timeout=60_000)
        exact = int(page.locator(".rb-exact strong").inner_text().replace(",", ""))
        sampled = page.locator(".rb-count-now .muted")
        assert abs(exact - about) <= about // 100 or sampled.count()  # others come and go

        type_value(page, "124")
        page.locator(".rb-exact strong").wait_for(state="detached")
        type_value(page, "123.45")
        page.locator(".rb-exact strong").wait_for()
        assert visitor.errors == []


def test_the_history_of_a_live_segment_is_drawn_with_a_table(visit):
    with visit("marketer") as visitor:
        page = visitor.page
        visitor.open("/admin/campaigns/segment/")
        page.locator("#result_list tbody a").first.click()

        history = page.locator(".audience-history")
        history.get_by_role("heading", name="People found, over time").wait_for()
        history.get_by_text("Show as table").press("Enter")
        assert history.locator("tbody tr").count() >= 1
        assert visitor.errors == []


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_in_the_panel_keeps_anybody_out(visit, view):
    with visit("marketer", **VIEWS[view]) as visitor:
        page = write_rule(visitor).page
        page.locator(".rb-reach").wait_for()

        assert axe.findings(page) == []
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not wide
        assert visitor.errors == []
