"""Workers watch people: transitions told once, timers that survive, absences, silent first looks."""

import contextlib

import pytest

from consent import people
from decisioning.ingestion import drain as drain_module
from decisioning.profiles.store import load_profile
from decisioning.watching.live import sweep_again
from tests.decisioning.ingestion.people_and_records import (
    NOW_MS,
    PEPPER,
    accept,
    make_drain,
    make_record,
    person,
)
from tests.decisioning.watching.watching import Clock, event, segment, told, trigger, watch

ANA, BEN, PHONE = "user:ana", "user:ben", "anonymous:phone"
MINUTE, HOUR = 60_000, 3_600_000
PARTITIONS = sorted({people.partition_of(person(one)) for one in (ANA, BEN, PHONE)})
KEEN = segment("keen", event("Viewed", value=3))


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    monkeypatch.setattr(drain_module, "BLOCK_MS", 5)


@pytest.fixture
def clock():
    return Clock(NOW_MS)


def drain_with(redis, clock, joined=None):
    return make_drain(redis, joined, clock=clock, partitions=PARTITIONS)


def settle(drain, clock, *, steps=4):
    """Step until everything that is due by now is done."""
    for _ in range(steps):
        clock.pass_ms(501)
        drain.step()


def viewed(redis, number, name, clock, event_name="Viewed", **fields):
    accept(redis, [make_record(number, name, event=event_name, at_ms=clock.now_ms, **fields)])


def names(dispatches):
    return [(one.kind, one.key, one.person) for one in dispatches]


def test_entering_and_leaving_are_told_once(redis, clock):
    watch(redis, segments=[KEEN], named=["*"])
    drain = drain_with(redis, clock)
    settle(drain, clock)
    for number in range(4):
        viewed(redis, number, ANA, clock)
        settle(drain, clock, steps=1)

    assert names(told(redis)) == [("segment.entered", "keen", person(ANA))]
    assert load_profile(redis, person(ANA))[1].member_of.keys() == {"keen"}

    clock.pass_ms(HOUR + 2 * MINUTE)
    settle(drain_with(redis, clock), clock)

    assert names(told(redis))[1:] == [("segment.left", "keen", person(ANA))]
    left = told(redis)[1]
    assert left.since_ms == told(redis)[0].at_ms
    assert load_profile(redis, person(ANA))[1].member_of == {}
    assert redis.zcard(people.timers_key(people.partition_of(person(ANA)))) == 0


def test_leaving_by_time_comes_within_a_bucket_of_its_moment(redis, clock):
    watch(redis, segments=[KEEN], named=["keen"])
    drain = drain_with(redis, clock)
    for number in range(3):
        viewed(redis, number, ANA, clock)
    settle(drain, clock)
    at_ms = clock.now_ms
    clock.pass_ms(58 * MINUTE)
    while len(told(redis)) < 2:
        clock.pass_ms(30_000)
        settle(drain, clock, steps=1)
        assert clock.now_ms < at_ms + 2 * HOUR

    # A window of an hour is kept in minutes.
    assert HOUR - MINUTE < told(redis)[1].at_ms - at_ms < HOUR + 2 * MINUTE


def test_a_segment_that_remembers_is_left_by_its_own_condition(redis, clock):
    lasting = segment(
        "deep",
        {"attribute": "depth", "is": "gte", "value": 70},
        leaving={"attribute": "depth", "is": "lt", "value": 30},
        stay_s=600,
    )
    watch(redis, segments=[lasting])
    drain = drain_with(redis, clock)
    for number, depth in enumerate([80, 50, 10]):
        viewed(redis, number, ANA, clock, attributes={"depth": depth})
        settle(drain, clock, steps=2)

    assert names(told(redis)) == [("segment.entered", "deep", person(ANA))]
    clock.pass_ms(600_000)
    settle(drain, clock)
    assert [one.kind for one in told(redis)] == ["segment.entered", "segment.left"]


@pytest.mark.parametrize("crash_at", ["before", "after"])
def test_a_crash_around_the_commit_tells_each_transition_once(redis, clock, monkeypatch, crash_at):
    watch(redis, segments=[KEEN], triggers=[trigger("ping", "entered", segment="keen")])
    real = drain_module.commit

    def crash(client, batches):
        if crash_at == "after":
            real(client, batches)
        raise KeyboardInterrupt

    for number in range(5):
        viewed(redis, number, ANA, clock)
        viewed(redis, 100 + number, BEN, clock)
    for _ in range(3):
        with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            patch.setattr(drain_module, "commit", crash)
            settle(drain_with(redis, clock), clock, steps=4)
        settle(drain_with(redis, clock), clock, steps=1)
    clock.pass_ms(2 * HOUR)
    for _ in range(3):
        with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            patch.setattr(drain_module, "commit", crash)
            settle(drain_with(redis, clock), clock, steps=4)
        settle(drain_with(redis, clock), clock, steps=2)

    assert sorted(names(told(redis))) == sorted(
        (kind, key, person(name))
        for name in (ANA, BEN)
        for kind, key in (
            ("segment.entered", "keen"),
            ("trigger.fired", "ping"),
            ("segment.left", "keen"),
        )
    )


