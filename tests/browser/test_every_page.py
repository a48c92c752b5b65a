"""No page has an accessibility finding, breaks the strict policy or asks anybody else for anything."""

import pytest

from tests.browser import axe

pytestmark = pytest.mark.browser

PAGES = (
    "/admin/",
    "/admin/search/?q=gold",
    "/admin/password_change/",
    "/admin/campaigns/campaign/",
    "/admin/campaigns/campaign/add/",
    "/admin/campaigns/offer/",
    "/admin/campaigns/offer/add/",
    "/admin/import/offer/",
    "/admin/consent/policyversion/",
    "/admin/campaigns/segment/",
    "/admin/campaigns/segment/add/",
    "/admin/campaigns/experiment/add/",
    "/admin/campaigns/attribute/",
    "/admin/campaigns/attribute/add/",
    "/admin/campaigns/eventtype/add/",
    "/admin/campaigns/placement/add/",
    "/admin/campaigns/purpose/",
    "/admin/campaigns/change/",
    "/admin/campaigns/release/",
    "/admin/review/",
    "/admin/notifications/",
    "/admin/webhooks/",
    "/admin/campaigns/approvalrule/",
    "/admin/decisioning/decisionrecord/",
    "/admin/attention/",
    "/admin/attention/?notes=1",
    "/admin/simulator/",
    "/admin/people/",
    "/admin/reports/",
    "/admin/connect/",
    "/admin/pictures/",
    "/admin/calendar/",
    "/admin/getting-started/",
    "/admin/auth/user/",
    "/admin/auth/user/add/",
    "/admin/auth/group/",
)
DETAILS = (  # the first entry of a list
    ("/admin/campaigns/segment/", "#result_list tbody th a"),
    ("/admin/campaigns/offer/", "#result_list tbody th a"),
    ("/admin/campaigns/campaign/", "#result_list tbody th a"),
)
LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}},
}


def looked_at(visitor, path):
    """Return everything wrong with a page."""
    answer = visitor.open(path)
    if answer.status != 200:
        return [f"{path}: {answer.status}"]
    return checked(visitor, path)


def checked(visitor, path):
    page = visitor.page
    page.wait_for_load_state("networkidle")
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    found = [*visitor.errors, *axe.findings(page), *(["is wider than the screen"] if wide else [])]
    visitor.errors.clear()
    return [f"{path}: {one}" for one in found]


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_is_clean(visit, look):
    found = []
    with visit("admin", **LOOKS[look]) as visitor:
        for path in PAGES:
            found += looked_at(visitor, path)
        for path, link in DETAILS:
            visitor.open(path)
            visitor.page.locator(link).first.click()
            found += checked(visitor, path + "…")

    assert found == []


@pytest.mark.parametrize("look", LOOKS)
def test_the_pages_of_strangers_are_clean(stack, chromium, look):
    context = chromium.new_context(**LOOKS[look])
    page = context.new_page()

    for path in ("/admin/login/", "/admin/no-such-page/", "/no-such-page"):
        page.goto(stack.base_url + path)
        assert axe.findings(page) == []
    context.close()


def test_the_policy_forbids_everything_inline(visit):
    with visit("marketer") as visitor:
        policy = visitor.open("/admin/").headers["content-security-policy"]

    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
