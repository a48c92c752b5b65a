"""The only door to the roster: who is somebody, by partition and id, kept by the step that writes profiles."""

import math
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import redis

from consent import people
from decisioning.profiles.profile import IS_MERGED_LUA, decode_profile

WHOLE_KEY: Final = (
    "roster:whole"  # a token, there once every profile older than the roster is in it
)
SCAN_COUNT: Final = 500  # keys; Redis answers nobody else meanwhile
PAGE: Final = 500  # people
_SPREAD: Final = 6  # standard deviations that a partition's share of the lowest ids may stray
_AT_LEAST: Final = 8  # people asked for of each partition

# KEYS: roster, profiles…  ARGV: for each "1" where it is an account, which it stays.  A tombstone says whom it merged
# into; everybody else is somebody.
_ENROL = (
    IS_MERGED_LUA
    + """
for i = 2, #KEYS do
  local packed = redis.call('GET', KEYS[i])
  local person = string.match(KEYS[i], '[^:]*$')
  if packed and not is_merged(packed) and ARGV[i - 1] ~= '1' then redis.call('ZADD', KEYS[1], 0, person)
  else redis.call('ZREM', KEYS[1], person) end
end
"""
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """People chosen by hash: those with the lowest ids within their partitions, lowest first."""

    people: tuple[str, ...]
    population: int  # everyone, exactly


def is_whole(client: redis.Redis) -> str:
    """Return the roster's token, another for each store that was emptied; "" while people may be missing."""
    token: Any = client.get(WHOLE_KEY)
    return token.decode() if token else ""


def complete(client: redis.Redis) -> str:
    """Enrol everybody whose profile is older than the roster, and return its token.

    Reads every key of the store once: for a worker. Nothing is done where it was done before.
    """
    if token := is_whole(client):
        return token
    keys: list[bytes] = []
    for key in client.scan_iter(match="{p*}:profile:*", count=SCAN_COUNT):
        keys.append(key)
        if len(keys) >= PAGE:
            _enrol(client, keys)
            keys = []
    _enrol(client, keys)
    client.set(WHOLE_KEY, secrets.token_hex(8), nx=True)
    return is_whole(client)


def _enrol(client: redis.Redis, profile_keys: Iterable[bytes]) -> None:
    by_partition: dict[int, list[bytes]] = {}
    for key in profile_keys:
        person = key.decode().rpartition(":")[2]
        by_partition.setdefault(people.partition_of(person), []).append(key)
    script = client.register_script(_ENROL)
    with client.pipeline(transaction=False) as pipe:
        for keys in by_partition.values():
            pipe.mget(keys)
        found = pipe.execute()
    with client.pipeline(transaction=False) as pipe:
        for (partition, keys), packed in zip(by_partition.items(), found, strict=True):
            accounts = [int(_is_account(one)) for one in packed]
            script(keys=[people.roster_key(partition), *keys], args=accounts, client=pipe)
        pipe.execute()


def _is_account(packed: bytes | None) -> bool:
    profile = decode_profile(packed)
    return profile is not None and profile.is_account


def count_people(client: redis.Redis, partitions: Sequence[int]) -> int:
    """Return how many people these partitions have; one round trip."""
    with client.pipeline(transaction=False) as pipe:
        for partition in partitions:
            pipe.zcard(people.roster_key(partition))
        sizes: list[int] = pipe.execute()
    return sum(sizes)


def pages_of(client: redis.Redis, partition: int) -> Iterator[list[str]]:
    """Yield the people of a partition by id, PAGE at a time; one round trip each."""
    since = "-"
    while True:
        found: Any = client.zrange(
            people.roster_key(partition), since, "+", bylex=True, offset=0, num=PAGE
        )
        if not found:
            return
        yield [member.decode() for member in found]
        since = f"({found[-1].decode()}"


def draw(client: redis.Redis, most: int) -> Drawn:
    """Return at most so many people: always the same ones of the same population, uniform as ids are hashes.

    Two round trips, whatever the population.
    """
    with client.pipeline(transaction=False) as pipe:
        for partition in range(people.PARTITIONS):
            pipe.zcard(people.roster_key(partition))
        sizes: list[int] = pipe.execute()
    population = sum(sizes)
    asked = max(sizes) if population <= most else _share_of(most)
    with client.pipeline(transaction=False) as pipe:
        for partition in range(people.PARTITIONS):
            pipe.zrange(people.roster_key(partition), 0, asked - 1)
        rows: list[list[bytes]] = pipe.execute() if asked else []
    found = [[member.decode() for member in members] for members in rows]
    # Of a partition that has more than was asked for, nothing is known past the last one.
    ends = [hash_of(f[-1]) for f, size in zip(found, sizes, strict=False) if size > len(f)]
    last = min(ends, default="~")
    lowest = sorted(
        (one for members in found for one in members if hash_of(one) <= last), key=hash_of
    )
    return Drawn(tuple(lowest[:most]), population)


def _share_of(most: int) -> int:
    share = most / people.PARTITIONS
    return round(share + _SPREAD * math.sqrt(share)) + _AT_LEAST


def hash_of(person: str) -> str:
    """Return the part of an id that is a hash and says nothing of the partition."""
    return person[4:]
