"""The product in German: nothing known is left in English, nothing is wider than a phone."""

import httpx
import pytest

from tests.browser import axe

pytestmark = pytest.mark.browser

# Page -> what stands there in German.
PAGES = {
    "/admin/": ("Entscheidungen heute", "Wartet auf Ihre Prüfung", "Warnungen"),
    "/admin/campaigns/segment/add/": ("Wer gehört zu diesem Segment?", "Bedingung", "Gruppe"),
    "/admin/review/": ("Meine Änderungen", "Letzte Veröffentlichungen"),
    "/admin/decisioning/decisionrecord/": ("Letzte Entscheidungen", "Person oder Entscheidung"),
    "/admin/simulator/": ("Wer, wo, wann", "Wer sieht was"),
    "/admin/connect/": ("Ausprobieren", "Zuletzt verwendet"),
}
ENGLISH = (
    "Home", "Sign out", "Decisions today", "Waiting for your review", "Warnings", "Show as table", "Segments", "Offers",
    "Campaigns", "Review inbox", "Who sees what", "Connect a channel", "Condition", "Everyone", "People now", "Save",
    "What changes", "Submit for review", "Not shown", "Latest decisions", "Consent that covered it", "Record", "Try",
    "Search everything", "Keyboard shortcuts", "Change password", "Make a key", "Description", "Placements",
)  # fmt: skip
LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}},
}


@pytest.fixture
def german(visit):
    """Return a context manager like `visit`, of somebody who chose German; the stack speaks English after."""

    def opened(role, **options):
        return _InGerman(visit(role, **options))

    return opened


class _InGerman:
    def __init__(self, visiting):
        self.visiting = visiting

    def __enter__(self):
        visitor = self.visiting.__enter__()
        visitor.page.context.add_cookies(
            [{"name": "rtts_language", "value": "de", "url": visitor.base_url}]
        )
        return visitor

    def __exit__(self, *error):
        return self.visiting.__exit__(*error)


def left_in_english(page):
    """Return the known English words that are still the whole text of something on a page."""
    words = page.evaluate(
        """() => [...document.querySelectorAll("h1, h2, h3, th, dt, label, button, summary, option, a, legend, p")]
            .map((one) => one.innerText.trim())"""
    )
    return sorted(set(words) & set(ENGLISH))


def width_of(page):
    return page.evaluate("document.documentElement.scrollWidth")


@pytest.mark.parametrize("look", LOOKS)
def test_pages_are_german_and_sound(german, look):
    with german("marketer", **LOOKS[look]) as visitor:
        wrong = {}
        for path, words in PAGES.items():
            visitor.open(path)
            text = visitor.page.locator("body").inner_text()
            found = [f"missing: {one}" for one in words if one.lower() not in text.lower()]
            found += [f"English: {one}" for one in left_in_english(visitor.page)]
            found += axe.findings(visitor.page)
            if look == "phone" and width_of(visitor.page) > 390:
                found.append(f"{width_of(visitor.page)} px wide")
            if found:
                wrong[path] = found
        assert wrong == {}
        assert visitor.errors == []


def test_the_user_menu_chooses_the_language(visit):
    with visit("marketer") as visitor:
        page = visitor.page
        visitor.open("/admin/review/")
        page.locator("#user-menu summary").click()
        page.get_by_role("button", name="Deutsch").click()
        page.get_by_role("heading", level=1, name="Prüfung").wait_for()
        assert page.url.endswith("/admin/review/")
        assert page.locator("html").get_attribute("lang") == "de"

        page.locator("#user-menu").evaluate("menu => { menu.open = true }")
        page.locator("#user-menu").get_by_text("English").click()
        page.get_by_role("heading", level=1, name="Review").wait_for()
        assert visitor.errors == []


def test_a_rule_is_said_in_german_while_it_is_built(german):
    with german("marketer") as visitor:
        page = visitor.page
        visitor.open("/admin/campaigns/segment/add/")
        page.get_by_role("button", name="Bedingung", exact=True).first.click()
        page.get_by_label("Was betrachtet wird").first.select_option("attribute:loyalty_tier")
        page.get_by_text("gold", exact=True).first.click()
        page.locator(".words", has_text="Loyalty tier ist gold").first.wait_for()


def decided(stack):
    """Return the id of a decision made now."""
    reply = httpx.post(
        f"{stack.base_url}/v1/decisions",
        json={"person": {"anonymous_id": "german"}, "placements": [{"key": "web.home.hero"}]},
        headers={"Authorization": f"Bearer {stack.key('decisions')}"},
        timeout=30,
    )
    return reply.json()["decision_id"]


def test_a_decision_and_its_reasons_are_told_in_german(german, stack):
    with german("marketer") as visitor:
        page = visitor.page
        visitor.open(f"/admin/decisioning/decisionrecord/{decided(stack)}/")
        page.get_by_role("heading", name="Einwilligung dafür").wait_for()

        assert left_in_english(page) == []
        assert axe.findings(page) == []
        assert (
            page.get_by_text("Die Person erfüllt die Bedingungen nicht.")
            .or_(page.get_by_text("Die Einwilligung erlaubt es nicht"))
            .count()
        )
