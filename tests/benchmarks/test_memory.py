"""What a person costs in Redis, with 50 attributes and 30 windows on the demo's distribution."""

import statistics

import pytest

from consent import people
from decisioning.profiles.profile import MAX_PROFILE_BYTES
from tests.benchmarks.scaled_people import WINDOWS, Crowd

KINDS = 5_000  # different profiles
MOST_BYTES = 4_096  # of a person, all that Redis keeps for it counted
PEOPLE_PER_CALL = 2_000


@pytest.fixture(scope="session")
def packed():
    crowd = Crowd()
    return [crowd.packed(number) for number in range(KINDS)]


@pytest.mark.benchmark
def test_a_person_costs_less_than_four_kilobytes(redis, packed):
    bytes_each = fill(redis, packed, 20_000)

    say(packed, bytes_each, 20_000)
    assert bytes_each < MOST_BYTES
    assert max(map(len, packed)) <= MAX_PROFILE_BYTES


@pytest.mark.long
def test_a_million_people_cost_less_than_four_kilobytes_each(redis, packed):
    bytes_each = fill(redis, packed, 1_000_000)

    say(packed, bytes_each, 1_000_000)
    redis.flushall()
    assert bytes_each < MOST_BYTES


def fill(client, packed, number_of_people):
    """Write profiles and roster, and return the bytes that Redis took for each person."""
    before = client.info("memory")["used_memory"]
    for start in range(0, number_of_people, PEOPLE_PER_CALL):
        with client.pipeline(transaction=False) as pipe:
            for number in range(start, min(start + PEOPLE_PER_CALL, number_of_people)):
                person = (
                    f"p{number % people.PARTITIONS:03d}{number * 0x9E3779B97F4A7C15 % 2**80:020x}"
                )
                pipe.set(people.profile_key(person), packed[number % len(packed)])
                pipe.zadd(people.roster_key(people.partition_of(person)), {person: 0})
            pipe.execute()
    return (client.info("memory")["used_memory"] - before) / number_of_people


def say(packed, bytes_each, number_of_people):
    sizes = sorted(map(len, packed))
    print(
        f"\n{number_of_people:,} people ({len(packed):,} different), 50 attributes, {len(WINDOWS)} windows: "
        f"{bytes_each:,.0f} bytes each in Redis with key and roster; "
        f"profile mean {statistics.mean(sizes):,.0f}, median {sizes[len(sizes) // 2]:,}, "
        f"99% {sizes[len(sizes) * 99 // 100]:,}, largest {sizes[-1]:,}"
    )
