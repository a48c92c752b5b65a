"""The main job in a browser: author, submit, have it approved, publish, and see the next decision follow."""

import json
import time

import httpx
import pytest

pytestmark = pytest.mark.browser

SLOT = "web.home.hero"
NEW = "browser-made-offer"
MATCHING = {"basket_value": 90, "device_class": "mobile", "country": "US"}
OTHER = {"basket_value": 10, "device_class": "mobile", "country": "US"}


def decide(stack, context):
    body = {
        "person": {"anonymous_id": "0" * 31 + "7"},
        "placements": [{"key": SLOT, "count": 1}],
        "context": context,
        "options": {"explain": "trace"},
    }
    key = stack.key("decisions", "decisions:trace")
    answer = httpx.post(
        f"{stack.base_url}/v1/decisions",
        json=body,
        headers={"Authorization": f"Bearer {key}"},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def settled(page):
    page.wait_for_function("() => !document.querySelector('.rb[aria-busy], .htmx-settling')")


def choose(page, select, value):
    with page.expect_response("**/rule-builder/edit"):
        select.select_option(value)
    settled(page)


def add_nested_condition(page):
    """Add a group of two conditions, one of which must be true."""
    groups = page.locator(".rb-group")
    count = groups.count()
    root = groups.first
    root.locator(":scope > .rb-add").get_by_role("button", name="Group").click()
    page.wait_for_function("n => document.querySelectorAll('.rb-group').length > n", arg=count)
    settled(page)
    group = root.locator(":scope > .rb-children > .rb-group").last
    choose(page, group.get_by_label("How many of these must be true"), "any")
    first = group.locator(".rb-leaf").first
    choose(page, first.get_by_label("What to look at"), "attribute:basket_value")
    choose(page, first.get_by_label("Comparison"), "gte")
    first.get_by_label("Value").fill("80")
    group.locator(":scope > .rb-add").get_by_role("button", name="Condition").click()
    group.locator(".rb-leaf").nth(1).wait_for()
    settled(page)
    second = group.locator(".rb-leaf").nth(1)
    choose(page, second.get_by_label("What to look at"), "attribute:device_class")
    second.get_by_label("till").check()
    page.locator(".rb-panel .words").get_by_text(
        "Value of the basket now is at least 80"
    ).wait_for()


def make_segment(page, visitor):
    visitor.open("/admin/campaigns/segment/add/")
    page.locator("#id_name").fill("Full baskets")
    page.locator("#id_key").fill("full-baskets")
    add_nested_condition(page)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Full baskets").first.wait_for()


def make_offer(page, visitor):
    visitor.open("/admin/campaigns/offer/add/")
    page.locator("#id_name").fill("Made in the browser")
    page.locator("#id_key").fill(NEW)
    page.locator(".rb .rb-add").get_by_role("button", name="Condition").first.click()
    row = page.locator(".rb-leaf").first
    row.wait_for()
    settled(page)
    choose(page, row.get_by_label("What to look at"), "segment:")
    choose(page, row.get_by_label("Segment", exact=True), "full-baskets")
    page.get_by_label("Priority").fill("1")
    variant = page.locator(".row-form").first
    variant.get_by_label("Variant", exact=True).fill("a")
    variant.get_by_label("Placements").select_option(SLOT)
    variant.get_by_label("Content: headline").fill("Free delivery today")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Made in the browser").first.wait_for()


def make_campaign(page, visitor):
    visitor.open("/admin/campaigns/campaign/add/")
    page.locator("#id_name").fill("Browser campaign")
    page.locator("#id_key").fill("browser-campaign")
    offers = page.locator("[name=offers]")
    if offers.first.evaluate("one => one.tagName") == "SELECT":
        offers.first.select_option(NEW)
    else:
        page.locator(f"[name=offers][value={NEW}]").check()
    goal = page.locator("[name=goal_event]")
    goal.select_option("Order Completed")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Browser campaign").first.wait_for()


def offers_of(answer):
    return [offer["offer"] for offer in answer["placements"][0]["offers"]]


def live_answer(stack, version):
    """Return the first decision under a release newer than this."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        answer = decide(stack, MATCHING)
        if answer["release"]["version"] > version:
            return answer
        time.sleep(0.2)
    raise AssertionError(f"no release after {version} went live")


def author(visitor):
    """Make segment, offer and campaign, submit them, and return the page of the change."""
    page = visitor.page
    make_segment(page, visitor)
    make_offer(page, visitor)
    make_campaign(page, visitor)
    visitor.open("/admin/review/")
    page.locator("main a[href*='/changes/']:not([href*=new])").first.click()
    page.get_by_role("button", name="Submit for review").click()
    page.get_by_text("a colleague has to approve it").wait_for()
    assert page.get_by_role("button", name="Approve").count() == 0
    return page.url.removeprefix(visitor.base_url)


def approve_and_publish(visitor, change):
    page = visitor.page
    visitor.open("/admin/")
    page.get_by_role("heading", name="Waiting for your review").wait_for()
    page.locator(f"main a[href='{change}']").first.click()
    page.locator("main").get_by_text("Value of the basket now is at least 80").first.wait_for()
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("button", name="Publish").click()


def test_from_a_marketers_idea_to_the_next_decision(stack, visit):
    before = decide(stack, MATCHING)
    assert NEW not in offers_of(before)

    with visit("marketer") as visitor:
        change = author(visitor)
        assert visitor.errors == []
    with visit("approver") as visitor:
        approve_and_publish(visitor, change)
        assert visitor.errors == []

    answer = live_answer(stack, before["release"]["version"])
    assert offers_of(answer) == [NEW]
    assert answer["placements"][0]["offers"][0]["content"]["headline"] == "Free delivery today"
    other = decide(stack, OTHER)
    assert other["release"] == answer["release"]
    assert NEW not in offers_of(other)
    (told,) = [one for one in other["explanation"] if one["offer"] == NEW]
    assert told["outcome"] == "dropped"
    assert "Value of the basket now is at least 80" in json.dumps(told)
