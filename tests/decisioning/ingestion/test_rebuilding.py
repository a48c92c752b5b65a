"""Profiles from history: what was lost comes back as it was, and what is folded meanwhile is kept."""

import pytest
from django.core.management import CommandError, call_command

from consent import people
from decisioning.ingestion import backfill as backfill_module
from decisioning.ingestion import drain as drain_module
from decisioning.ingestion import history, rebuilding
from decisioning.ingestion.rebuilding import rebuild
from decisioning.profiles.live_set import announce
from decisioning.profiles.profile import decode_profile
from decisioning.profiles.store import load_profile
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

ALL = range(people.PARTITIONS)
ORDERS = make_aggregate("Order", "count", within="30d")
SPEND = make_aggregate("Order", "sum", property="value", within="30d")
SEQUENCE = make_aggregate("Cart", "sequence", then="Order", within="2h")
ANA, BEN, PHONE, LAPTOP = "user:ana", "user:ben", "anonymous:phone", "anonymous:laptop"


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    monkeypatch.setattr(drain_module, "BLOCK_MS", 5)
    monkeypatch.setattr(backfill_module, "POLL_S", 0.02)


@pytest.fixture
def kept(redis, db):
    """Return a store whose workers keep aggregates, complete."""
    live = announce(redis, [ORDERS, SPEND, SEQUENCE])
    drain_all(make_drain(redis))
    redis.hset(backfill_module.COMPLETE_KEY, mapping=live.generations)
    return redis


def order(number, name, **fields):
    return make_record(number, name, event="Order", properties={"value": 2.5}, **fields)


def sign_in(number, user, anonymous):
    attributes = {"plan": f"plan of {number}"}
    return make_record(
        number, user, anonymous, joins=[anonymous], type="identify", attributes=attributes
    )


def fold_and_archive(redis):
    drain_all(make_drain(redis))
    history.archive(redis, ALL)


def live_a_while(redis):
    """Fold the days of some people: two browsers become Ana's, Ben takes one over, others stay alone."""
    accept(redis, [order(1, PHONE), order(2, ANA, at_ms=NOW_MS - 9_000), order(3, LAPTOP)])
    accept(redis, [make_record("c", PHONE, event="Cart", at_ms=NOW_MS - 60_000)])
    fold_and_archive(redis)
    accept(redis, [sign_in(4, ANA, PHONE), sign_in(5, ANA, LAPTOP)])
    fold_and_archive(redis)
    accept(redis, [sign_in(6, BEN, PHONE), order(7, PHONE), order(8, BEN)])
    accept(redis, [order(f"o{n}", f"anonymous:a{n}") for n in range(40)])
    fold_and_archive(redis)
    accept(redis, [sign_in("new", BEN, "anonymous:never seen")])
    accept(redis, [make_record("alias", BEN, ANA, joins=[ANA], type="alias"), order(9, LAPTOP)])
    fold_and_archive(redis)


def profiles_of(redis):
    return {key: decode_profile(redis.get(key)) for key in redis.scan_iter("*:profile:*")}


def lose_profiles(redis):
    redis.delete(*redis.scan_iter("*:profile:*"))


def rebuild_all(redis, **kwargs):
    steps = list(rebuild(redis, **kwargs))
    return steps[-1] if steps else None


def orders_of(redis, name):
    _, profile = load_profile(redis, person(name))
    return aggregate_value(profile, ORDERS, NOW_MS / 1000)


def test_what_was_lost_comes_back_as_it_was_with_its_merges(kept):
    live_a_while(kept)
    before = profiles_of(kept)
    lose_profiles(kept)

    done = rebuild_all(kept)

    assert profiles_of(kept) == before
    assert sum(bool(profile.merged_into) for profile in before.values()) == 4
    assert done.written == done.people == len(before)
    joined = []
    drain_all(make_drain(kept, joined))
    assert len(joined) == 4  # that consent did not hear of either
    assert profiles_of(kept) == before
    assert rebuild_all(kept).written == 0


