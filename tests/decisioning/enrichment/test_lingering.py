"""Staying in geofences and leaving them by time alone."""

import pytest

from consent import people
from decisioning.enrichment.fences import Fence
from decisioning.enrichment.stored import TERMS_KEY, VERSIONS_KEY
from decisioning.enrichment.terms import Terms, packed
from decisioning.enrichment.visiting import visit_events
from decisioning.ingestion import drain as drain_module
from decisioning.ingestion.log import event_log
from decisioning.ingestion.records import Record, decode_record
from decisioning.profiles.live_set import announce
from decisioning.profiles.store import load_profile
from tests.decisioning.ingestion.people_and_records import NOW_MS, make_drain, person
from tests.decisioning.watching.watching import Clock

ANA = person("user:ana")
STORE = Fence(key="store", name="Store", centre=(52.52, 13.405), dwell_s=600, silent_s=3_600)
TOWN = Fence(key="town", name="Town", centre=(52.52, 13.405), dwell_s=86_400, silent_s=1_800)
FENCES = {"store": STORE, "town": TOWN}
MINUTE = 60_000


@pytest.fixture
def clock(redis, monkeypatch):
    monkeypatch.setattr(drain_module, "BLOCK_MS", 5)
    announce(redis, [])
    redis.set(TERMS_KEY, packed(Terms(fences=(STORE, TOWN))))
    redis.hset(VERSIONS_KEY, "terms", "1")
    return Clock(NOW_MS)


def located(redis, clock, *keys):
    """Have Ana seen in fences now, as the API takes it; returns what that tells."""
    record = Record(
        message_id=f"at-{clock.now_ms}",
        person=ANA,
        identifiers=("user:ana",),
        event="Moved",
        attributes={"geofences": list(keys)},
        context={"geofences": list(keys)},
        event_time_ms=clock.now_ms,
        received_at_ms=clock.now_ms,
    )
    _, profile = load_profile(redis, ANA)
    before = profile.attributes.get("geofence_entries") if profile else None
    told, _ = visit_events(record, before, FENCES)
    return event_log(redis).accept([*told, record])


def settle(drain, clock, *, steps=5):
    for _ in range(steps):
        clock.pass_ms(501)
        drain.step()


def happened(redis):
    rows = redis.xrange(people.stream_key(people.partition_of(ANA)))
    records = (decode_record(row[b"r"]) for _, row in rows)
    return [
        (one.event, one.properties["geofence"], (one.event_time_ms - NOW_MS) // MINUTE)
        for one in records
        if one.event.startswith("Geofence")
    ]


def drain_of(redis, clock):
    return make_drain(redis, None, clock=clock, partitions=[people.partition_of(ANA)])


def test_who_stays_silently_dwells_once_and_then_has_left(redis, clock):
    drain = drain_of(redis, clock)
    located(redis, clock, "store")
    settle(drain, clock)
    clock.pass_ms(9 * MINUTE)
    settle(drain, clock)
    assert happened(redis) == [("Geofence Entered", "store", 0)]

    clock.pass_ms(MINUTE)
    settle(drain_of(redis, clock), clock)  # another worker: the timer is in Redis
    clock.pass_ms(5 * MINUTE)
    settle(drain, clock)
    assert happened(redis)[1:] == [("Geofence Dwelled", "store", 10)]

    clock.pass_ms(120 * MINUTE)
    settle(drain, clock)
    assert happened(redis)[2:] == [("Geofence Left", "store", 60)]
    _, profile = load_profile(redis, ANA)
    assert profile.attributes["geofences"].value == []
    assert profile.newest_ms == NOW_MS  # nobody did anything
    clock.pass_ms(2 * MINUTE)
    settle(drain, clock)
    assert redis.zcard(people.timers_key(people.partition_of(ANA))) == 0


def test_each_fence_has_its_own_silence(redis, clock):
    drain = drain_of(redis, clock)
    located(redis, clock, "store", "town")
    for _ in range(9):
        clock.pass_ms(10 * MINUTE)
        settle(drain, clock)

    assert happened(redis)[2:] == [
        ("Geofence Dwelled", "store", 10),
        ("Geofence Left", "town", 30),
        ("Geofence Left", "store", 60),
    ]


def test_whoever_tells_it_first_tells_it_once(redis, clock):
    drain = drain_of(redis, clock)
    located(redis, clock, "store")
    settle(drain, clock)
    clock.pass_ms(11 * MINUTE)

    first = located(redis, clock, "store")  # and its timer is over before it is folded
    settle(drain, clock)
    clock.pass_ms(2 * MINUTE)
    settle(drain, clock)

    assert first == ["accepted", "accepted"]
    assert [event for event, *_ in happened(redis)] == ["Geofence Entered", "Geofence Dwelled"]
