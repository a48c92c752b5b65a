"""The web SDK in a real browser: what it notes, what it shows, and what it does when something is missing."""

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from rtts_site.foundation import api_keys
from tests.browser.conftest import Visitor
from tests.browser.strangers import stranger

pytestmark = pytest.mark.browser

HIDE = """(state) => {
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
NOTE = "window.noted = []; rtts.on('event', ({ detail }) => noted.push(detail))"
KEY_ID = """
from rtts_site.foundation.models import ApiKey
from rtts_site.foundation.api_keys import digest_of
print(ApiKey.objects.get(digest=digest_of({secret!r})).id)
"""

PUSH = """
import json
from consent.people import Identifier, changed_channel, person_id
from django.conf import settings
from rtts_site.foundation.redis_clients import redis_client
person = person_id(Identifier("anonymous", {anonymous!r}), pepper=settings.RTTS_PEPPER)
data = json.dumps({{"trigger": "cart-left", "placement": {placement!r}}})
print(redis_client().publish(changed_channel(person), data))
"""


@pytest.fixture
def visitor(chromium, stack):
    with stranger(chromium, stack) as someone:
        yield someone


@pytest.fixture
def known(visitor):
    """Return a visitor who said yes, on a page of the bakery."""
    visitor.open("/shop/bakery/")
    visitor.says("Accept")
    return visitor


def events(visitor, name=None):
    """Return what was sent to the API as messages, of one name or all."""
    batches = [body["batch"] for path, body in visitor.sent if path == "/v1/batch"]
    found = {one["messageId"]: one for batch in batches for one in batch}.values()
    return [one for one in found if name in (None, one.get("event", one["type"]))]


def eventually(visitor, done, patience_s=20):
    """Return what `done` returns once that is something; meanwhile the page goes on."""
    end = time.monotonic() + patience_s
    while not (found := done()):
        assert time.monotonic() < end
        visitor.page.wait_for_timeout(50)
    return found


def reports(visitor):
    """Return what was reported of offers."""
    bodies = [body for path, body in visitor.sent if path == "/v1/feedback"]
    return [one["type"] for body in bodies for one in body["events"]]


def test_a_view_is_told_with_its_address_and_without_its_query(visitor):
    visitor.open("/shop/bakery/?utm_source=flyer&email=ann@example.org#x")
    visitor.says("Accept")
    (view,) = events(visitor, "page")

    assert view["properties"]["path"] == "/shop/bakery/"
    assert view["context"]["campaign"] == {"source": "flyer"}
    assert "example.org" not in json.dumps(visitor.sent)
    assert re.fullmatch("[0-9a-f]{32}", view["anonymousId"])
    assert visitor.errors == []


def test_a_view_has_one_engagement_that_grows(known):
    page = known.page
    page.evaluate(NOTE)
    page.locator("[data-rtts-key='product-866227']").hover()
    page.wait_for_timeout(300)
    page.evaluate("document.body.style.minHeight = '5000px'")
    page.mouse.wheel(0, 1_500)
    known.until("noted.length")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_timeout(300)  # times are told in tenths of a second
    page.evaluate(HIDE, "hidden")
    page.evaluate(HIDE, "visible")
    told = [one for one in page.evaluate("noted") if one.get("event") == "Page Engaged"]
    first, last = told[0]["properties"], told[-1]["properties"]

    assert len(told) >= 2
    assert len({one["messageId"] for one in told}) == len(told)
    assert {one["properties"]["view_id"] for one in told} == {first["view_id"]}
    assert last["sequence"] > first["sequence"]
    assert last["scroll_depth_percent"] == 100
    assert last["scroll_depth_px"] > first["scroll_depth_px"] > 0
    assert last["time_on_page_s"] > first["time_on_page_s"] > 0
    assert last["hover_ms"]["product-866227"] >= 250


def test_hidden_time_does_not_count(known):
    page = known.page
    page.evaluate(NOTE)
    page.evaluate(HIDE, "hidden")
    page.wait_for_timeout(1_000)
    page.evaluate(HIDE, "visible")
    page.evaluate(HIDE, "hidden")
    told = [one["properties"]["time_on_page_s"] for one in page.evaluate("noted")]

    assert told[-1] - told[0] < 0.5


def test_each_event_of_a_view_has_the_next_number(known):
    known.page.evaluate("for (let n = 0; n < 50; n++) rtts.track('Counted', { n })")
    eventually(known, lambda: len(events(known, "Counted")) == 50)
    views = {one["context"]["view"]["id"] for one in events(known)}
    numbers = [one["context"]["view"]["sequence"] for one in events(known)]

    assert len(views) == 1
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_a_screen_of_a_single_page_app_is_a_view(known):
    known.page.evaluate("history.pushState({}, '', '/shop/bakery/offers')")
    views = eventually(known, lambda: len(found := events(known, "page")) == 2 and found)

    assert views[1]["properties"]["path"] == "/shop/bakery/offers"
    assert views[0]["context"]["view"]["id"] != views[1]["context"]["view"]["id"]


def test_what_is_seen_and_clicked_is_reported(known):
    for number in range(3):
        known.looks_at(number)
    known.slot.locator("[data-rtts-offer]").wait_for()
    eventually(known, lambda: reports(known) == ["impression"])
    known.slot.locator("a").click()

    eventually(known, lambda: reports(known) == ["impression", "click"])
    assert known.errors == []


def push(stack, visitor, placement="web.shop.hero"):
    """Tell a visitor's stream that a trigger pushes an offer, as the collector does."""
    said = stack.python(PUSH.format(anonymous=visitor.anonymous_id, placement=placement))
    assert int(said.splitlines()[-1]) >= 1


