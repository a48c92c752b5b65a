"""Findings where people look: after a save, at a change, on Home; each leads to its field."""

import os
import re

import pytest

from tests.browser.test_every_page import LOOKS, checked
from tests.browser.test_rule_builder import add_condition, choose

pytestmark = pytest.mark.browser

NAME = "Test of the analysis"
FOCUSED = "() => document.activeElement?.name ?? ''"


def picture(page, name):
    """Keep a picture where one is asked for."""
    folder = os.environ.get("RTTS_PICTURES", "")
    if folder:
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def spends(page, operator, value):
    row = add_condition(page, "attribute:lifetime_value")
    choose(page, row.get_by_label("Comparison"), operator)
    row.get_by_label("Value").fill(value)
    row.get_by_label("Value").press("Tab")


@pytest.fixture
def contradiction(visit):
    """Return the page of a segment that was just saved and is never true; it is taken out of its change afterwards."""
    with visit("marketer") as visitor:
        page = visitor.page
        visitor.open("/admin/campaigns/segment/add/")
        page.locator("#id_name").fill(NAME)
        page.locator("#id_key").fill("test-of-the-analysis")
        spends(page, "gt", "500")
        spends(page, "lt", "200")
        page.get_by_role("button", name="Save and continue editing").click()
        page.locator("#attention").wait_for()
        address = page.locator('a[href*="/admin/changes/"]').first.get_attribute("href")
        yield visitor, address
        visitor.open(address)
        page.get_by_role("button", name=f"Take {NAME} out of this change").click()
        page.wait_for_load_state("networkidle")


def test_a_contradiction_is_told_after_the_save_and_at_the_change(contradiction):
    visitor, change = contradiction
    page = visitor.page

    told = page.locator("#attention")
    assert "exclude each other" in told.inner_text()
    picture(page, "thing")
    told.get_by_role("link").first.click()
    page.wait_for_function(f"() => /^condition-/.test(({FOCUSED})())")
    assert checked(visitor, "segment") == []

    visitor.open(change)
    page.get_by_text("exclude each other").first.wait_for()
    page.get_by_text(re.compile("Looked at with|There were no people")).wait_for(timeout=60_000)
    picture(page, "change")
    found = checked(visitor, "change")
    page.locator("#attention").get_by_role("link", name=NAME).first.click()
    page.wait_for_function(f"() => /^condition-/.test(({FOCUSED})())")
    assert found == []


def wait_for_findings(visitor):
    """Open the page of findings once the job has looked at what is live."""
    page = visitor.page
    for _ in range(60):
        visitor.open("/admin/attention/?notes=1")
        if page.get_by_text("What is live was looked at").count():
            return
        page.wait_for_timeout(1_000)
    raise AssertionError("nobody looked at what is live")


def test_a_finding_is_dismissed_with_a_reason_and_brought_back(visit):
    with visit("marketer") as visitor:
        page = visitor.page
        wait_for_findings(visitor)
        before = page.locator(".findings").first.locator(":scope > li").count()
        first = page.locator(".findings > li").first
        first.get_by_text("Dismiss", exact=False).first.click()
        first.get_by_label("Why may it stay as it is?").fill("Meant like this")
        first.get_by_role("button", name="Dismiss for me").click()
        visitor.open("/admin/attention/?notes=1")
        assert page.locator(".findings").first.locator(":scope > li").count() in (
            before - 1,
            before,
        )
        page.get_by_text("“Meant like this”").wait_for()
        picture(page, "attention")
        page.get_by_role("button", name="Show again").click()
        page.wait_for_load_state("networkidle")

        assert page.get_by_text("“Meant like this”").count() == 0


def test_home_leads_to_the_field(visit):
    with visit("marketer") as visitor:
        wait_for_findings(visitor)
        visitor.open("/admin/")
        picture(visitor.page, "home")
        links = visitor.page.locator(".findings a")
        assert "#field=" in links.first.get_attribute("href")
        links.first.click()
        visitor.page.wait_for_function(f"() => ({FOCUSED})() !== ''")


@pytest.mark.parametrize("look", LOOKS)
def test_the_pages_of_findings_are_clean(visit, look):
    with visit("admin", **LOOKS[look]) as visitor:
        wait_for_findings(visitor)
        found = checked(visitor, "attention")
        visitor.page.locator(".findings summary").first.click()
        found += checked(visitor, "attention, dismissing")
        visitor.open("/admin/")
        found += checked(visitor, "home")
        picture(visitor.page, f"home-{look}")

    assert found == []
