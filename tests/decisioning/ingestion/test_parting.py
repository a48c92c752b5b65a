"""Un-merging against the real stores: both are as if they had never been one."""

import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from consent import people
from consent.models import Parting
from consent.parting import part_people
from decisioning.ingestion import backfill, history, parting, rebuilding, tasks
from decisioning.ingestion import drain as drain_module
from decisioning.profiles.carrying import Brought, carry
from decisioning.profiles.live_set import announce, load_live
from decisioning.profiles.store import load_profile
from decisioning.profiles.windows import aggregate_value
from decisioning.rules.tree import make_aggregate
from decisioning.watching import worker
from tests.decisioning.ingestion.people_and_records import (
    NOW_MS,
    accept,
    drain_all,
    make_drain,
    make_record,
    person,
)
from tests.decisioning.watching.watching import event, segment, told, watch

NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)
ORDERS = make_aggregate("Order", "count", within="30d")
ANA, BEN = "user:ana", "user:ben"
PHONE, LAPTOP, TABLET = "anonymous:phone", "anonymous:laptop", "anonymous:tablet"


@pytest.fixture
def kept(redis, db, monkeypatch):
    """Return a store whose workers fold and archive whenever somebody waits for them."""
    monkeypatch.setattr(drain_module, "BLOCK_MS", 5)
    live = announce(redis, [ORDERS])
    drain_all(make_drain(redis))
    redis.hset(backfill.COMPLETE_KEY, mapping=live.generations)
    monkeypatch.setattr(rebuilding, "PATIENCE_S", 15.0)
    monkeypatch.setattr(parting, "PATIENCE_S", 15.0)
    monkeypatch.setattr(parting.time, "sleep", lambda _: work(redis))
    return redis


def work(redis):
    drain_all(make_drain(redis, part_consent=lambda one, other: part_people(one, other, now=NOW)))
    history.archive(redis, range(people.PARTITIONS))


def order(number, name, **fields):
    return make_record(number, name, event="Order", **fields)


def sign_in(number, user, anonymous, **fields):
    return make_record(
        number, user, anonymous, joins=[anonymous], type="identify", attributes={"plan": user}
    )


def orders_of(redis, name):
    _, profile = load_profile(redis, person(name))
    return aggregate_value(profile, ORDERS, NOW_MS / 1000) if profile else 0


def owner_of(redis, name):
    return load_profile(redis, person(name))[0]


def part(redis, name):
    begun = parting.begin_parting(
        redis, parting.merge_of(redis, person(name)), by="cleo", why="a guest", now=NOW
    )
    parting.finish_parting(redis, begun, now=NOW)
    return begun


def test_both_are_as_before_and_what_came_since_goes_with_its_identifier(kept):
    accept(kept, [order(1, PHONE), order(2, PHONE), order(3, ANA)])
    work(kept)
    accept(kept, [sign_in(4, ANA, PHONE), order(5, PHONE)])
    work(kept)
    accept(kept, [order(6, PHONE), order(7, ANA)])
    work(kept)
    assert orders_of(kept, ANA) == 6

    part(kept, PHONE)

    assert owner_of(kept, PHONE) == person(PHONE)
    assert (orders_of(kept, PHONE), orders_of(kept, ANA)) == (4, 2)
    _, ana = load_profile(kept, person(ANA))
    assert set(ana.identifiers) == {ANA}
    assert ana.attributes["plan"].value == ANA
    _, phone = load_profile(kept, person(PHONE))
    assert "plan" not in phone.attributes


def test_they_stay_apart_and_go_on_each_for_themselves(kept):
    accept(kept, [order(1, PHONE), sign_in(2, ANA, PHONE)])
    work(kept)
    part(kept, PHONE)

    accept(kept, [order(3, PHONE), order(4, ANA), sign_in(5, ANA, PHONE), order(6, PHONE)])
    work(kept)

    assert (orders_of(kept, PHONE), orders_of(kept, ANA)) == (3, 1)


def test_another_may_have_the_browser_afterwards(kept):
    accept(kept, [order(1, PHONE), sign_in(2, ANA, PHONE)])
    work(kept)
    part(kept, PHONE)

    accept(kept, [sign_in(3, BEN, PHONE)])
    work(kept)

    assert owner_of(kept, PHONE) == person(BEN)
    assert orders_of(kept, BEN) == 1


def test_who_had_joined_one_of_them_stays_with_them(kept):
    accept(kept, [order(1, TABLET), order(2, BEN), order(3, ANA)])
    accept(kept, [make_record("x", BEN, joins=[TABLET], type="identify")])
    work(kept)
    accept(kept, [make_record("y", ANA, joins=[BEN], type="alias"), order(4, TABLET)])
    work(kept)
    left, stayed = sorted([ANA, BEN], key=person, reverse=True)
    assert owner_of(kept, TABLET) == person(stayed)
    accept(kept, [sign_in("z", left, LAPTOP), order(5, LAPTOP)])
    work(kept)

    part(kept, left)

    assert owner_of(kept, LAPTOP) == person(left)
    assert owner_of(kept, TABLET) == person(BEN)
    counts = {BEN: 3, ANA: 1}
    counts[left] += 1
    assert {name: orders_of(kept, name) for name in counts} == counts


