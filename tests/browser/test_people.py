"""One person in a browser: everything known, clean on every screen, nobody in the address."""

import json

import pytest

from tests.browser import axe

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    "look", [{}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}]
)
def test_a_person_is_looked_up_by_keyboard(visit, stack, look):
    user = json.loads((stack.var / "demo.json").read_text())["request"]["person"]["user_id"]
    with visit("compliance", **look) as visitor:
        page = visitor.page
        visitor.open("/admin/people/")
        page.locator("#id_person").focus()
        page.keyboard.type(f"user:{user}")
        page.keyboard.press("Enter")
        page.locator("#identities").wait_for()

        for part in ("attributes", "consents", "segments", "events", "decisions"):
            assert page.locator(f"#{part}").count() == 1
        assert page.locator("#attributes tbody tr").count() > 0
        assert page.locator("#events tbody tr").count() > 0
        assert user not in page.url
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not wide
        assert [*visitor.errors, *axe.findings(page)] == []
