"""Review in a browser: sides of a difference, comments, submit and approve by keyboard only, notices, history."""

import json
import re

import pytest

from tests.browser.test_every_page import LOOKS, checked

pytestmark = pytest.mark.browser


def ask(visitor, method, path, body=None):
    """Send a request of the management API as the person who is signed in."""
    cookies = {one["name"]: one["value"] for one in visitor.page.context.cookies()}
    answer = visitor.page.request.fetch(
        visitor.base_url + path,
        method=method,
        data=json.dumps(body or {}),
        headers={
            "Content-Type": "application/json",
            "X-CSRFToken": cookies.get("rtts_csrf", ""),
            "Referer": visitor.base_url + "/admin/",
        },
    )
    assert answer.ok, answer.text()
    return answer.json()


def open_change(visitor, title):
    """Open a change in which a live segment has another name and a moved condition; return its id."""
    visitor.open("/admin/")
    change = ask(visitor, "POST", "/v1/changes", {"title": title})["id"]
    page = visitor.page.request.get(visitor.base_url + "/v1/catalogue/segments?state=live")
    segment = page.json()["items"][0]
    body = {name: value for name, value in segment["live"].items() if name != "key"}
    body["name"] += " and more"
    body["condition"] = {"all": [{"any": [body["condition"]]}]}
    path = f"/v1/catalogue/segments/{segment['key']}"
    ask(visitor, "PUT", path, {"body": body, "why": "To try", "change": change})
    return change


def tab_to(page, name):
    """Press Tab until a control with this name has the focus."""
    for _ in range(200):
        page.keyboard.press("Tab")
        said = page.evaluate(
            "() => document.activeElement.getAttribute('aria-label') || document.activeElement.innerText || ''"
        )
        if re.sub(r"\s+", " ", said).strip() == name:
            return
    raise AssertionError(f"“{name}” is not reached by keyboard")


def press(page, name):
    tab_to(page, name)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_submit_and_approve_by_keyboard_only(visit):
    title = "By keyboard only"
    with visit("marketer") as author, visit("approver") as reader:
        change = open_change(author, title)
        author.open(f"/admin/changes/{change}/")
        press(author.page, "Submit for review")
        author.page.get_by_text("An approver sees it in the review inbox.").wait_for()
        assert author.page.get_by_role("button", name="Approve").count() == 0
        author.page.get_by_text("You wrote part of this change").wait_for()

        reader.open("/admin/review/")
        press(reader.page, title)
        press(reader.page, "Approve")
        reader.page.get_by_text("Your approval is recorded.").wait_for()

        author.open("/admin/notifications/")
        author.page.get_by_text(f"approved “{title}”.").first.wait_for()
        ask(author, "POST", f"/v1/changes/{change}/discard")


def test_difference_comments_and_history(visit):
    with visit("marketer") as author, visit("approver") as reader:
        change = open_change(author, "Talked about")
        reader.open(f"/admin/changes/{change}/")
        difference = reader.page.get_by_role("region", name="Name")
        assert difference.locator("ins").inner_text().strip() == "and more"
        name = author.page.evaluate("() => document.querySelector('.user-name').innerText")
        tab_to(reader.page, "Comment on Name")
        reader.page.keyboard.press("Enter")
        reader.page.keyboard.press("Tab")
        reader.page.keyboard.type(f"Why so long, @{name}?")
        press(reader.page, "Add comment")
        reader.page.get_by_text("Why so long").wait_for()

        author.open("/admin/notifications/")
        author.page.get_by_text("Why so long").first.wait_for()
        author.open(f"/admin/changes/{change}/#comments")
        with author.page.expect_navigation():
            author.page.get_by_role("button", name="Resolve").click()
        author.page.get_by_text("resolved by").wait_for()
        author.open(f"/admin/history/change/{change}/")
        author.page.get_by_text("Commented").first.wait_for()
        ask(author, "POST", f"/v1/changes/{change}/discard")


@pytest.mark.parametrize("look", LOOKS)
def test_pages_of_review_are_clean(visit, look):
    with visit("marketer", **LOOKS[look]) as author:
        change = open_change(author, "Looked at")
        ask(author, "POST", f"/v1/changes/{change}/comments", {"text": "Fine"})
        ask(author, "POST", f"/v1/changes/{change}/submit")
        paths = (
            f"/admin/changes/{change}/",
            "/admin/review/",
            "/admin/notifications/",
            f"/admin/history/change/{change}/",
        )
        found = []
        for path in paths:
            author.open(path)
            found += checked(author, path)
        ask(author, "POST", f"/v1/changes/{change}/discard")
    with visit("admin", **LOOKS[look]) as boss:
        for path in ("/admin/webhooks/", "/admin/campaigns/approvalrule/add/"):
            boss.open(path)
            found += checked(boss, path)

    assert found == []