def test_after_the_owner_went_on_to_another(kept):
    accept(kept, [order(1, PHONE), order(2, ANA), order(3, BEN), sign_in(4, ANA, PHONE)])
    work(kept)
    accept(kept, [make_record("y", ANA, joins=[BEN], type="alias"), order(5, PHONE)])
    work(kept)
    assert orders_of(kept, ANA) == orders_of(kept, BEN) == 4

    part(kept, PHONE)

    assert owner_of(kept, ANA) == owner_of(kept, BEN)
    assert (orders_of(kept, PHONE), orders_of(kept, ANA)) == (2, 2)


def test_caps_and_arms_go_back(kept):
    kept.hset(
        people.caps_key(person(PHONE)), mapping={"impression|sale": "20,10", "r|a|web|n": "99"}
    )
    kept.hset(people.caps_key(person(ANA)), mapping={"impression|sale": "15"})
    kept.hset(people.arms_key(person(PHONE)), mapping={"x": "a", "y": "b"})
    kept.hset(people.arms_key(person(ANA)), mapping={"x": "z"})
    accept(kept, [order(1, PHONE), sign_in(2, ANA, PHONE)])
    work(kept)

    assert kept.hgetall(people.caps_key(person(ANA))) == {
        b"impression|sale": b"20,15,10",
        b"r|a|web|n": b"99",
    }
    assert kept.hgetall(people.arms_key(person(ANA))) == {b"x": b"z", b"y": b"b"}
    assert not kept.exists(people.caps_key(person(PHONE)), people.arms_key(person(PHONE)))
    kept.hset(people.caps_key(person(ANA)), mapping={"impression|sale": "30,20,15,10"})

    part(kept, PHONE)

    assert kept.hgetall(people.caps_key(person(ANA))) == {b"impression|sale": b"30,15"}
    assert kept.hgetall(people.caps_key(person(PHONE))) == {
        b"impression|sale": b"20,10",
        b"r|a|web|n": b"99",
    }
    assert kept.hgetall(people.arms_key(person(PHONE))) == {b"x": b"a", b"y": b"b"}


