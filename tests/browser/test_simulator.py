"""Who sees what, and why, in a browser: a person, somebody made up, the nearest change, the request."""

import json

import pytest

from tests.browser import axe

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}}
MADE_UP = "somebody made up"


def demo(stack):
    return json.loads((stack.var / "demo.json").read_text())["request"]["person"]["user_id"]


def asks(visitor, *, who=MADE_UP, **fields):
    """Open the page, fill the form, send it with the keyboard, and return the page."""
    page = visitor.page
    visitor.open("/admin/simulator/")
    page.get_by_label(who, exact=True).check()
    for label, value in fields.items():
        page.locator(f"[name='{label}']").fill(value)
    page.locator("#id_placements").select_option("web.home.hero")
    button = page.get_by_role("button", name="Try", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    page.locator("#answer").wait_for()
    return page


def clean(visitor, page):
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return [*visitor.errors, *axe.findings(page), *(["too wide"] if wide else [])]


def test_every_offer_has_its_fate_and_the_nearest_change(visit):
    with visit("marketer") as visitor:
        page = asks(visitor)
        place = page.locator("[data-placement='web.home.hero']")

        assert place.locator("[data-offer]").count() > 3
        assert place.get_by_text("Nearest change:").count() > 0
        place.locator("details > summary").first.click()
        assert "somebody made up" in page.locator("#answer").inner_text()
        page.get_by_text("The same as a request").click()
        curl = page.locator("#curl-line")
        curl.focus()
        assert "YOUR_KEY" in curl.inner_text()
        assert clean(visitor, page) == []


def test_a_real_person_never_stands_in_the_address(visit, stack):
    user = demo(stack)
    with visit("marketer") as visitor:
        page = asks(visitor, who="a person", person=user)

        assert user not in page.url
        link = page.locator("#answer a", has_text="Link to this question").get_attribute("href")
        assert user not in link
        visitor.open(link)
        assert page.locator("#id_placements").evaluate("one => one.value") == "web.home.hero"
        assert page.locator("#id_person").input_value() == ""


@pytest.mark.parametrize("look", [{"color_scheme": "dark"}, PHONE])
def test_the_answer_is_clean_in_the_dark_and_on_a_phone(visit, look):
    with visit("marketer", **look) as visitor:
        page = asks(visitor)
        for one in page.locator("#answer details:not([open]) > summary").all()[:4]:
            one.click()

        assert clean(visitor, page) == []


def test_the_fields_follow_what_is_asked_under(visit):
    with visit("admin") as visitor:
        page = visitor.page
        visitor.open("/admin/simulator/")
        page.locator("#id_tcf").evaluate("one => one.closest('details').open = true")
        page.locator("#id_tcf").fill("typed before")
        values = page.locator("#id_under option").evaluate_all("every => every.map(o => o.value)")
        with page.expect_response("**/simulator/fields/"):
            page.locator("#id_under").select_option(values[-1])
            if len(values) == 1:
                page.locator("#id_under").dispatch_event("change")
        page.wait_for_function("() => !document.querySelector('.htmx-settling, .htmx-request')")

        assert page.locator("#id_tcf").input_value() == "typed before"


def test_from_an_offer_to_who_would_see_it(visit):
    with visit("marketer") as visitor:
        page = visitor.page
        visitor.open("/admin/campaigns/offer/")
        page.locator("#result_list tbody th a").first.click()
        page.get_by_role("link", name="Who would see it").click()
        page.locator("#just-miss").wait_for()
        assert clean(visitor, page) == []

        page.locator("#just-miss button, #would button").first.click()
        page.locator("#answer").wait_for()
        assert page.url.endswith("/admin/simulator/")
