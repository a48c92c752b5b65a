"""POST /v1/feedback: counts once, settles caps, joins outcomes to decisions."""

import pytest

from consent import people
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