@pytest.mark.parametrize("broken", ["await_archived", "tell_anew", "take_back", "part_people"])
def test_what_broke_off_is_finished(kept, monkeypatch, broken):
    accept(kept, [order(1, PHONE), sign_in(2, ANA, PHONE), order(3, ANA)])
    work(kept)
    begun = parting.begin_parting(
        kept, parting.merge_of(kept, person(PHONE)), by="cleo", why="", now=NOW
    )
    with monkeypatch.context() as patch:
        patch.setattr(parting, broken, lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            parting.finish_parting(kept, begun, now=NOW)
    assert kept.hlen(people.fence_key(person(ANA))) > 0
    assert list(parting.unfinished()) == [begun]

    parting.finish_parting(kept, begun, now=NOW)

    assert (orders_of(kept, PHONE), orders_of(kept, ANA)) == (1, 1)
    assert not kept.exists(people.fence_key(person(PHONE)))
    assert Parting.objects.get(pk=begun.pk).finished_at == NOW


def test_nobody_is_parted_from_themselves(kept):
    accept(kept, [order(1, PHONE)])
    work(kept)

    with pytest.raises(parting.NotMerged):
        parting.merge_of(kept, person(PHONE))


def shared_by_four(redis):
    """Have a kiosk's browser, which is Ana's, named by three more users than Ana."""
    accept(redis, [order(1, PHONE)])
    for number, name in enumerate((ANA, BEN, "user:cleo", "user:dora")):
        signed_in = sign_in(f"s{number}", name, PHONE)
        joins = tuple(msgspec.structs.replace(one, users=3) for one in signed_in.joins)
        accept(redis, [msgspec.structs.replace(signed_in, joins=joins)])
        work(redis)


def test_what_the_shared_device_guard_parts_is_parted_for_good(kept, begun):
    shared_by_four(kept)
    assert owner_of(kept, PHONE) == person(PHONE)
    assert Parting.objects.get().finished_at is not None

    tasks.finish_open()

    assert begun == []
    assert not kept.exists(*(people.fence_key(person(one)) for one in (PHONE, ANA)))


def test_whom_the_guard_parted_can_be_parted_by_hand_as_well(kept):
    shared_by_four(kept)
    Parting.objects.update(finished_at=None, parted_at=NOW - timedelta(hours=1))

    tasks.finish_one(parting=Parting.objects.get().pk)

    assert Parting.objects.get().finished_at is not None
    assert not kept.exists(*(people.fence_key(person(one)) for one in (PHONE, ANA)))
    assert (orders_of(kept, PHONE), orders_of(kept, ANA)) == (1, 0)


@pytest.fixture
def begun(monkeypatch):
    """Return the partings that workers are asked to finish."""
    asked = []
    monkeypatch.setattr(tasks.finish_one, "delay", lambda **said: asked.append(said["parting"]))
    return asked


def test_a_parting_is_taken_up_at_once_and_then_left_alone(kept, begun):
    accept(kept, [order(1, PHONE), sign_in(2, ANA, PHONE)])
    work(kept)
    merged = parting.merge_of(kept, person(PHONE))
    row = parting.begin_parting(kept, merged, by="cleo", why="", now=NOW)

    tasks.finish_open()
    tasks.finish_open()

    assert begun == [row.pk]
    assert 0 < kept.ttl(people.parting_key(row.pk)) <= tasks.AGAIN_AFTER.seconds
    tasks.finish_one(parting=row.pk)
    assert not kept.exists(people.parting_key(row.pk))
    tasks.finish_open()
    assert begun == [row.pk]


def test_what_was_counted_is_added_once_where_the_target_merges_on_in_between(kept):
    brought = Brought((person(PHONE), person(ANA)), {"impression|sale": "20,10"})
    accept(kept, [sign_in(1, ANA, PHONE), order(2, BEN)])
    work(kept)
    carry(kept, brought, name="d")
    accept(kept, [make_record("y", ANA, joins=[BEN], type="alias")])
    work(kept)
    assert owner_of(kept, ANA) == person(BEN)

    carry(kept, brought, name="d")

    assert kept.hgetall(people.caps_key(person(BEN))) == {b"impression|sale": b"20,10"}


def test_without_a_broker_only_consent_waits(kept):
    kept.hset(people.caps_key(person(PHONE)), mapping={"impression|sale": "20,10"})
    drain = make_drain(kept)
    drain._join_consent = lambda *_: 1 / 0
    accept(kept, [sign_in(1, ANA, PHONE)])

    drain_all(drain)

    assert kept.hgetall(people.caps_key(person(ANA))) == {b"impression|sale": b"20,10"}
    waiting = [kept.hlen(people.outbox_key(one)) for one in range(people.PARTITIONS)]
    assert sum(waiting) == 1


def test_both_are_looked_at_and_only_what_is_new_is_told(kept, monkeypatch):
    monkeypatch.setattr(worker, "POLL_S", 0)
    monkeypatch.setattr(worker, "PARTITIONS_SWEPT_AT_ONCE", people.PARTITIONS)
    watch(kept, segments=[segment("keen", event("Viewed", value=3))], named=["*"])
    work(kept)
    kept.hset(backfill.COMPLETE_KEY, mapping=load_live(kept).generations)
    seen = [make_record(one, PHONE, event="Viewed", at_ms=now_ms()) for one in range(3)]
    accept(kept, seen)
    work(kept)
    accept(kept, [sign_in(4, ANA, PHONE, at_ms=now_ms())])
    work(kept)
    before = [(one.kind, one.person) for one in told(kept)]
    assert ("segment.entered", person(PHONE)) in before

    part(kept, PHONE)
    work(kept)

    after = [(one.kind, one.person) for one in told(kept)][len(before) :]
    assert after == [("segment.left", person(ANA))]
    timers = people.timers_key(people.partition_of(person(PHONE)))
    assert kept.zscore(timers, person(PHONE)) > now_ms()


def now_ms():
    return int(time.time() * 1000)


def test_caps_go_back_where_a_chain_is_parted_in_turn(kept):
    for name, times in ((PHONE, "20,10"), (ANA, "15"), (BEN, "30")):
        kept.hset(people.caps_key(person(name)), mapping={"impression|sale": times})
    accept(kept, [order(1, PHONE), order(2, ANA), order(3, BEN), sign_in(4, ANA, PHONE)])
    work(kept)
    accept(kept, [make_record("y", ANA, joins=[BEN], type="alias")])
    work(kept)
    gone = ANA if owner_of(kept, ANA) == person(BEN) else BEN

    part(kept, PHONE)
    part(kept, gone)

    counted = {
        name: kept.hget(people.caps_key(person(name)), "impression|sale")
        for name in (PHONE, ANA, BEN)
    }
    assert counted == {PHONE: b"20,10", ANA: b"15", BEN: b"30"}


def test_who_is_freed_and_merges_elsewhere_meanwhile_is_parted_all_the_same(kept, monkeypatch):
    kept.hset(people.caps_key(person(PHONE)), mapping={"impression|sale": "20,10"})
    accept(kept, [order(1, PHONE), sign_in(2, ANA, PHONE), order(3, ANA), order(4, BEN)])
    work(kept)
    begun = parting.begin_parting(
        kept, parting.merge_of(kept, person(PHONE)), by="cleo", why="", now=NOW
    )
    with monkeypatch.context() as patch:
        patch.setattr(parting, "await_archived", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            parting.finish_parting(kept, begun, now=NOW)
    accept(kept, [sign_in(5, BEN, PHONE)])
    work(kept)
    assert owner_of(kept, PHONE) == person(BEN)

    parting.finish_parting(kept, begun, now=NOW)
    work(kept)

    assert owner_of(kept, PHONE) == person(BEN)
    assert (orders_of(kept, ANA), orders_of(kept, BEN)) == (1, 2)
    assert kept.hget(people.caps_key(person(BEN)), "impression|sale") == b"20,10"
    assert not kept.exists(people.caps_key(person(ANA)), people.caps_key(person(PHONE)))