def test_a_pushed_decision_is_shown_on_the_stream_that_brought_it(known, stack):
    known.page.evaluate(
        "window.pushed = []; rtts.on('trigger', ({ detail }) => pushed.push(detail))"
    )
    known.page.route("**/v1/decisions", lambda route: route.abort())
    heard = known.page.evaluate("heard")
    for number in range(3):
        known.looks_at(number)
    known.until(f"heard > {heard}")
    known.page.wait_for_timeout(500)
    assert known.slot.locator("[data-rtts-offer]").count() == 0
    known.page.unroute("**/v1/decisions")
    streams = []
    known.page.on("request", lambda one: "/v1/stream" in one.url and streams.append(one.url))

    push(stack, known)
    known.until("pushed.length")
    known.slot.locator("[data-rtts-offer]").wait_for()
    (pushed,) = known.page.evaluate("pushed")

    assert pushed["trigger"] == "cart-left"
    assert [one["key"] for one in pushed["decision"]["placements"]] == ["web.shop.hero"]
    assert streams == []


def test_a_pushed_decision_for_no_slot_of_the_page_is_told_and_leaves_the_others(known, stack):
    known.page.evaluate(
        "window.pushed = []; rtts.on('trigger', ({ detail }) => pushed.push(detail))"
    )
    before = known.slot.inner_text()

    push(stack, known, placement="web.shop.basket")
    known.until("pushed.length")

    assert known.slot.inner_text() == before
    assert known.errors == []


def test_a_slow_decision_leaves_what_the_server_rendered(visitor):
    visitor.open("/shop/bakery/")
    visitor.page.route("**/v1/decisions", lambda route: (time.sleep(1), route.abort()))
    visitor.page.route("**/v1/stream*", lambda route: route.abort())
    visitor.page.locator("#banner").get_by_role("button", name="Accept").click()
    visitor.until("rtts.state.id")
    took, said = visitor.page.evaluate(
        """async () => {
          const started = performance.now();
          const said = await rtts.decide(["web.shop.hero"]);
          return [performance.now() - started, said];
        }"""
    )

    assert said is None
    assert 250 < took < 900
    assert "Fresh food, every day" in visitor.slot.inner_text()


def test_the_signal_of_the_browser_goes_with_every_question(chromium, stack):
    with stranger(chromium, stack) as visitor:
        visitor.context.add_init_script(
            "Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })"
        )
        streams = []
        visitor.page.on(
            "request", lambda one: streams.append(one.url) if "/v1/stream" in one.url else None
        )
        visitor.open("/shop/")
        visitor.says("Accept")
        asked = [body for path, body in visitor.sent if path == "/v1/decisions"]
        said = [body for path, body in visitor.sent if path == "/v1/consents"]

        assert all(one["consent"]["gpc"] for one in asked)
        assert said[0]["evidence"]["gpc"]
        assert all("gpc=1" in one for one in streams)


def test_a_consent_that_is_not_confirmed_is_said_again(visitor):
    visitor.open("/shop/")
    visitor.page.route("**/v1/consents", lambda route: route.abort(), times=2)
    visitor.says("Accept")
    said = [body for path, body in visitor.sent if path == "/v1/consents"]

    assert len(said) == 3
    assert said[0] == said[2]


def test_a_withdrawal_outlives_the_page(visitor):
    visitor.open("/shop/")
    visitor.says("Accept")
    visitor.page.route("**/v1/consents", lambda route: route.abort())
    visitor.page.get_by_role("button", name="Withdraw my consent").click()
    visitor.page.wait_for_timeout(200)
    visitor.page.unroute("**/v1/consents")
    visitor.open("/shop/bakery/")
    visitor.until("Object.keys(localStorage).length === 1")

    assert visitor.sent[-1][0] == "/v1/consents"
    assert visitor.sent[-1][1]["changes"][0]["status"] == "withdrawn"
    assert visitor.page.evaluate("rtts.state.id") is None


