"""The roster against the real Valkey: it follows every profile that is written, and its lowest ids are the sample."""

import pytest

from consent import people
from consent.people import Identifier, person_id
from decisioning.ingestion import drain as drain_module
from decisioning.profiles import roster
from decisioning.profiles.live_set import announce
from decisioning.profiles.profile import Profile, decode_profile, encode_profile
from tests.decisioning.ingestion.people_and_records import (
    accept,
    drain_all,
    make_drain,
    make_record,
    person,
)

ANA, PHONE = "user:ana", "anonymous:phone"


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    monkeypatch.setattr(drain_module, "BLOCK_MS", 5)


def somebody(number):
    return person_id(Identifier("user", f"c-{number}"), pepper=b"tests")


def everyone(client):
    return {
        one
        for partition in range(people.PARTITIONS)
        for page in roster.pages_of(client, partition)
        for one in page
    }


def test_who_is_folded_is_somebody_and_who_merged_is_not(redis):
    announce(redis, [])
    accept(redis, [make_record(1, PHONE, event="Order")])
    drain_all(make_drain(redis))
    assert everyone(redis) == {person(PHONE)}

    accept(redis, [make_record(2, ANA, PHONE, joins=[PHONE], type="identify")])
    drain_all(make_drain(redis))

    assert everyone(redis) == {person(ANA)}


def test_who_is_erased_leaves(redis):
    announce(redis, [])
    accept(redis, [make_record(1, ANA, event="Order")])
    drain_all(make_drain(redis))

    accept(redis, [make_record(2, ANA, kind="erase")])
    drain_all(make_drain(redis))

    assert everyone(redis) == set()
    left = decode_profile(redis.get(people.profile_key(person(ANA))))
    assert left.merged_into == people.NOBODY
    assert not left.identifiers


def test_profiles_older_than_the_roster_are_enrolled_once(redis):
    living, merged = somebody(1), somebody(2)
    redis.set(people.profile_key(living), encode_profile(Profile(first_seen_ms=1)))
    redis.set(people.profile_key(merged), encode_profile(Profile(merged_into=living)))
    assert not roster.is_whole(redis)

    token = roster.complete(redis)

    assert token == roster.complete(redis) == roster.is_whole(redis)
    assert everyone(redis) == {living}


@pytest.mark.parametrize(("size", "most"), [(0, 10), (50, 10), (3_000, 700), (3_000, 3_000)])
def test_the_sample_is_the_lowest_hashes_of_all(redis, size, most):
    persons = [somebody(number) for number in range(size)]
    for one in persons:
        redis.zadd(people.roster_key(people.partition_of(one)), {one: 0})

    drawn = roster.draw(redis, most)

    assert list(drawn.people) == sorted(persons, key=roster.hash_of)[:most]
    assert drawn.population == size


def test_a_lopsided_population_gives_a_smaller_sample_that_is_still_the_lowest(redis):
    persons = [f"p007{somebody(number)[4:]}" for number in range(1_000)]
    redis.zadd(people.roster_key(7), dict.fromkeys(persons, 0))

    drawn = roster.draw(redis, 300)

    assert 0 < len(drawn.people) <= 300
    assert list(drawn.people) == sorted(persons)[: len(drawn.people)]


def test_pages_hold_everybody_of_a_partition_once(redis):
    persons = [f"p007{number:020x}" for number in range(2 * roster.PAGE + 3)]
    redis.zadd(people.roster_key(7), dict.fromkeys(persons, 0))

    pages = list(roster.pages_of(redis, 7))

    assert [len(page) for page in pages] == [roster.PAGE, roster.PAGE, 3]
    assert [one for page in pages for one in page] == persons
    assert roster.count_people(redis, range(256)) == len(persons)
