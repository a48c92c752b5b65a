"""A number of a condition, chosen from data in the browser: its spread, its worth for a goal, an experiment."""

import pytest
from playwright.sync_api import expect

from tests.browser import axe
from tests.browser.test_rule_builder import ADD, add_condition, choose, rule, settled

pytestmark = pytest.mark.browser

LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}},
}


def open_threshold(page):
    row = add_condition(page, "attribute:lifetime_value")
    choose(page, row.get_by_label("Comparison"), "gte")
    row.get_by_label("Value").fill("400")
    row.get_by_text("Choose this number from your data").click()
    row.locator(".rb-spread svg").wait_for()
    return row


def test_a_number_is_chosen_from_data(visit):
    with visit("marketer") as visitor:
        page = visitor.page
        visitor.open(ADD)
        row = open_threshold(page)
        row.get_by_text("sampled people reach 400 USD").wait_for()

        row.get_by_label("Value", exact=True).fill("900")
        row.get_by_text("sampled people reach 900 USD").wait_for()

        row.get_by_label("Goal").select_option("Order Completed")
        row.get_by_label("within days").fill("7")
        row.get_by_role("button", name="Measure on history").click()
        row.locator(".rb-measured table").wait_for(timeout=60_000)
        use = row.locator(".rb-measured").get_by_role("button").first
        number = use.get_attribute("value")
        use.click()

        assert row.get_by_label("Value", exact=True).input_value() == number
        rule(page).locator(".rb-panel .words").get_by_text("Spend so far").wait_for()
        assert visitor.errors == []


def test_thresholds_become_an_experiment(visit):
    with visit("marketer") as visitor:
        page = visitor.page
        visitor.open(ADD)
        row = open_threshold(page)
        row.get_by_label("Numbers").fill("400, 900")
        offers = row.get_by_label("Offer that is shown by them")
        offers.select_option(label="Coupon book 13: Meat coupon, book 13")
        row.get_by_label("Name of the experiment").fill("Spend of 400 or 900")
        row.get_by_role("button", name="Draft the experiment").click()

        told = row.locator(".rb-compared")
        expect(told).to_contain_text("Spend of 400 or 900")
        told.get_by_role("link", name="Look at it").click()
        page.get_by_text("Spend so far is at least 900 USD").first.wait_for()

        assert page.locator("#id_arms-0-key").input_value() == "at-400"
        assert visitor.errors == []


@pytest.mark.parametrize("look", LOOKS)
def test_the_panel_is_clean(visit, look):
    with visit("marketer", **LOOKS[look]) as visitor:
        page = visitor.page
        visitor.open(ADD)
        row = open_threshold(page)
        rule(page).get_by_text("Start from a template").click()
        row.get_by_role("button", name="Measure on history").click()
        row.locator(".rb-measured table").wait_for(timeout=60_000)
        settled(page)

        assert axe.findings(page) == []
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert visitor.errors == []
