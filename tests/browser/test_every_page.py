"""No page has an accessibility finding, breaks the strict policy or asks anybody else for anything."""

import pytest

from tests import routes
from tests.browser import axe, crawling, one_of_each

pytestmark = pytest.mark.browser

OFFER = "gold-thanks"
STARTS = (  # what only a form, a search or time leads to
    "/admin/",
    "/admin/campaigns/",
    "/admin/search/?q=gold",
    "/admin/campaigns/offer/?q=nothing-is-called-so",
    "/admin/attention/?notes=1",
    "/admin/password_change/done/",
    f"/admin/reports/offer/{OFFER}/",
)
LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}},
}
TURNED = {"light": ("light", 1280), "dark": ("dark", 1280), "phone": ("light", 390)}


def checked(visitor, path):
    page = visitor.page
    page.wait_for_load_state("networkidle")
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    found = [*visitor.errors, *axe.findings(page), *(["is wider than the screen"] if wide else [])]
    visitor.errors.clear()
    return [f"{path}: {one}" for one in found]


@pytest.fixture(scope="module")
def fetch(stack, visit):
    with visit("admin") as visitor:

        def fetched(address):
            answer = visitor.page.request.get(stack.base_url + address, max_redirects=0)
            is_html = answer.ok and answer.headers["content-type"].startswith("text/html")
            return answer.text() if is_html else "", answer.headers.get("location")

        yield fetched


@pytest.fixture(scope="module")
def pages(stack, fetch):
    """Return one address for each kind of page, by route; there is one of everything to look at."""
    with one_of_each.made(stack, offer=OFFER) as more:
        yield crawling.crawl(fetch, [*STARTS, *more])


def test_links_lead_to_every_page(pages, fetch):
    linked = {route for route, *_kinds in pages}
    others = dict(routes.routes()).items()

    found = {
        route: address
        for route, address in others
        if route not in linked and address.startswith(crawling.WITHIN)
        if crawling.Page(fetch(address)[0]).is_whole
    }

    assert found == {}


def test_every_page_is_clean(visit, pages):
    """Each page is loaded once and turned dark and narrow where it stands."""
    found = []
    with visit("admin", reduced_motion="reduce") as visitor:
        for address in pages.values():
            answer = visitor.open(address)
            found += [f"{address}: {answer.status}"] if answer.status != 200 else []
            for look, (scheme, width) in TURNED.items():
                visitor.page.emulate_media(color_scheme=scheme)
                visitor.page.set_viewport_size({"width": width, "height": 844})
                found += checked(visitor, f"{address} {look}")

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