def test_two_workers_at_once_tell_nothing_twice(redis, clock):
    waits = trigger("cart", "absence", event="Cart Updated", then="Order", within="30m")
    watch(redis, segments=[KEEN], triggers=[waits], named=["*"])
    one, two = drain_with(redis, clock), drain_with(redis, clock)
    for number in range(6):
        viewed(redis, number, ANA, clock)
        viewed(redis, 100 + number, ANA, clock, "Cart Updated")
        settle(one, clock, steps=1)
        settle(two, clock, steps=1)
    for _ in range(10):
        clock.pass_ms(10 * MINUTE)
        clock.pass_ms(501)
        one.step()
        two.step()

    assert [one.kind for one in told(redis)] == [
        "segment.entered", "trigger.fired", "segment.left",
    ]  # fmt: skip


def test_an_absence_fires_once_when_its_time_is_over(redis, clock):
    waits = trigger("cart", "absence", event="Cart Updated", then="Order", within="30m", every_s=1)
    watch(redis, triggers=[waits])
    drain = drain_with(redis, clock)
    viewed(redis, 1, ANA, clock, "Cart Updated")
    viewed(redis, 2, BEN, clock, "Cart Updated")
    settle(drain, clock)
    clock.pass_ms(20 * MINUTE)
    viewed(redis, 3, BEN, clock, "Order")
    settle(drain, clock)
    assert told(redis) == []

    clock.pass_ms(10 * MINUTE)
    settle(drain, clock)
    assert names(told(redis)) == [("trigger.fired", "cart", person(ANA))]
    assert abs(told(redis)[0].at_ms - told(redis)[0].since_ms - 30 * MINUTE) < 10_000

    clock.pass_ms(3 * HOUR)
    settle(drain_with(redis, clock), clock)
    viewed(redis, 4, ANA, clock, "Cart Updated")
    settle(drain, clock)
    clock.pass_ms(31 * MINUTE)
    settle(drain_with(redis, clock), clock)
    assert len(told(redis)) == 2


def test_an_order_that_waits_in_the_stream_after_an_outage_counts(redis, clock):
    waits = trigger("cart", "absence", event="Cart Updated", then="Order", within="30m")
    watch(redis, triggers=[waits])
    viewed(redis, 1, ANA, clock, "Cart Updated")
    viewed(redis, 2, BEN, clock, "Cart Updated")
    settle(drain_with(redis, clock), clock)
    clock.pass_ms(10 * MINUTE)
    viewed(redis, 3, BEN, clock, "Order")  # nobody reads it for an hour
    clock.pass_ms(HOUR)

    settle(drain_with(redis, clock), clock)

    assert names(told(redis)) == [("trigger.fired", "cart", person(ANA))]


def test_a_trigger_fires_at_most_once_in_its_time_and_only_where_its_condition_holds(redis, clock):
    rich = {"all": [{"attribute": "depth", "is": "gte", "value": 50}]}
    big = {"all": [{"attribute": "value", "is": "gte", "value": 10}]}
    watch(redis, triggers=[trigger("big", "event", event="Order", where=big, condition=rich)])
    drain = drain_with(redis, clock)
    viewed(redis, 1, ANA, clock, "Order", properties={"value": 5}, attributes={"depth": 60})
    for number in range(2, 5):
        viewed(redis, number, ANA, clock, "Order", properties={"value": 20})
        viewed(redis, number + 100, BEN, clock, "Order", properties={"value": 20})
        settle(drain, clock, steps=1)

    assert names(told(redis)) == [("trigger.fired", "big", person(ANA))]
    assert told(redis)[0].message_id == "m2"
    assert told(redis)[0].properties == {"value": 20}

    clock.pass_ms(25 * HOUR)
    viewed(redis, 9, ANA, clock, "Order", properties={"value": 20})
    settle(drain, clock)
    assert len(told(redis)) == 2