def test_a_no_is_said_by_itself_and_kept_where_it_is_refused(known):
    known.page.route("**/v1/consents", lambda route: route.fulfill(status=403, body="{}"), times=1)
    known.page.evaluate("rtts.consent({ personalisation: true, personalised_offers: false })")
    known.until("!Object.keys(localStorage).some((name) => name.startsWith('rtts.page.'))")
    said = [body["changes"] for path, body in known.sent if path == "/v1/consents"][1:]
    told = [[(one["purpose"], one["status"]) for one in changes] for changes in said]

    assert told == [
        [("personalised_offers", "withdrawn")],
        [("personalised_offers", "withdrawn")],
        [("personalisation", "given")],
    ]


def test_a_withdrawal_that_waits_outlives_the_other_pages_of_the_site(known):
    other = known.context.new_page()
    other.goto(f"{known.base_url}/shop/")
    known.page.route("**/v1/consents", lambda route: route.abort())
    known.page.get_by_role("button", name="Withdraw my consent").click()
    other.wait_for_timeout(500)

    kept = known.stored()["local"]
    (waiting,) = [json.loads(text) for name, text in kept.items() if name.startswith("rtts.page.")]
    assert waiting["queue"] == []
    assert waiting["unsaid"][0]["body"]["changes"][0]["status"] == "withdrawn"
    assert other.evaluate("rtts.state.id") is None


def test_identify_joins_the_visitor_to_the_user(known, stack):
    secret = stack.key("decisions", "profiles")
    key_id = stack.python(KEY_ID.format(secret=secret)).strip()
    user = f"sdk-{known.anonymous_id[:8]}"
    proof = api_keys.sign_proof(secret, key_id=key_id, user_id=user, expires_at=time.time() + 600)
    headers = {"Authorization": f"Bearer {secret}"}

    def whose(person):
        answer = httpx.get(f"{stack.base_url}/v1/profiles/{person}", headers=headers, timeout=30)
        return answer.json()["person_id"] if answer.status_code == 200 else person

    known.page.evaluate("([user, proof]) => rtts.identify(user, {}, proof)", [user, proof])
    visitor = f"anonymous:{known.anonymous_id}"
    eventually(known, lambda: whose(f"user:{user}") == whose(visitor))
    known.page.evaluate("rtts.track('Product Viewed', { department: 'Bakery' })")
    known.until("!Object.keys(localStorage).some((name) => name.startsWith('rtts.page.'))")

    assert "userId" not in events(known, "Product Viewed")[-1]
    assert proof not in json.dumps(known.stored())
    assert known.errors == []


def test_reset_asks_the_next_visitor_again(known):
    before = known.anonymous_id
    known.page.evaluate("rtts.reset()")

    assert known.stored()["local"] == {}
    assert known.page.locator("#banner").is_visible()
    known.says("Accept")
    assert known.anonymous_id != before


class Elsewhere(BaseHTTPRequestHandler):
    """A site of its own, with a strict policy, that has nothing of ours but the tag and a slot."""

    html = policy = ""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", self.policy)
        self.end_headers()
        self.wfile.write(self.html.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def elsewhere(stack):
    """Return the address of a site of another origin, which has a key of its own."""
    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        site = f"http://127.0.0.1:{server.server_port}"
        scopes = [part for one in ("consents", "decisions", "events") for part in ("--scope", one)]
        key = stack.manage("rtts_key", "elsewhere", "--browser", "--origin", site, *scopes).strip()
        tag = stack.manage("rtts_sdk", "--base", stack.base_url, "--key", key).splitlines()[0]
        Elsewhere.html = f"""<!DOCTYPE html><html lang="en"><head><title>Elsewhere</title>{tag}
            <link rel="icon" href="data:,"></head>
            <body><div data-rtts-slot="web.shop.hero">Fallback</div></body></html>"""
        Elsewhere.policy = f"default-src 'none'; img-src data:; script-src {stack.base_url}; connect-src {stack.base_url}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield site
        server.shutdown()
        thread.join()


def test_a_site_of_another_origin_pins_and_uses_it(chromium, elsewhere):
    context = chromium.new_context()
    visitor = Visitor(context, elsewhere)
    visitor.open("/")
    said = visitor.page.evaluate("rtts.consent({ personalisation: true })")
    visitor.page.evaluate(
        "for (let n = 0; n < 3; n++) rtts.track('Product Viewed', { department: 'Deli' })"
    )
    visitor.page.locator("[data-rtts-offer]").wait_for()

    assert said is True
    assert "Free side dish" in visitor.page.locator("[data-rtts-slot]").inner_text()
    visitor.page.evaluate("rtts.consent({ personalisation: false })")
    assert visitor.page.locator("[data-rtts-slot]").inner_text() == "Fallback"
    assert visitor.errors == []
    context.close()


def test_a_changed_script_does_not_run(visitor):
    visitor.page.route(
        "**/sdk/rtts.js*",
        lambda route: route.fulfill(
            body="window.rtts = {}", headers={"access-control-allow-origin": "*"}
        ),
    )
    visitor.open("/shop/")

    assert visitor.page.evaluate("typeof rtts") == "undefined"
    assert any("integrity" in one for one in visitor.errors)
