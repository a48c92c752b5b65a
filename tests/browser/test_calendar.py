"""The calendar by keyboard, on a wide screen and on a phone."""

import pytest

from tests.browser import axe

pytestmark = pytest.mark.browser
LOOKS = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}},
}


def test_pages_turn_by_keyboard(visit):
    with visit("marketer") as visitor:
        visitor.open("/admin/calendar/?day=2026-11-15&step=month&zone=UTC")
        page = visitor.page
        assert page.locator("#calendar-span").inner_text() == "November 2026"

        page.get_by_role("link", name="Later").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="December 2026").wait_for()

        page.get_by_label("Show a").select_option("week")
        page.get_by_role("button", name="Show").press("Enter")
        page.wait_for_url("**step=week**")
        assert page.locator(".calendar-days").first.locator("li").count() == 7


def test_a_bar_leads_to_its_campaign(visit):
    with visit("marketer") as visitor:
        visitor.open("/admin/calendar/?step=month")
        link = visitor.page.locator(".calendar-bars a").first
        name = link.inner_text()
        link.focus()
        visitor.page.keyboard.press("Enter")
        visitor.page.wait_for_url("**/campaigns/campaign/*/change/**")

        assert visitor.page.locator("#id_name").input_value() == name


@pytest.mark.parametrize("look", LOOKS)
def test_the_calendar_is_clean(visit, look):
    with visit("marketer", **LOOKS[look]) as visitor:
        visitor.open("/admin/calendar/?step=month")
        visitor.page.wait_for_load_state("networkidle")
        wide = visitor.page.evaluate("document.documentElement.scrollWidth > innerWidth")

        assert [*visitor.errors, *axe.findings(visitor.page)] == []
        assert not wide