def test_who_was_in_a_segment_before_it_was_watched_did_not_enter(redis, clock):
    watch(redis, segments=[segment("other", event("Order")), KEEN], named=["other"])
    watched = watch(redis, segments=[segment("other", event("Order")), KEEN], named=["*"])
    redis.delete("watch:live", "watch:version")
    drain = drain_with(redis, clock)
    for number in range(4):
        viewed(redis, number, ANA, clock)
    settle(drain, clock)
    assert watched.version == 2
    watch(redis, segments=[segment("other", event("Order")), KEEN], named=["*"])
    settle(drain, clock)

    assert told(redis) == []
    assert load_profile(redis, person(ANA))[1].member_of.keys() == {"keen"}
    clock.pass_ms(HOUR + 2 * MINUTE)
    settle(drain, clock)
    assert names(told(redis)) == [("segment.left", "keen", person(ANA))]


def test_timers_that_were_lost_are_set_again(redis, clock):
    watch(redis, segments=[KEEN], named=["*"])
    drain = drain_with(redis, clock)
    for number in range(3):
        viewed(redis, number, ANA, clock)
    settle(drain, clock)
    redis.delete(*(people.timers_key(partition) for partition in PARTITIONS))

    sweep_again(redis, PARTITIONS)
    settle(drain_with(redis, clock), clock)
    clock.pass_ms(HOUR + 2 * MINUTE)
    settle(drain_with(redis, clock), clock)

    assert [one.kind for one in told(redis)] == ["segment.entered", "segment.left"]


def test_a_merge_moves_memberships_and_tells_what_it_changes(redis, clock):
    watch(redis, segments=[KEEN], named=["*"])
    drain = drain_with(redis, clock, [])
    for number in range(3):
        viewed(redis, number, PHONE, clock)
    settle(drain, clock)
    viewed(redis, 10, ANA, clock)
    accept(redis, [make_record(11, ANA, PHONE, joins=[PHONE], type="identify")])
    settle(drain, clock)

    entered = told(redis, kind="segment.entered")
    assert [one.person for one in entered] == [person(PHONE)]
    owner, profile = load_profile(redis, person(PHONE))
    assert owner == person(ANA)
    assert profile.member_of == {"keen": entered[0].at_ms}
    assert (
        redis.zscore(people.timers_key(people.partition_of(person(PHONE))), person(PHONE)) is None
    )


def test_what_is_no_longer_watched_is_forgotten(redis, clock):
    watch(redis, segments=[KEEN], named=["*"])
    drain = drain_with(redis, clock)
    for number in range(3):
        viewed(redis, number, ANA, clock)
    settle(drain, clock)

    watch(redis, segments=[KEEN])
    settle(drain, clock)

    assert load_profile(redis, person(ANA))[1].member_of == {}
    assert [one.kind for one in told(redis)] == ["segment.entered"]


HOUSE = people.person_id(people.Identifier("account", "household:h-1"), pepper=PEPPER)
SHARED = {"event": "Viewed", "of": "household", "count": {"is": "gte", "value": 3}, "within": "1h"}


def joins_household(redis, number, name, clock):
    groups = {"household": "h-1"}
    viewed(redis, number, name, clock, "", type="group", groups=groups, account=HOUSE)


def test_members_enter_and_leave_a_segment_by_what_their_account_did(redis, clock, settings):
    settings.RTTS_PEPPER = PEPPER
    watch(redis, segments=[segment("busy", SHARED)], named=["*"])
    partitions = sorted({*PARTITIONS, people.partition_of(HOUSE)})
    drain = make_drain(redis, clock=clock, partitions=partitions)
    settle(drain, clock)
    joins_household(redis, 1, ANA, clock)
    joins_household(redis, 2, BEN, clock)
    settle(drain, clock)
    for number in (3, 4):
        viewed(redis, number, ANA, clock)
    settle(drain, clock)
    assert told(redis) == []

    viewed(redis, 5, BEN, clock)
    settle(drain, clock, steps=6)

    entered = {("segment.entered", "busy", person(ANA)), ("segment.entered", "busy", person(BEN))}
    assert set(names(told(redis))) == entered

    clock.pass_ms(2 * HOUR)
    settle(drain, clock)

    assert {one.person for one in told(redis, kind="segment.left")} == {person(ANA), person(BEN)}
    assert len(told(redis)) == 4


def test_an_event_of_a_member_starts_a_trigger_once(redis, clock, settings):
    settings.RTTS_PEPPER = PEPPER
    watch(redis, triggers=[trigger("seen", "event", event="Viewed", every_s=1)])
    partitions = sorted({*PARTITIONS, people.partition_of(HOUSE)})
    drain = make_drain(redis, clock=clock, partitions=partitions)
    settle(drain, clock)
    joins_household(redis, 1, ANA, clock)
    viewed(redis, 2, ANA, clock)
    settle(drain, clock)

    assert [one.person for one in told(redis)] == [person(ANA)]
