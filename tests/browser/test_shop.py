"""The demo shop in a real browser: consent first, segments and offers that follow what is looked at."""

import httpx
import pytest

from tests.browser import axe
from tests.browser.strangers import NOTHING, stranger

pytestmark = pytest.mark.browser

LIMIT_MS = 400  # from a third view to another offer in the page
FACTOR = 10  # what a test allows a machine with much else to do; the benchmark allows nothing
FALLBACK = "Fresh food, every day"
OFFER = "Buy two from the oven, get the third"
PAGES = (
    "/shop/",
    "/shop/bakery/",
    "/shop/products/866227/",
    "/shop/basket/",
    "/shop/checkout/",
)
CHANGE = """() => new Promise((resolve) => {
  const slot = document.querySelector("[data-rtts-slot='web.shop.hero']");
  addEventListener("click", () => (window.clicked = performance.now()), { capture: true, once: true });
  new MutationObserver((_, watching) => {
    watching.disconnect();
    window.changed = performance.now() - clicked;
  }).observe(slot, { childList: true });
  resolve();
})"""


@pytest.fixture
def visitor(chromium, stack):
    with stranger(chromium, stack) as someone:
        yield someone
        assert someone.errors == []


def decided(stack, anonymous):
    """Return what a server would show to a visitor."""
    ask = {
        "person": {"anonymous_id": anonymous},
        "placements": [{"key": "web.shop.hero"}],
        "options": {"dry_run": True},
    }
    key = {"Authorization": f"Bearer {stack.key('decisions')}"}
    answer = httpx.post(f"{stack.base_url}/v1/decisions", json=ask, headers=key, timeout=30)
    return answer.raise_for_status().json()["placements"][0]["status"]


def test_nothing_is_stored_or_sent_before_consent(visitor):
    for path in PAGES:
        visitor.open(path)
        visitor.page.mouse.wheel(0, 2_000)
        visitor.page.wait_for_timeout(300)
        assert visitor.stored() == NOTHING
        assert visitor.context.cookies() == []
    visitor.open("/shop/bakery/")
    for number in range(3):
        visitor.looks_at(number)
    visitor.page.wait_for_timeout(1_500)

    assert visitor.sent == []
    assert visitor.stored() == NOTHING
    assert FALLBACK in visitor.slot.inner_text()


def test_a_no_is_kept_and_nothing_else(visitor):
    visitor.open("/shop/bakery/")
    visitor.says("Decline")
    visitor.looks_at(0)
    visitor.page.wait_for_timeout(500)
    visitor.open("/shop/")

    kept = visitor.stored()["local"]
    assert list(kept) == ["rtts"]
    assert "id" not in kept["rtts"].replace("refused", "")
    assert not visitor.page.locator("#banner").is_visible()
    assert visitor.sent == []


def test_yes_and_no_are_equally_easy(visitor):
    visitor.open("/shop/")
    boxes = [
        visitor.page.get_by_role("button", name=name).evaluate(
            "(one) => [one.offsetWidth, one.offsetHeight, getComputedStyle(one).backgroundColor, getComputedStyle(one).color]"
        )
        for name in ("Accept", "Decline")
    ]

    assert boxes[0] == boxes[1]


def test_a_third_view_changes_the_slot(visitor, capsys):
    visitor.open("/shop/bakery/")
    visitor.says("Accept")
    address = visitor.page.url
    visitor.looks_at(0)
    visitor.looks_at(1)
    visitor.page.wait_for_timeout(500)
    assert FALLBACK in visitor.slot.inner_text()

    visitor.page.evaluate(CHANGE)
    visitor.looks_at(2)
    visitor.until("window.changed")

    took = visitor.page.evaluate("changed")
    with capsys.disabled():
        print(f"\nthird view -> another offer in the page: {took:.0f} ms (limit {LIMIT_MS} ms)")
    assert OFFER in visitor.slot.inner_text()
    assert visitor.page.url == address
    assert took < LIMIT_MS * FACTOR
    visitor.page.locator("#segments").get_by_text("Viewed 3 products of Bakery").wait_for()
    visitor.page.locator("#offers").get_by_text("shop-looks-at-bakery").wait_for()
    # A product that is looked at makes room for its words; nothing else moves.
    assert {moved for _, moved in visitor.page.evaluate("shifts")} <= {"LI card,BUTTON ", "BUTTON "}


