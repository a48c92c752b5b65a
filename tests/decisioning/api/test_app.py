"""What every fast path does alike: rates of keys, headers that are sent again."""

import pytest

from decisioning.api.http import ROUTES
from decisioning.api.process import this_process
from rtts_site.foundation.limits import BATCH, BROWSER, DECISIONS, EVENTS, Limiter
from rtts_site.foundation.redis_clients import hot_client
from tests.decisioning import making
from tests.decisioning.making import call, offer

ASKED = {"person": {"user_id": "ana"}, "placements": [{"key": "web.home.hero"}]}
VISITOR = {
    "person": {"anonymous_id": "0123456789abcdef" * 2},
    "placements": [{"key": "web.home.hero"}],
}
SHOP = "https://shop.example"
TRACK = {"event": "Order", "userId": "ana", "messageId": "m1"}


@pytest.fixture
def still(kept):
    """Stop the clock of the rates."""
    this_process().limiter = Limiter(clock=lambda: 0.0)


async def spend_all_but_one(rate, secret):
    key = await this_process().keys.find(hot_client(), secret)
    this_process().limiter.take_locally(rate, key.id, cost=rate.quota - 1)


async def test_an_answer_says_what_is_left_of_its_keys_rate(store, still, key):
    reply = await call("POST", "/v1/decisions", ASKED, key=key)

    assert reply.status == 200
    assert reply.headers["RateLimit-Policy"] == '"decisions";q=600000;w=60'
    assert reply.headers["RateLimit"] == '"decisions";r=599999;t=1'


async def test_past_the_rate_a_key_waits_and_others_do_not(store, still, key):
    await spend_all_but_one(DECISIONS, key)

    last = await call("POST", "/v1/decisions", ASKED, key=key)
    past = await call("POST", "/v1/decisions", ASKED, key=key)
    other = await call("POST", "/v1/decisions", ASKED, key=making.make_key(store, "decisions"))

    assert (last.status, past.status, other.status) == (200, 429, 200)
    assert past.headers["Retry-After"] == "1"
    assert "600,000 requests" in past.json["detail"]


async def test_events_have_a_rate_of_their_own(store, still, key):
    both = making.make_key(store, "events", "decisions")
    await spend_all_but_one(DECISIONS, both)
    await call("POST", "/v1/decisions", ASKED, key=both)

    reply = await call("POST", "/v1/track", TRACK, key=both)

    assert reply.status == 200
    assert reply.headers["RateLimit"].startswith('"events";')


async def test_a_browser_key_is_limited_whatever_it_asks_and_its_page_may_read_so(store, still):
    browser = making.make_key(store, "decisions", kind="browser", origins=(SHOP,))
    await spend_all_but_one(BROWSER, browser)

    replies = [
        await call("POST", "/v1/decisions", VISITOR, key=browser, headers={"origin": SHOP})
        for _ in range(2)
    ]

    assert [reply.status for reply in replies] == [200, 429]
    assert replies[1].headers["access-control-allow-origin"] == SHOP


def test_paths_count_against_the_rate_of_what_they_do():
    rates = {path: found.rate for (_, path), found in ROUTES.items()}

    assert rates["/v1/decisions/batch"] == BATCH
    assert {rates[path] for path in ("/v1/batch", "/v1/t", "/v1/events", "/v1/feedback")} == {
        EVENTS
    }


@pytest.mark.parametrize(
    ("values", "narrows"),
    [(("1", "0"), True), (("0", "1"), True), (("0, 1",), True), (("0", "10"), False), ((), False)],
)
async def test_one_signal_of_several_is_enough_to_narrow(store, key, values, narrows):
    making.publish(store, making.release(offers=(offer("for-all"),)))
    making.consent(store, "ana")

    reply = await call(
        "POST", "/v1/decisions", ASKED, key=key, more=[("sec-gpc", value) for value in values]
    )
    signalled = await call("POST", "/v1/decisions", {**ASKED, "consent": {"gpc": narrows}}, key=key)

    assert reply.json["placements"][0]["status"] == signalled.json["placements"][0]["status"]
    assert (reply.json["placements"][0]["status"] != "offers") is narrows
