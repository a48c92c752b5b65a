"""The only door to profiles in Redis: reading through tombstones, and the one step that commits a batch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis
from django.conf import settings
from redis.exceptions import NoScriptError

from consent import people
from decisioning.profiles.profile import Profile, decode_profile
from rtts_site.foundation.redis_clients import digest_of

MOST_WAITING = 50_000  # dispatches of one partition; beyond, the oldest are lost
BROUGHT_SECONDS = 400 * 86_400  # that a merge can be undone with what was counted before it
PER_CALL = 32  # profiles; a call holds Redis up for about two milliseconds
MAX_HOPS = 16  # tombstones in a row; merges go up an order, so a chain cannot be a circle


class CommitConflict(Exception):
    """Another worker moved the partition; read its position again."""


def load_profile(connection: "redis.Redis", person: str) -> tuple[str, Profile | None]:
    """Return who the person is by now, and their profile; one round trip for each merge passed."""
    for _ in range(MAX_HOPS):
        data: Any = connection.get(people.profile_key(person))
        profile = decode_profile(data)
        if profile is None or not profile.merged_into:
            return person, profile
        person = profile.merged_into
    raise RuntimeError(f"more than {MAX_HOPS} merges in a row end at {person}")


@dataclass(slots=True)
class Batch:
    """What a run of a partition's records changes, committed in one step."""

    partition: int
    since: str  # position that the batch was computed from
    until: str  # position that it leads to
    aggregates_version: int
    rebuilds: int = 0  # of the partition, as it was when the profiles were read
    is_rebuild: bool = False
    profiles: dict[str, bytes | None] = field(default_factory=dict)  # None deletes
    tombstones: Mapping[str, str] = field(default_factory=dict)  # of those, who merged -> into whom
    unlisted: frozenset[str] = frozenset()  # of those, accounts: they are nobody
    outgoing: dict[str, bytes] = field(default_factory=dict)  # outbox id -> packed delivery
    dues: dict[str, int] = field(
        default_factory=dict
    )  # person -> when to look at them, ms; 0: never
    earlier: dict[str, int] = field(
        default_factory=dict
    )  # person -> the same, unless it is earlier
    dispatches: list[bytes] = field(default_factory=list)  # what others are to be told


# For each batch its keys and its values stand behind those of the batch before; ARGV starts with the number of
# batches, and each batch's part with how many keys and values it has.
# Keys: position, outbox, roster, timers, dispatches, profiles…, then caps, arms
# and what was brought of each tombstone.  Values: since, until, aggregates version,
# number of profiles, rebuilds as known, rebuilds from now on, a value for each profile ("" deletes), for each
# "1" where it is somebody and of a tombstone its owner, then behind the number of each: pairs of dues, of earlier dues, dispatches, and
# pairs for the outbox.
_COMMIT = """
local function fields(key)
  local found, flat = {}, redis.call('HGETALL', key)
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return next(found) and found or nil
end
local function commit(k, v, last)
  local position, roster, timers = KEYS[k + 1], KEYS[k + 3], KEYS[k + 4]
  local known = redis.call('HMGET', position, 'folded', 'aggregates', 'rebuilds')
  if (known[1] or '0-0') ~= ARGV[v + 1] or (known[2] or '0') ~= ARGV[v + 3] or (known[3] or '0') ~= ARGV[v + 5] then
    return 0
  end
  local count = tonumber(ARGV[v + 4])
  local left = k + 5 + count
  for i = 1, count do
    local key, value, somebody = KEYS[k + 5 + i], ARGV[v + 6 + i], ARGV[v + 6 + count + i]
    local person = string.match(key, '.*:(.*)')
    if value == '' then redis.call('DEL', key) else redis.call('SET', key, value) end
    if somebody == '1' then redis.call('ZADD', roster, 0, person) else redis.call('ZREM', roster, person) end
    if #somebody > 1 then
      local owed = {moved = {person, somebody}, caps = fields(KEYS[left + 1]), arms = fields(KEYS[left + 2])}
      if owed.caps or owed.arms then
        local name = 'moved-' .. ARGV[v + 2] .. '-' .. ARGV[v + 6] .. '-' .. person
        local packed = cmsgpack.pack(owed)
        redis.call('HSET', KEYS[k + 2], name, packed)
        redis.call('HSET', KEYS[left + 3], name, packed)
        redis.call('EXPIRE', KEYS[left + 3], BROUGHT_S)
        redis.call('DEL', KEYS[left + 1], KEYS[left + 2])
      end
      left = left + 3
    end
    redis.call('PUBLISH', 'changed:' .. person, '')
  end
  local at = v + 7 + 2 * count
  for i = at + 1, at + 2 * tonumber(ARGV[at]), 2 do
    if ARGV[i + 1] == '0' then redis.call('ZREM', timers, ARGV[i])
    else redis.call('ZADD', timers, ARGV[i + 1], ARGV[i]) end
  end
  at = at + 1 + 2 * tonumber(ARGV[at])
  for i = at + 1, at + 2 * tonumber(ARGV[at]), 2 do
    redis.call('ZADD', timers, 'LT', ARGV[i + 1], ARGV[i])
  end
  at = at + 1 + 2 * tonumber(ARGV[at])
  for i = at + 1, at + tonumber(ARGV[at]) do
    redis.call('XADD', KEYS[k + 5], 'MAXLEN', '~', MOST_WAITING, '*', 'd', ARGV[i])
  end
  at = at + 1 + tonumber(ARGV[at])
  for i = at, last, 2 do redis.call('HSET', KEYS[k + 2], ARGV[i], ARGV[i + 1]) end
  redis.call('HSET', position, 'folded', ARGV[v + 2], 'rebuilds', ARGV[v + 6])
  return 1
end
local written, k, v = {}, 0, 1
for batch = 1, tonumber(ARGV[1]) do
  local keys, values = tonumber(ARGV[v + 1]), tonumber(ARGV[v + 2])
  written[batch] = commit(k, v + 2, v + 2 + values)
  k, v = k + keys, v + 2 + values
end
return written
""".replace("MOST_WAITING", str(MOST_WAITING)).replace("BROUGHT_S", str(BROUGHT_SECONDS))