def test_the_third_product_page_changes_too(visitor):
    visitor.open("/shop/")
    visitor.says("Accept")
    for number in ("1082185", "1127831", "904360"):
        visitor.open(f"/shop/products/{number}/")
    visitor.slot.get_by_text("A fifth off all fruit and vegetables today").wait_for()

    assert visitor.page.evaluate("shifts") == []


def test_the_basket_has_an_offer_of_its_own(visitor):
    visitor.open("/shop/deli/")
    visitor.says("Accept")
    visitor.page.get_by_role("button", name="Put Cheddar into the basket").click()
    visitor.open("/shop/basket/")
    visitor.page.get_by_text("Free delivery if you order within the hour").wait_for()
    assert visitor.page.locator("#sum").inner_text() == "$2.69"

    visitor.open("/shop/checkout/")
    visitor.page.get_by_role("button", name="Order").click()
    visitor.page.get_by_text("Thank you for your order.").wait_for()
    visitor.open("/shop/basket/")
    visitor.page.get_by_text("Collect it at your store").wait_for()


def test_withdrawing_empties_the_slot_and_erases(visitor, stack):
    visitor.open("/shop/bakery/")
    visitor.says("Accept")
    for number in range(3):
        visitor.looks_at(number)
    visitor.slot.get_by_text(OFFER).wait_for()
    anonymous = visitor.anonymous_id
    assert decided(stack, anonymous) == "offers"

    said = visitor.page.evaluate(
        """() => {
          document.querySelector("#privacy").click();
          return [document.querySelector(".slot").innerText, Object.keys(localStorage).length, localStorage.rtts];
        }"""
    )

    assert FALLBACK in said[0]
    assert "refused" in said[2]
    visitor.until("Object.keys(localStorage).length === 1")
    assert anonymous not in str(visitor.stored())
    assert visitor.sent[-1][0] == "/v1/consents"
    assert {one["status"] for one in visitor.sent[-1][1]["changes"]} == {"withdrawn"}
    before = len(visitor.sent)
    visitor.looks_at(3)
    visitor.page.mouse.wheel(0, 2_000)
    visitor.page.wait_for_timeout(1_000)
    visitor.open("/shop/bakery/")
    visitor.page.wait_for_timeout(500)
    assert len(visitor.sent) == before
    assert decided(stack, anonymous) == "fallback"


def test_a_no_in_one_page_stops_the_others(visitor):
    visitor.open("/shop/bakery/")
    visitor.says("Accept")
    for number in range(3):
        visitor.looks_at(number)
    visitor.slot.get_by_text(OFFER).wait_for()
    other = visitor.context.new_page()
    other.goto(visitor.base_url + "/shop/")
    other.get_by_role("button", name="Withdraw my consent").click()

    visitor.slot.get_by_text(FALLBACK).wait_for()
    assert visitor.page.evaluate("rtts.state.id") is None


@pytest.mark.parametrize(
    "look",
    [{}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}],
    ids=["light", "dark", "phone"],
)
def test_the_shop_is_clean(chromium, stack, look):
    found = []
    with stranger(chromium, stack, reduced_motion="reduce", **look) as someone:
        page = someone.page
        for answer in (None, "Accept"):
            for path in PAGES:
                assert someone.open(path).status == 200
                if answer and path == PAGES[0]:
                    someone.says(answer)
                wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
                found += [f"{path}: {one}" for one in axe.findings(page)]
                found += [f"{path} is wider than the screen"] * wide
        assert [*found, *someone.errors] == []


def test_the_shop_works_by_keyboard(visitor):
    page = visitor.page
    visitor.open("/shop/bakery/")
    reach(page, "Accept")
    page.keyboard.press("Enter")
    visitor.wait_until_known()
    for _ in range(3):
        reach(page, "Quick look")
        page.keyboard.press("Enter")
    visitor.slot.get_by_text(OFFER).wait_for()
    reach(page, "Withdraw my consent", back=True)
    page.keyboard.press("Enter")

    visitor.slot.get_by_text(FALLBACK).wait_for()


def reach(page, name, *, back=False):
    """Move on with the tab key until something is called so."""
    for _ in range(60):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if page.evaluate("document.activeElement?.textContent.trim()") == name:
            return
    raise AssertionError(f"the tab key does not lead to “{name}”")


def test_the_shop_keeps_the_strict_policy(visitor):
    policy = visitor.open("/shop/").headers["content-security-policy"]

    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
