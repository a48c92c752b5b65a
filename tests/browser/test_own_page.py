"""People's own page in a real browser: clean in every look, by keyboard alone, and without scripts."""

import re
from contextlib import closing

import httpx
import pytest

from tests.browser import axe
from tests.browser.strangers import stranger

pytestmark = pytest.mark.browser

LOOKS = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}},
}


@pytest.fixture
def link(stack):
    """Return the address of a household's own page, with what they were shown."""
    keys = {"Authorization": f"Bearer {stack.key('consents', 'decisions')}"}
    person = {"user_id": "household-7"}
    asked = {"person": person, "placements": [{"key": "web.home.hero"}]}
    with httpx.Client(base_url=stack.base_url, headers=keys, timeout=30) as api:
        decision = api.post("/v1/decisions", json=asked).raise_for_status().json()["decision_id"]
        made = api.post("/v1/me", json={"person": "user:household-7"}).raise_for_status().json()
    path = "/v1/me/" + made["url"].rpartition("/")[2]
    return f"{path}?decision={decision}"


@pytest.mark.parametrize("look", LOOKS)
def test_it_is_clean_in_every_look(chromium, stack, link, look):
    with stranger(chromium, stack, **LOOKS[look]) as visitor:
        visitor.open(link)
        for details in visitor.page.locator("details").all():
            details.evaluate("one => one.open = true")
        assert axe.findings(visitor.page) == []
        assert not visitor.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert visitor.errors == []


def test_r06_by_keyboard_alone_and_without_scripts(chromium, stack, link):
    with closing(chromium.new_context(java_script_enabled=False)) as context:
        page = context.new_page()
        page.goto(stack.base_url + link)
        assert page.get_by_role("heading", level=1).inner_text()

        def press(name):
            button = page.get_by_role("button", name=name).first
            button.focus()
            with page.expect_navigation():
                page.keyboard.press("Enter")

        press("Turn personalisation off")
        assert page.get_by_role("status").is_visible()
        a_yes = re.compile("^Allow: ")
        allow = page.get_by_role("button", name=a_yes)
        count = allow.count()
        press(a_yes)
        assert allow.count() < count
