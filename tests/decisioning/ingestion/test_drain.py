"""The drain against the real Valkey: folding once, merges, tombstones, take-up, conflicts."""

import contextlib
import random

import msgspec
import pytest

from consent import people
from decisioning.ingestion import drain as drain_module
from decisioning.ingestion.positions import load_positions, taken_up
from decisioning.ingestion.records import Join
from decisioning.profiles.aggregates import Aggregates, families_of
from decisioning.profiles.folding import fold
from decisioning.profiles.live_set import announce
from decisioning.profiles.profile import Profile
from decisioning.profiles.store import Batch, commit, load_profile
from decisioning.profiles.windows import aggregate_value
from decisioning.rules.tree import make_aggregate
from tests.decisioning.ingestion.people_and_records import (
    NOW_MS,
    accept,
    drain_all,
    make_drain,
    make_record,
    person,
)

ORDERS = make_aggregate("Order", "count", within="30d")
SPEND = make_aggregate("Order", "sum", property="value", within="30d")
ANA, BEN = "user:ana", "user:ben"
PHONE, LAPTOP = "anonymous:phone", "anonymous:laptop"


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    monkeypatch.setattr(drain_module, "BLOCK_MS", 5)


@pytest.fixture
def kept(redis):
    announce(redis, [ORDERS, SPEND])
    return redis


def orders_of(redis, name):
    _, profile = load_profile(redis, person(name))
    return aggregate_value(profile or Profile(), ORDERS, NOW_MS / 1000)


def order(number, name, **fields):
    return make_record(number, name, event="Order", properties={"value": 10.1}, **fields)


def sign_in(number, user, anonymous, **fields):
    return make_record(number, user, anonymous, joins=[anonymous], type="identify", **fields)


def test_folds_what_was_accepted(kept):
    accept(kept, [order(1, ANA), order(2, ANA), order(3, BEN), order(2, ANA)])

    drain_all(make_drain(kept))

    assert orders_of(kept, ANA) == 2
    assert orders_of(kept, BEN) == 1
    _, profile = load_profile(kept, person(ANA))
    assert aggregate_value(profile, SPEND, NOW_MS / 1000) == 20.2
    assert list(profile.identifiers) == [ANA]


def test_two_drains_at_once_count_nothing_twice(kept):
    one, two = make_drain(kept), make_drain(kept)
    for number in range(30):
        accept(kept, [order(number, ANA)])
        (one if number % 2 else two).step()
    drain_all(one)
    drain_all(two)

    assert orders_of(kept, ANA) == 30


def test_a_commit_from_an_old_position_changes_nothing(kept):
    accept(kept, [order(1, ANA)])
    drain_all(make_drain(kept))
    partition = people.partition_of(person(ANA))
    version = load_positions(kept, [partition])[partition].aggregates

    late = Batch(partition, "0-0", "1-1", version, profiles={person(ANA): b"older"})

    assert commit(kept, [late]) == [False]
    assert orders_of(kept, ANA) == 1


def test_a_sign_in_moves_what_the_browser_did(kept):
    joined = []
    accept(kept, [order(1, PHONE), order(2, ANA), sign_in(3, ANA, PHONE)])

    drain_all(make_drain(kept, joined))

    owner, profile = load_profile(kept, person(PHONE))
    assert owner == person(ANA)
    assert orders_of(kept, PHONE) == 2
    assert set(profile.identifiers) == {ANA, PHONE}
    assert joined == [(person(PHONE), person(ANA))]


def test_a_sign_in_of_a_browser_never_seen_joins_its_consent_too(kept):
    joined = []
    accept(kept, [sign_in(1, ANA, PHONE)])

    drain_all(make_drain(kept, joined))

    owner, profile = load_profile(kept, person(PHONE))
    assert owner == person(ANA)
    assert set(profile.identifiers) == {ANA, PHONE}
    assert not profile.awaited
    assert joined == [(person(PHONE), person(ANA))]
    assert not kept.exists(people.quarantine_key(people.partition_of(person(ANA))))


def test_what_comes_for_a_merged_browser_is_forwarded_once(kept):
    accept(kept, [order(1, PHONE), sign_in(2, ANA, PHONE)])
    drain = make_drain(kept)
    drain_all(drain)

    accept(kept, [order(3, PHONE), order(4, PHONE)])
    accept(kept, [order(3, PHONE)])
    drain_all(drain)

    assert orders_of(kept, ANA) == 3


def test_a_browser_of_somebody_stays_theirs(kept):
    joined = []
    accept(kept, [order(1, PHONE), sign_in(2, ANA, PHONE)])
    drain = make_drain(kept, joined)
    drain_all(drain)

    accept(kept, [sign_in(3, BEN, PHONE), order(4, BEN)])
    drain_all(drain)

    assert load_profile(kept, person(PHONE))[0] == person(ANA)
    assert (orders_of(kept, ANA), orders_of(kept, BEN)) == (1, 1)
    _, ben = load_profile(kept, person(BEN))
    assert ben.awaited == {}
    assert joined == [(person(PHONE), person(ANA))]
    assert kept.hlen(people.fence_key(person(BEN))) == 0


