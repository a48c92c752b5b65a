"""POST /v1/feedback: counts once, settles caps, joins outcomes to decisions."""

import asyncio
import time

import pytest

from consent import people
from decisioning.api.process import this_process
from decisioning.arbitration import reserve, totals
from decisioning.specs import CapSpec
from tests.decisioning import making
from tests.decisioning.making import call, decide, offer


def shown(reply):
    return [one["offer"] for place in reply.json["placements"] for one in place["offers"]]


def token(reply):
    return reply.json["placements"][0]["offers"][0]["tracking_token"]


async def report(key, kind, reply, **fields):
    return await call(
        "POST",
        "/v1/feedback",
        {"events": [{"type": kind, "tracking_token": token(reply), **fields}]},
        key=key,
    )


def capped(limit=1, **fields):
    cap = CapSpec(scope="person", limit=limit, **fields)
    return making.release(offers=(offer("winter-sale", purposes=making.SHOP, caps=(cap,)),))


async def test_an_impression_uses_up_the_cap(store, key):
    making.publish(store, capped(limit=1))
    first = await decide(key)

    reply = await report(key, "impression", first)
    again = await report(key, "impression", first)

    assert reply.json == {"accepted": 1, "duplicates": 0, "refused": []}
    assert again.json == {"accepted": 0, "duplicates": 1, "refused": []}
    assert shown(first) == ["winter-sale"]
    second = await decide(key, options={"explain": "reasons"})
    assert shown(second) == [None]
    assert second.json["explanation"][0]["code"] == "CAP_REACHED"


async def test_a_reservation_counts_until_it_lapses(store, key):
    making.publish(store, capped(limit=1))
    assert shown(await decide(key)) == ["winter-sale"]

    assert shown(await decide(key)) == [None]

    caps = people.caps_key(making.person_of("ana"))
    (field,) = store.hkeys(caps)
    store.hset(caps, field, 1)
    assert shown(await decide(key)) == ["winter-sale"]


async def test_refuses_a_token_of_its_own_making(store, key):
    making.publish(store)

    reply = await call(
        "POST",
        "/v1/feedback",
        {"events": [{"type": "click", "tracking_token": "AAAA" * 20}]},
        key=key,
    )

    assert reply.status == 200
    assert reply.json["refused"][0]["pointer"] == "/tracking_token"


async def test_names_a_wrong_field(store, key):
    reply = await call("POST", "/v1/feedback", {"events": [{"type": "look"}]}, key=key)

    assert reply.status == 422
    assert reply.json["errors"][0]["pointer"] == "/events/0/type"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timestamp", "0001-01-01T00:00:00+14:00"),
        ("timestamp", "1969-12-31T23:59:59Z"),
        ("timestamp", "9999-12-31T23:59:59-14:00"),
        ("message_id", "a\u0000b"),
        ("message_id", "a\nb"),
    ],
)
async def test_refuses_an_item_that_no_archive_can_hold(store, key, field, value):
    making.publish(store, capped())
    answer = await decide(key)

    reply = await report(key, "click", answer, **{field: value})

    assert (reply.status, reply.json["accepted"]) == (200, 0)
    assert [one["pointer"] for one in reply.json["refused"]] == [f"/{field}"]
    good = await report(key, "click", answer)
    assert good.json["accepted"] == 1


def total(counts, limit=1, window_s=None):
    cap = CapSpec(scope="total", counts=counts, limit=limit, window_s=window_s)
    offers = (offer("few", purposes=making.SHOP, caps=(cap,)),)
    return making.release(offers=offers)


async def shown_after_a_poll(key, user_id="ana"):
    """Decide once this process has looked for what is used up."""
    this_process().holder.poll()
    return shown(await decide(key, user_id))


async def test_a_total_of_clicks_closes_its_offer(store, key):
    making.publish(store, total("click"))
    first = await decide(key)
    assert await shown_after_a_poll(key) == ["few"]

    await report(key, "impression", first)
    assert await shown_after_a_poll(key) == ["few"]
    await report(key, "click", first)

    assert await shown_after_a_poll(key) == [None]
    making.publish(store, total("click", limit=2), version=2)
    assert await shown_after_a_poll(key) == ["few"]


async def test_a_total_of_clicks_opens_with_a_new_window(store, key):
    making.publish(store, total("click", window_s=86_400))
    await report(key, "click", await decide(key))
    assert await shown_after_a_poll(key) == [None]
    holder = this_process().holder

    tomorrow = int(time.time() * 1000) + 86_400_000
    offers = holder.current.held.offers.values()
    assert totals.closed_offers(store, offers, now_ms=tomorrow) == frozenset()


async def test_a_repeat_counts_what_the_first_could_not(store, key):
    making.publish(store, total("click", limit=2))
    first = await decide(key)
    slot = totals.count_key(this_process().holder.current.held.offers["few"], 0, now_ms=0)
    store.hset(slot, "in the way", 1)
    assert (await report(key, "click", first)).status == 503
    store.delete(slot)

    again = await report(key, "click", first)
    await report(key, "click", first)

    assert again.json["duplicates"] == 1
    assert store.get(slot) == b"1"


@pytest.mark.parametrize("window_s", [None, 86_400])
async def test_an_offer_used_up_is_tried_again(store, key, monkeypatch, window_s):
    monkeypatch.setattr(totals, "CLOSED_MS", 300)
    making.publish(store, total("impression", window_s=window_s))
    assert await shown_after_a_poll(key) == ["few"]
    assert await shown_after_a_poll(key, "ben") == [None]
    assert await shown_after_a_poll(key, "ben") == [None]
    making.publish(store, total("impression", limit=2, window_s=window_s), version=2)

    await asyncio.sleep(0.35)

    assert await shown_after_a_poll(key, "ben") == ["few"]


async def test_a_reservation_that_lapsed_is_shown_again(store, key, monkeypatch):
    monkeypatch.setattr(totals, "CLOSED_MS", 0)
    monkeypatch.setattr(reserve, "RESERVATION_MS", 2_000)
    making.publish(store, total("impression"))
    assert await shown_after_a_poll(key) == ["few"]
    assert await shown_after_a_poll(key) == [None]

    await asyncio.sleep(2.05)

    assert await shown_after_a_poll(key) == ["few"]


async def test_impressions_reported_close_nothing(store, key):
    making.publish(store, total("impression", limit=2, window_s=86_400))
    first, second = await decide(key), await decide(key)

    await report(key, "impression", first)
    await report(key, "impression", second)

    assert store.zcard(totals.CLOSED_KEY) == 0
