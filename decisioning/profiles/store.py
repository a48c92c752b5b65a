"""The only door to profiles in Redis: reading through tombstones, and the one step that commits a batch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import redis

from consent import people
from decisioning.profiles.profile import Profile, decode_profile

MOST_WAITING = 50_000  # dispatches of one partition; beyond, the oldest are lost
BROUGHT_SECONDS = 400 * 86_400  # that a merge can be undone with what was counted before it
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


# KEYS: position, outbox, roster, timers, dispatches, profiles…, then caps, arms
# and what was brought of each tombstone.  ARGV: since, until, aggregates version,
# number of profiles, rebuilds as known, rebuilds from now on, a value for each profile ("" deletes), for each
# "1" where it is somebody and of a tombstone its owner, then behind the number of each: pairs of dues, of earlier dues, dispatches, and
# pairs for the outbox.
_COMMIT = """
local known = redis.call('HMGET', KEYS[1], 'folded', 'aggregates', 'rebuilds')
local same = (known[1] or '0-0') == ARGV[1] and (known[2] or '0') == ARGV[3] and (known[3] or '0') == ARGV[5]
if not same then return 0 end
local count = tonumber(ARGV[4])
local left = 5 + count
local function fields(key)
  local found, flat = {}, redis.call('HGETALL', key)
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return next(found) and found or nil
end
local function empty_out(person, owner)
  local owed = {moved = {person, owner}, caps = fields(KEYS[left + 1]), arms = fields(KEYS[left + 2])}
  if owed.caps or owed.arms then
    local name, packed = 'moved-' .. ARGV[2] .. '-' .. ARGV[6] .. '-' .. person, cmsgpack.pack(owed)
    redis.call('HSET', KEYS[2], name, packed)
    redis.call('HSET', KEYS[left + 3], name, packed)
    redis.call('EXPIRE', KEYS[left + 3], BROUGHT_S)
    redis.call('DEL', KEYS[left + 1], KEYS[left + 2])
  end
  left = left + 3
end
for i = 1, count do
  local value, person = ARGV[6 + i], string.match(KEYS[5 + i], '[^:]*$')
  if value == '' then redis.call('DEL', KEYS[5 + i]) else redis.call('SET', KEYS[5 + i], value) end
  if ARGV[6 + count + i] == '1' then redis.call('ZADD', KEYS[3], 0, person)
  else redis.call('ZREM', KEYS[3], person) end
  if #ARGV[6 + count + i] > 1 then empty_out(person, ARGV[6 + count + i]) end
  redis.call('PUBLISH', 'changed:' .. person, '')
end
local at = 7 + 2 * count
for i = at + 1, at + 2 * tonumber(ARGV[at]), 2 do
  if ARGV[i + 1] == '0' then redis.call('ZREM', KEYS[4], ARGV[i])
  else redis.call('ZADD', KEYS[4], ARGV[i + 1], ARGV[i]) end
end
at = at + 1 + 2 * tonumber(ARGV[at])
for i = at + 1, at + 2 * tonumber(ARGV[at]), 2 do
  redis.call('ZADD', KEYS[4], 'LT', ARGV[i + 1], ARGV[i])
end
at = at + 1 + 2 * tonumber(ARGV[at])
for i = at + 1, at + tonumber(ARGV[at]) do
  redis.call('XADD', KEYS[5], 'MAXLEN', '~', MOST_WAITING, '*', 'd', ARGV[i])
end
at = at + 1 + tonumber(ARGV[at])
for i = at, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('HSET', KEYS[1], 'folded', ARGV[2], 'rebuilds', ARGV[6])
return 1
""".replace("MOST_WAITING", str(MOST_WAITING)).replace("BROUGHT_S", str(BROUGHT_SECONDS))


def commit(connection: "redis.Redis", batches: Iterable[Batch]) -> list[bool]:
    """Write each batch with its new position, all or nothing each; False where another worker was first.

    One round trip for all; the roster follows in the same step, and a person whose profile changed is
    announced on `people.changed_channel`.
    """
    written = list(batches)
    script = connection.register_script(_COMMIT)
    with connection.pipeline(transaction=False) as pipe:
        for batch in written:
            script(keys=_keys(batch), args=_arguments(batch), client=pipe)
        return [bool(reply) for reply in pipe.execute()]


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
    with connection.pipeline(transaction=False) as pipe:
        for persons in asked.values():
            pipe.mget([people.profile_key(person) for person in persons])
        replies = pipe.execute()
    return {
        person: decode_profile(data)
        for persons, values in zip(asked.values(), replies, strict=True)
        for person, data in zip(persons, values, strict=True)
    }