_COMMIT_SHA = digest_of(_COMMIT)


def commit(connection: "redis.Redis", batches: Iterable[Batch]) -> list[bool]:
    """Write each batch with its new position, all or nothing each; False where another worker was first.

    One round trip for all; the roster follows in the same step, and a person whose profile changed is
    announced on `people.changed_channel`.
    """
    calls = [_as_call(some) for some in _together(batches)]
    try:
        replies = _call(connection, calls)
    except NoScriptError:  # another process of Redis than the one that was told
        connection.script_load(_COMMIT)
        replies = _call(connection, calls)
    return [bool(reply) for some in replies for reply in some]


def _call(connection: "redis.Redis", calls: Iterable[tuple[Any, ...]]) -> list[Any]:
    with connection.pipeline(transaction=False) as pipe:
        for call in calls:
            pipe.evalsha(_COMMIT_SHA, *call)
        return list(pipe.execute())


def _together(batches: Iterable[Batch]) -> Iterator[list[Batch]]:
    """Yield the batches of one call of the script; on a cluster each partition is in a slot of its own."""
    some: list[Batch] = []
    profiles = 0
    for batch in batches:
        profiles += len(batch.profiles)
        if some and (settings.RTTS_REDIS_CLUSTER or profiles > PER_CALL):
            yield some
            some, profiles = [], len(batch.profiles)
        some.append(batch)
    if some:
        yield some


def _as_call(batches: Sequence[Batch]) -> tuple[Any, ...]:
    """Return how many keys there are, all keys, and all values."""
    keys: list[str] = []
    values: list[Any] = [len(batches)]
    for batch in batches:
        own, said = _keys(batch), _arguments(batch)
        keys += own
        values += (len(own), len(said), *said)
    return len(keys), *keys, *values


def _keys(batch: Batch) -> list[str]:
    profiles = [people.profile_key(person) for person in batch.profiles]
    own = (
        *(people.position_key, people.outbox_key, people.roster_key),
        *(people.timers_key, people.dispatches_key),
    )
    kept = (people.caps_key, people.arms_key, people.brought_key)
    left = [key(person) for person in batch.profiles if person in batch.tombstones for key in kept]
    return [*(key(batch.partition) for key in own), *profiles, *left]


def _arguments(batch: Batch) -> list[Any]:
    head: list[Any] = [batch.since, batch.until, batch.aggregates_version, len(batch.profiles)]
    head += [batch.rebuilds, batch.rebuilds + batch.is_rebuild]
    values = [value or b"" for value in batch.profiles.values()]
    somebody = [
        batch.tombstones.get(person, int(value is not None and person not in batch.unlisted))
        for person, value in batch.profiles.items()
    ]
    return [
        *(*head, *values, *somebody),
        *(len(batch.dues), *_pairs(batch.dues), len(batch.earlier), *_pairs(batch.earlier)),
        *(len(batch.dispatches), *batch.dispatches, *_pairs(batch.outgoing)),
    ]


def _pairs(mapping: Mapping[str, Any]) -> list[Any]:
    return [part for pair in mapping.items() for part in pair]


def load_profiles(
    connection: "redis.Redis", people_by_partition: Mapping[int, Iterable[str]]
) -> dict[str, Profile | None]:
    """Return the profiles, tombstones as such, of people grouped by partition; one round trip."""
    asked = {partition: list(persons) for partition, persons in people_by_partition.items()}
    if not settings.RTTS_REDIS_CLUSTER:
        asked = {0: [person for persons in asked.values() for person in persons]}
    with connection.pipeline(transaction=False) as pipe:
        for persons in asked.values():
            if persons:
                pipe.mget([people.profile_key(person) for person in persons])
        replies = pipe.execute()
    return {
        person: decode_profile(data)
        for persons, values in zip(filter(None, asked.values()), replies, strict=True)
        for person, data in zip(persons, values, strict=True)
    }