def test_after_the_whole_store_was_lost(redis, kept):
    live_a_while(kept)
    before = profiles_of(kept)
    redis.flushdb()
    announce(redis, [ORDERS, SPEND, SEQUENCE])
    drain_all(make_drain(redis))

    rebuild_all(redis)

    assert profiles_of(redis) == before


def test_what_came_before_the_rebuild_reached_them_is_kept_and_follows_the_merge(kept):
    live_a_while(kept)
    lose_profiles(kept)
    accept(kept, [order("late", PHONE), order("later", "anonymous:a1")])
    fold_and_archive(kept)

    rebuild_all(kept)
    fold_and_archive(kept)

    assert load_profile(kept, person(PHONE))[0] == load_profile(kept, person(BEN))[0]
    assert orders_of(kept, PHONE) == 7
    assert orders_of(kept, "anonymous:a1") == 2
    assert rebuild_all(kept).written == 0


def test_a_merge_that_was_lost_on_its_way_is_sent_again(kept):
    live_a_while(kept)
    accept(kept, [sign_in("lost", "user:cleo", "anonymous:a3")])
    drain = make_drain(kept, partitions=[people.partition_of(person("user:cleo"))])
    drain_all(drain)
    history.archive(kept, ALL)
    for one in ALL:
        kept.delete(people.outbox_key(one), people.stream_key(one))
    kept.delete(*kept.scan_iter("*:seen:*"))
    lose_profiles(kept)

    rebuild_all(kept)
    fold_and_archive(kept)

    assert orders_of(kept, "user:cleo") == 1


def test_a_fold_computed_before_a_rebuild_is_computed_again(kept, monkeypatch):
    live_a_while(kept)
    lose_profiles(kept)
    accept(kept, [order("meanwhile", "anonymous:a1")])
    commit = drain_module.commit

    def rebuild_first(client, batches):
        monkeypatch.setattr(drain_module, "commit", commit)
        rebuild_all(client)
        return commit(client, batches)

    monkeypatch.setattr(drain_module, "commit", rebuild_first)
    fold_and_archive(kept)

    assert orders_of(kept, "anonymous:a1") == 2


def test_a_rebuild_computed_before_a_fold_is_computed_again(kept, monkeypatch):
    live_a_while(kept)
    lose_profiles(kept)
    commit = rebuilding.commit

    def fold_first(client, batches):
        monkeypatch.setattr(rebuilding, "commit", commit)
        accept(client, [order(f"meanwhile {name}", name) for name in names])
        fold_and_archive(client)
        return commit(client, batches)

    names = [f"anonymous:a{n}" for n in range(40)]
    monkeypatch.setattr(rebuilding, "commit", fold_first)
    rebuild_all(kept)

    assert [orders_of(kept, name) for name in names] == [2] * 40
    assert orders_of(kept, ANA) == 6


def test_one_partition_and_going_on_behind_a_person(kept):
    live_a_while(kept)
    before = profiles_of(kept)
    lose_profiles(kept)
    first, *others = sorted({people.partition_of(key.decode()[-24:]) for key in before})

    rebuild_all(kept, partitions=[first])
    assert {people.partition_of(key.decode()[-24:]) for key in profiles_of(kept)} == {first}

    last = max(key.decode()[-24:] for key in profiles_of(kept))
    done = rebuild_all(kept, after=last)
    assert profiles_of(kept) == before
    assert done.people == len(before) - sum(key.decode()[-24:] <= last for key in before)


def test_the_command_says_how_far_it_is_and_what_it_takes(kept, capsys):
    accept(kept, [order(1, ANA)])
    fold_and_archive(kept)
    lose_profiles(kept)

    call_command("rtts_rebuild_profiles")

    assert "1 people read, 1 written" in capsys.readouterr().out
    for wrong in ("x", "3-", "256"):
        with pytest.raises(CommandError, match="--partitions"):
            call_command("rtts_rebuild_profiles", partitions=wrong)