def test_a_merge_fences_the_target_until_consent_is_joined(kept):
    accept(kept, [order(1, PHONE), sign_in(2, ANA, PHONE)])

    drain_all(make_drain(kept))

    fence = kept.hkeys(people.fence_key(person(ANA)))
    assert fence == [f"merge:{person(PHONE)}".encode()]


def test_merging_with_oneself_is_nothing(kept):
    myself = make_record(1, ANA, joins=[], type="identify")
    myself = msgspec.structs.replace(myself, joins=(Join(person(ANA), ANA),))
    accept(kept, [order(2, ANA), myself])

    drain_all(make_drain(kept))

    assert load_profile(kept, person(ANA))[0] == person(ANA)
    assert orders_of(kept, ANA) == 1


@pytest.mark.parametrize("seed", range(6))
def test_merges_in_a_circle_end_in_one_person(kept, seed):
    circle = ["user:a", "user:b", "user:c", "user:d"]
    records = [order(number, name) for number, name in enumerate(circle)]
    for number, (new, old) in enumerate(zip(circle, circle[1:] + circle[:1], strict=True)):
        records.append(make_record(10 + number, new, joins=[old], type="alias"))
    random.Random(seed).shuffle(records)  # noqa: S311
    accept(kept, records)

    drain_all(make_drain(kept))

    owners = {load_profile(kept, person(name))[0] for name in circle}
    assert len(owners) == 1
    assert orders_of(kept, "user:a") == 4


def test_random_merges_keep_every_event(kept):
    chance = random.Random(7)  # noqa: S311
    names = [f"anonymous:{n}" for n in range(20)] + [f"user:{n}" for n in range(8)]
    records = [order(n, chance.choice(names)) for n in range(300)]
    for number in range(40):
        user, browser = chance.choice(names[20:]), chance.choice(names[:20])
        records.append(sign_in(1_000 + number, user, browser))
    chance.shuffle(records)
    drain = make_drain(kept)
    for start in range(0, len(records), 20):
        accept(kept, records[start : start + 20])
        drain.step()
    drain_all(drain)

    owners = {name: load_profile(kept, person(name)) for name in names}
    counted = {
        owner: aggregate_value(profile, ORDERS, NOW_MS / 1000)
        for owner, profile in owners.values()
        if profile
    }
    assert sum(counted.values()) == 300
    for owner, count in counted.items():
        mine = [one for one in records if one.event and owners[one.identifiers[0]][0] == owner]
        assert count == len(mine)


def test_a_crash_between_commit_and_delivery_is_made_good(kept, monkeypatch):
    def crash(*args, **kwargs):
        raise KeyboardInterrupt

    accept(kept, [order(1, PHONE), sign_in(2, ANA, PHONE)])
    for _ in range(12):
        with monkeypatch.context() as patch:
            patch.setattr(drain_module, "deliver", crash)
            with contextlib.suppress(KeyboardInterrupt):
                drain_all(make_drain(kept))
        make_drain(kept).step()
    drain_all(make_drain(kept))

    assert orders_of(kept, ANA) == 1
    assert load_profile(kept, person(PHONE))[0] == person(ANA)


def test_new_aggregates_are_taken_up_at_a_noted_position(kept):
    accept(kept, [order(1, ANA)])
    drain = make_drain(kept)
    drain_all(drain)
    partition = people.partition_of(person(ANA))
    before = load_positions(kept, [partition])[partition].folded
    biggest = make_aggregate("Order", "max", property="value", within="7d")

    live = announce(kept, [ORDERS, SPEND, biggest])
    accept(kept, [order(2, ANA)])
    drain_all(drain)

    generation, position = taken_up(kept, partition)[families_of(biggest)[0].key]
    assert (generation, position) == (live.version, before)
    _, profile = load_profile(kept, person(ANA))
    assert aggregate_value(profile, biggest, NOW_MS / 1000) == 10.1
    assert orders_of(kept, ANA) == 2


def test_an_unreadable_record_is_set_aside_and_holds_nobody_up(kept):
    partition = people.partition_of(person(ANA))
    accept(kept, [order(1, ANA)])
    kept.xadd(people.stream_key(partition), {"r": b"\xff\x00"})
    accept(kept, [order(2, ANA)])
    kept.xadd(people.stream_key(partition), {"x": b"?"})

    drain_all(make_drain(kept))
    accept(kept, [order(3, ANA)])
    drain_all(make_drain(kept))

    assert orders_of(kept, ANA) == 3
    assert kept.xlen(people.quarantine_key(partition)) == 2


def test_a_changed_profile_is_announced(kept):
    listener = kept.pubsub()
    listener.subscribe(people.changed_channel(person(ANA)))
    listener.get_message(timeout=1)
    accept(kept, [order(1, ANA)])

    drain_all(make_drain(kept))

    assert listener.get_message(timeout=1)["type"] == "message"
    listener.close()


def test_the_profile_equals_a_fold_of_its_records(kept):
    records = [order(n, ANA, at_ms=NOW_MS - n * 3_600_000) for n in range(50)]
    accept(kept, records)

    drain_all(make_drain(kept))

    _, profile = load_profile(kept, person(ANA))
    live = Aggregates.of([ORDERS, SPEND], version=1)
    assert msgspec.structs.replace(profile, position="") == fold(None, records, live)
