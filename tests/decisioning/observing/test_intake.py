"""Schemas, counts and the debugger where events come in and are folded: through the API and the drain."""

import json
import time

import msgspec
import pytest

from consent import people
from decisioning.api.process import this_process
from decisioning.ingestion import drain as drain_module
from decisioning.ingestion.records import decode_record
from decisioning.observing import batches, debugging, quarantine
from decisioning.observing.batches import merged, waiting
from decisioning.observing.noting import without_secrets
from decisioning.profiles.profile import decode_profile
from decisioning.specs import EventTypeSpec, PropertySpec
from tests.decisioning import making
from tests.decisioning.ingestion.people_and_records import (
    accept,
    drain_all,
    make_drain,
    make_record,
)
from tests.decisioning.making import call

TOTAL = PropertySpec(key="total", type="number", required=True, minimum=0)


@pytest.fixture
def key(kept):
    return making.make_key(kept, "events")


def catalogue(enforcement):
    spec = EventTypeSpec(
        key="Order Completed",
        name="Order",
        properties=(TOTAL,),
        purposes=making.ADS,
        enforcement=enforcement,
    )
    return making.changed(making.release(), event_types=(spec,))


def order(number=1, **properties):
    return {
        "type": "track",
        "event": "Order Completed",
        "userId": "ana",
        "messageId": f"m{number}",
        "properties": properties,
    }


def counted(redis):
    this_process().notes._flush()
    return merged(waiting(redis, most=1_000)).counts


async def test_enforced_schemas_refuse_the_item_and_keep_it(store, key):
    making.publish(store, catalogue("enforce"))
    batch = [order(1, total=5), order(2, total="five"), order(3), {"userId": "x"}]

    reply = await call("POST", "/v1/batch", {"batch": batch}, key=key)

    assert (reply.status, reply.json["accepted"]) == (200, 1)
    told = [(one["item"], one["message_id"], one["pointer"]) for one in reply.json["refused"]]
    assert told[:2] == [(1, "m2", "/properties/total"), (2, "m3", "/properties/total")]
    (group,) = quarantine.groups(store)
    assert (group.event, group.pointer, group.count) == ("Order Completed", "/properties/total", 2)
    assert {one.record.message_id for one in group.entries} == {"m2", "m3"}
    assert store.ttl(people.quarantine_key(group.entries[0].partition)) > 29 * 86_400
    assert sum(one.refused for one in counted(store)) == 3


async def test_watched_schemas_take_and_count(store, key):
    making.publish(store, catalogue("watch"))

    reply = await call(
        "POST", "/v1/batch", {"batch": [order(1, total=-5), order(2, total=5)]}, key=key
    )
    again = await call("POST", "/v1/batch", {"batch": [order(2, total=5)]}, key=key)

    assert (reply.json["accepted"], again.json["duplicates"]) == (2, 1)
    assert quarantine.groups(store) == []
    (count,) = counted(store)
    assert (count.event, count.watched, count.duplicates) == ("Order Completed", 1, 1)


async def test_the_debugger_tells_what_came_while_somebody_watches(store, key):
    making.publish(store, catalogue("enforce"))
    source = this_process().keys.find_sync(store, key).id
    batch = [order(1, total=5), {**order(2), "context": {"proof": "p-1"}}, {"type": "track"}]
    await call("POST", "/v1/batch", {"batch": batch, "writeKey": key}, key=key)
    await call("POST", "/v1/track", {**order(4, total=7), "writeKey": key}, key=key)
    this_process().notes._round(time.time())
    assert debugging.latest(store, source) == ([], [])

    debugging.watch(store, source, now=time.time())
    this_process().notes._round(time.time())

    came = [one for _, one in debugging.latest(store, source)[0]]
    assert [one.message_id for one in came] == ["m4", "", "m2", "m1"]
    assert [one.pointer for one in came][1:] == ["/userId", "/properties/total", ""]
    assert json.loads(came[2].raw)["context"] == {"proof": "…"}
    assert key not in str(came)
    assert decode_record(came[3].record).properties == {"total": 5}
    assert 0 < store.ttl(debugging.came_key(source)) <= 900


async def test_what_is_no_json_and_long_batches_do_no_harm(store, key):
    debugging.watch(store, this_process().keys.find_sync(store, key).id, now=time.time())
    await call("POST", "/v1/track", raw=b'{"x": "\xff"}', key=key)
    await call("POST", "/v1/batch", {"batch": [order(n) for n in range(300)]}, key=key)
    this_process().notes._round(time.time())

    came, _ = debugging.latest(store, this_process().keys.find_sync(store, key).id)

    assert [one.message_id for _, one in came] == [f"m{n}" for n in range(299, 279, -1)]


def test_the_drain_counts_and_tells_what_each_event_changed(redis, monkeypatch):
    monkeypatch.setattr(drain_module, "BLOCK_MS", 5)
    debugging.watch(redis, "shop", now=time.time())
    drain = make_drain(redis)
    drain.step()
    accept(
        redis,
        [
            make_record(1, "user:ana", type="identify", attributes={"tier": "gold"}, source="shop"),
            make_record(2, "user:ana", event="Order", properties={"a": 1}, source="shop"),
            make_record(3, "user:ben", event="Order", properties={"a": 1}, source="till"),
        ],
    )
    drain_all(drain)
    drain._observer.end()

    _, changed = debugging.latest(redis, "shop")
    (_, second), (_, first) = changed
    assert decode_profile(first.before or None) is None
    assert decode_profile(first.after).attributes["tier"].value == "gold"
    assert second.before == first.after
    counts = {(one.source, one.event): one.events for one in merged(waiting(redis, most=9)).counts}
    assert counts == {("shop", ""): 1, ("shop", "Order"): 1, ("till", "Order"): 1}


def test_a_watch_ends(redis):
    debugging.watch(redis, "shop", now=1_000.0)

    assert debugging.watched(redis, now=1_059.0) == {"shop"}
    assert debugging.watched(redis, now=1_061.0) == frozenset()
    assert batches.waiting(redis, most=1) == []


async def test_an_event_with_a_decision_is_left_out_where_its_schema_refuses_it(store):
    making.publish(store, catalogue("enforce"))
    key = making.make_key(store, "decisions", "events")
    wrong = {"event": "Order Completed", "properties": {"total": "five"}}
    right = {"event": "Searched", "properties": {"query": "hats"}}

    reply = await making.decide(key, events=[wrong, right])

    assert reply.status == 200
    assert "events" in reply.json["degraded"]
    assert quarantine.size(store) == 1
    (group,) = quarantine.groups(store)
    assert (group.event, group.pointer) == ("Order Completed", "/properties/total")


@pytest.mark.parametrize(
    "message",
    [
        {"properties": {"token": "rtts_bk_abc-1"}},
        {"key": "rtts_bk_abc-1"},
        {"data": [{"aid": "rtts_sk_abc_1"}]},
        {"properties": {"proof": "rtts_sk_abc"}},
    ],
)
def test_the_debugger_shows_no_key_wherever_a_client_puts_it(message):
    assert b"abc" not in without_secrets(msgspec.json.encode(message))
