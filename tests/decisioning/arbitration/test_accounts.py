"""Limits that count what all members of an account were shown, through the decision API."""

import asyncio

import pytest
from django.conf import settings

from consent import people
from decisioning.arbitration.caps import RESERVATION_MS
from decisioning.ingestion.identities import account_named
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.cells import Cell
from decisioning.profiles.folding import fold
from decisioning.profiles.profile import Profile, decode_profile, encode_profile
from decisioning.rules.compiler import compile_release
from decisioning.specs import CapSpec
from tests.decisioning import making
from tests.decisioning.making import call, offer

HOUSE = people.person_id(account_named("household:h-1"), pepper=settings.RTTS_PEPPER)
WEEK = 7 * 86_400
PATIENT = {"deadline_ms": 5_000, "explain": "reasons"}


def decide(key, user_id):
    return making.decide(key, user_id, options=PATIENT)


def publish(store, *, limit=1, counts="impression", **fields):
    cap = CapSpec(scope="account", of="household", limit=limit, counts=counts, window_s=WEEK)
    spec = making.release(offers=(offer("sale", purposes=making.SHOP, caps=(cap,), **fields),))
    making.publish(store, spec)


def belong(store, *users):
    groups = {"household": Cell("h-1", making.NOW_MS, 1, "k")}
    for user in users:
        store.set(
            people.profile_key(making.person_of(user)), encode_profile(Profile(groups=groups))
        )


def shown(reply):
    assert reply.status == 200, reply.json
    return [one["offer"] for place in reply.json["placements"] for one in place["offers"]]


async def report(key, kind, reply):
    token = reply.json["placements"][0]["offers"][0]["tracking_token"]
    body = {"events": [{"type": kind, "tracking_token": token}]}
    return await call("POST", "/v1/feedback", body, key=key)


async def test_what_one_member_was_shown_counts_for_the_others(store, key):
    publish(store)
    belong(store, "ana", "ben")

    first = await decide(key, "ana")
    claimed = await decide(key, "ben")
    await report(key, "impression", first)
    await report(key, "impression", first)
    confirmed = await decide(key, "ben")
    stranger = await decide(key, "cleo")

    assert [shown(one) for one in (first, claimed, confirmed)] == [["sale"], [None], [None]]
    assert claimed.json["explanation"][0]["code"] == "CAP_REACHED"
    assert shown(stranger) == ["sale"]
    assert store.hget(people.caps_key(HOUSE), "impression|sale@*").count(b",") == 0


async def test_a_claim_that_nothing_confirms_lapses(store, key):
    publish(store)
    belong(store, "ana", "ben")
    await decide(key, "ana")
    caps = people.caps_key(HOUSE)
    for field, until in store.hgetall(caps).items():
        store.hset(caps, field, int(until) - RESERVATION_MS - 1)

    assert shown(await decide(key, "ben")) == ["sale"]


@pytest.mark.parametrize("counts", ["impression", "decision"])
async def test_members_who_ask_at_once_never_pass_the_limit(store, key, counts):
    publish(store, limit=3, counts=counts)
    users = [f"user-{number}" for number in range(8)]
    belong(store, *users)

    replies = await asyncio.gather(*(decide(key, user) for user in users))

    assert sum(shown(one) == ["sale"] for one in replies) == 3


async def test_a_last_step_that_fails_gives_the_place_back(store, key):
    publish(store)
    belong(store, "ana", "ben")
    log = people.decision_log_key(people.partition_of(making.person_of("ana")))
    with store.pipeline() as pipe:
        for _ in range(20_000):
            pipe.xadd(log, {"d": b"x"}, id="*")
        pipe.execute()

    refused = await decide(key, "ana")
    store.delete(log)

    assert shown(refused) == [None]
    assert store.hgetall(people.caps_key(HOUSE)) == {}
    assert shown(await decide(key, "ben")) == ["sale"]


async def test_without_what_the_account_was_shown_nothing_limited_is_shown(store, key):
    publish(store)
    belong(store, "ana")
    store.set(people.caps_key(HOUSE), "not a hash")

    reply = await decide(key, "ana")

    assert shown(reply) == [None]
    assert reply.json["explanation"][0]["code"] == "CAPS_UNAVAILABLE"


async def test_the_events_of_an_account_meet_a_condition(store, key):
    ordered = {
        "event": "Order Completed",
        "of": "household",
        "count": {"is": "gte", "value": 2},
        "within": "30d",
    }
    spec = making.release(offers=(offer("sale", eligibility=ordered),))
    making.publish(store, spec)
    for user in ("ana", "cleo"):
        making.consent(store, user)
    belong(store, "ana")
    before = await decide(key, "ana")
    (kept,) = compile_release(spec).aggregates
    orders = [making.track("ana", "Order Completed", message_id=f"o{one}") for one in (1, 2)]
    store.set(people.profile_key(HOUSE), encode_profile(fold(None, orders, Aggregates.of([kept]))))

    after, stranger = await decide(key, "ana"), await decide(key, "cleo")
    one_more = [{"event": "Order Completed"}]
    store.set(
        people.profile_key(HOUSE), encode_profile(fold(None, orders[:1], Aggregates.of([kept])))
    )
    missing = await decide(key, "ana")
    sender = making.make_key(store, "decisions", "events")
    brought = await making.decide(sender, "ana", options=PATIENT, events=one_more)

    assert (shown(missing), shown(brought)) == ([None], ["sale"])
    assert [shown(one) for one in (before, after, stranger)] == [[None], ["sale"], [None]]
    assert decode_profile(store.get(people.profile_key(HOUSE))).series
