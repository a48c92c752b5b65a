"""Everyday work by mouse and by keyboard: search, tags, copies, acts on many, files, filters, archive."""

import re
import uuid

import pytest

from tests.browser import axe

pytestmark = pytest.mark.browser

LOOKS = (
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {"viewport": {"width": 390, "height": 844}},
)
OFFERS = "/admin/campaigns/offer/"


def first_thing(page, path):
    page.goto(path)
    link = page.locator("#result_list tbody th a").first
    name = link.inner_text()
    link.click()
    page.locator("#used-by").wait_for()
    return name


def discard(visitor):
    """Throw the newest draft away, the one that the test made, so that others find the catalogue as it was."""
    page = visitor.page
    visitor.open("/admin/campaigns/change/?state__exact=draft")
    page.locator("#result_list tbody th a").first.click()
    page.get_by_role("button", name=re.compile("Discard")).first.click()
    page.wait_for_load_state("networkidle")


def test_search_goes_by_keyboard_alone(visit):
    with visit("marketer") as visitor:
        page = visitor.page
        visitor.open("/admin/")
        page.keyboard.press("/")
        page.keyboard.type("gold")
        page.locator("#site-hits a.hit").first.wait_for()
        assert axe.findings(page) == []
        target = page.locator("#site-hits a.hit").nth(1).get_attribute("href")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{target}")
        page.keyboard.press("/")
        page.keyboard.type("zzzz")
        page.get_by_text("Nothing here has").wait_for()
        page.keyboard.press("Escape")
        assert page.locator("#site-hits").is_hidden()
        page.keyboard.press("Tab")
        page.locator("h1").click()
        page.keyboard.press("?")
        assert page.locator("#keys").is_visible()
        assert visitor.errors == []


def test_a_thing_is_tagged_copied_and_filtered(visit):
    tag = f"T{uuid.uuid4().hex[:6]}"
    with visit("marketer") as visitor:
        page = visitor.page
        name = first_thing(page, visitor.base_url + OFFERS)
        page.get_by_label("Tags", exact=True).fill(tag)
        page.get_by_role("button", name="Save tags").click()
        page.get_by_text("Tags saved").wait_for()

        visitor.open(f"{OFFERS}?tag={tag}")
        assert page.locator("#result_list tbody tr").count() == 1
        page.locator("#result_list tbody th a").click()
        page.get_by_label("Tags", exact=True).fill("")
        page.get_by_role("button", name="Save tags").click()
        page.get_by_role("button", name="Make a copy").click()
        assert page.locator("#id_name").input_value() == f"Copy of {name}"
        discard(visitor)
        assert visitor.errors == []


def test_many_are_archived_only_after_a_look(visit):
    with visit("marketer") as visitor:
        page = visitor.page
        visitor.open("/admin/campaigns/segment/")
        page.locator("#result_list tbody input.action-select").first.check()
        page.locator("select[name=action]").select_option("archive")
        page.get_by_role("button", name="Go").click()
        page.locator("#effect").wait_for()
        assert "will change" in page.locator("#effect").inner_text()
        assert axe.findings(page) == []
        page.get_by_role("link", name="Back to the list").click()
        page.wait_for_url("**/segment/")
        assert visitor.errors == []


def test_a_filter_is_kept_and_columns_are_remembered(visit):
    name = f"Mine {uuid.uuid4().hex[:6]}"
    with visit("marketer") as visitor:
        page = visitor.page
        visitor.open(f"{OFFERS}?state=live")
        page.locator("#keep-filter summary").press("Enter")
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_label("Show on Home, too").check()
        page.get_by_role("button", name="Keep", exact=True).press("Enter")
        page.get_by_text("Kept.").wait_for()
        visitor.open("/admin/")
        page.get_by_role("link", name=name).click()
        page.wait_for_url("**/offer/?state=live")

        page.locator("#choose-columns summary").click()
        page.get_by_label("Used by").check()
        page.get_by_role("button", name="Show these").click()
        page.locator("th", has_text="Used by").first.wait_for()
        page.locator("#choose-columns summary").click()
        for box in page.locator("#choose-columns input[type=checkbox]").all():
            box.uncheck()
        page.get_by_role("button", name="Show these").click()
        page.locator("#keep-filter summary").click()
        page.get_by_role("button", name=f"Forget {name}").click()
        page.wait_for_load_state("networkidle")
        assert page.get_by_role("link", name=name).count() == 0
        assert visitor.errors == []


def test_a_file_goes_in_after_a_dry_run(visit):
    key = f"fact-{uuid.uuid4().hex[:6]}"
    with visit("marketer") as visitor:
        page = visitor.page
        visitor.open("/admin/import/attribute/")
        bad = f"key,name,type\n{key},Fact,colour\n".encode()
        page.get_by_label("CSV file").set_input_files(
            {"name": "facts.csv", "mimeType": "text/csv", "buffer": bad}
        )
        page.get_by_role("button", name="Read the file").click()
        page.get_by_text("1 row has an error").wait_for()
        assert axe.findings(page) == []
        page.get_by_role("link", name="Upload again").click()
        good = f"key,name,type,source\n{key},Fact,number,context\n".encode()
        page.get_by_label("CSV file").set_input_files(
            {"name": "facts.csv", "mimeType": "text/csv", "buffer": good}
        )
        page.get_by_role("button", name="Read the file").click()
        page.get_by_role("button", name="Save as drafts").click()
        page.get_by_text("The drafts are in your change").wait_for()
        with page.expect_download() as download:
            page.goto(f"{visitor.base_url}/admin/campaigns/attribute/?q={key}")
            page.get_by_role("link", name="Export CSV").click()
        assert key in download.value.path().read_text("utf-8-sig")
        discard(visitor)
        assert visitor.errors == []


@pytest.mark.parametrize("look", LOOKS, ids=("light", "dark", "phone"))
def test_pages_of_everyday_are_clean(visit, look):
    found = []
    with visit("marketer", **look) as visitor:
        page = visitor.page
        for path in (
            OFFERS,
            f"{OFFERS}?q=nothing-is-called-so",
            "/admin/search/?q=gold",
            "/admin/import/offer/",
        ):
            visitor.open(path)
            page.wait_for_load_state("networkidle")
            for summary in page.locator(".list-tools summary").all():
                summary.click()
                found += axe.findings(page)
            found += axe.findings(page)
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append(f"{path} is wider than the screen")
        first_thing(page, visitor.base_url + OFFERS)
        found += axe.findings(page)
        assert visitor.errors == []
    assert found == []
