"""The only place that carries what was counted for a person, caps and sticky arms, along with a merge and back.

The step that writes a tombstone empties the source and leaves what it held in the partition's outbox, so nothing
counted is ever in two places; what arrives is added once, however often it is delivered.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import redis

from consent import people
from decisioning.profiles.profile import IS_MERGED_LUA
from decisioning.profiles.store import MAX_HOPS, load_profile, load_profiles

ARMS_KEPT_SECONDS: Final = 400 * 86_400
REMEMBERED_MS: Final = 30 * 86_400_000  # that a delivery was taken

# Times of a counter as "3,2,1", newest first. Kept whole: the next count cuts them to what its cap needs.
_TIMES_LUA: Final = """
local function joined(one, other)
  local times = {}
  for moment in string.gmatch(one .. ',' .. other, '%d+') do times[#times + 1] = moment end
  table.sort(times, function(a, b) return tonumber(a) > tonumber(b) end)
  return table.concat(times, ',')
end
local function without(one, other)
  local gone, kept = {}, {}
  for moment in string.gmatch(other, '%d+') do gone[moment] = (gone[moment] or 0) + 1 end
  for moment in string.gmatch(one, '%d+') do
    if (gone[moment] or 0) > 0 then gone[moment] = gone[moment] - 1 else kept[#kept + 1] = moment end
  end
  return table.concat(kept, ',')
end
local function take(caps_key, arms_key, caps, arms, arms_s)
  for name, value in pairs(caps) do
    if string.sub(name, 1, 2) ~= 'r|' then value = joined(redis.call('HGET', caps_key, name) or '', value) end
    redis.call('HSET', caps_key, name, value)
  end
  for experiment, arm in pairs(arms) do redis.call('HSETNX', arms_key, experiment, arm) end
  if next(arms) then redis.call('EXPIRE', arms_key, arms_s) end
end
"""

# KEYS: profile, caps, arms, seen.  ARGV: ms that it is remembered, seconds that arms are kept, {caps, arms} in JSON.
# Returns 0 where the person has become another, who is to get it.
_TAKE: Final = (
    IS_MERGED_LUA
    + _TIMES_LUA
    + """
if redis.call('EXISTS', KEYS[4]) == 1 then return 1 end
local profile = redis.call('GET', KEYS[1])
if profile and is_merged(profile) then return 0 end
local brought = cjson.decode(ARGV[3])
take(KEYS[2], KEYS[3], brought.caps, brought.arms, ARGV[2])
redis.call('SET', KEYS[4], '1', 'PX', ARGV[1])
return 1
"""
)

# KEYS: caps, arms, brought.  ARGV: field, seconds that arms are kept, {caps, arms} in JSON.  The source gets back.
_RESTORE: Final = (
    _TIMES_LUA
    + """
if redis.call('HDEL', KEYS[3], ARGV[1]) == 0 then return 0 end
local brought = cjson.decode(ARGV[3])
take(KEYS[1], KEYS[2], brought.caps, brought.arms, ARGV[2])
return 1
"""
)

# KEYS: caps, seen.  ARGV: ms that it is remembered, caps in JSON.  The target gives back.
_GIVE_BACK: Final = (
    _TIMES_LUA
    + """
if not redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[1]) then return 0 end
for name, value in pairs(cjson.decode(ARGV[2])) do
  if string.sub(name, 1, 2) == 'r|' then redis.call('HDEL', KEYS[1], name)
  else
    local left = without(redis.call('HGET', KEYS[1], name) or '', value)
    if left == '' then redis.call('HDEL', KEYS[1], name) else redis.call('HSET', KEYS[1], name, left) end
  end
end
return 1
"""
)


# KEYS: brought, seen.  ARGV: ms that it is remembered, caps in JSON.  What somebody brought along in whom they were
# merged is no longer theirs when that one is given back what they brought.
_LEAVE_OUT: Final = (
    _TIMES_LUA
    + """
if not redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[1]) then return 0 end
local gone, flat = cjson.decode(ARGV[2]), redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  local owed = cmsgpack.unpack(flat[i + 1])
  local caps = owed.caps or {}
  for name, value in pairs(gone) do
    local left = caps[name] and string.sub(name, 1, 2) ~= 'r|' and without(caps[name], value) or ''
    if left ~= '' then caps[name] = left else caps[name] = nil end
  end
  owed.caps = next(caps) and caps or nil
  redis.call('HSET', KEYS[1], flat[i], cmsgpack.pack(owed))
end
return 1
"""
)


class Brought(msgspec.Struct, frozen=True):
    """What a person had when they merged into another."""

    moved: tuple[str, str]  # source, target
    caps: dict[str, str] = {}
    arms: dict[str, str] = {}


_decoder = msgspec.msgpack.Decoder(Brought)


def carry(client: "redis.Redis", brought: Brought, *, name: str) -> None:
    """Add to the target, or to whoever they have become, what a source held; `name` is the delivery's.

    Everybody on the way is asked whether they took it: who did may have merged on since, with what they had taken.
    """
    source, target = brought.moved
    body = _json(brought.caps, brought.arms)
    for _ in range(MAX_HOPS):
        keys = (
            *(people.profile_key(target), people.caps_key(target), people.arms_key(target)),
            people.seen_key(people.partition_of(target), f"caps:{source}:{name}"),
        )
        if client.eval(_TAKE, len(keys), *keys, REMEMBERED_MS, ARMS_KEPT_SECONDS, body):
            return
        profile = load_profiles(client, {people.partition_of(target): [target]})[target]
        target = (profile.merged_into if profile is not None else "") or target
    raise RuntimeError(f"{target} merges faster than what was counted for them can follow")


def take_back(client: "redis.Redis", source: str) -> int:
    """Give a source what it brought into merges that are undone, and take it from who has it now; once however often.

    What was counted since then stays where it was counted. Where the source has merged into somebody else meanwhile,
    it is theirs.
    """
    key = people.brought_key(source)
    owner, _ = load_profile(client, source)
    found: Any = client.hgetall(key)
    for field, packed in found.items():
        brought = _decoder.decode(packed)
        _take_from_above(client, source, brought, name=field.decode(), owner=owner)
    return len(found)


def _take_from_above(
    client: "redis.Redis", source: str, brought: Brought, *, name: str, owner: str
) -> None:
    above = _above(client, brought.moved[1])
    if above[-1] == owner:
        return  # a merge that stands
    caps, marked = msgspec.json.encode(brought.caps), f"back:{source}:{name}"
    for person in above[:-1]:
        keys = people.brought_key(person), _seen(person, marked)
        client.eval(_LEAVE_OUT, len(keys), *keys, REMEMBERED_MS, caps)
    keys = people.caps_key(above[-1]), _seen(above[-1], marked)
    client.eval(_GIVE_BACK, len(keys), *keys, REMEMBERED_MS, caps)
    key = people.brought_key(source)
    if owner != source:
        carry(client, Brought((source, owner), brought.caps, brought.arms), name=marked)
        client.hdel(key, name)
        return
    own = people.caps_key(source), people.arms_key(source), key
    body = _json(brought.caps, brought.arms)
    client.eval(_RESTORE, len(own), *own, name, ARMS_KEPT_SECONDS, body)


def _above(client: "redis.Redis", person: str) -> list[str]:
    """Return a person and whom they became by one merge after the other; the last one is who they are."""
    path = [person]
    for _ in range(MAX_HOPS):
        profile = load_profiles(client, {people.partition_of(path[-1]): [path[-1]]})[path[-1]]
        if profile is None or not profile.merged_into:
            return path
        path.append(profile.merged_into)
    raise RuntimeError(f"more than {MAX_HOPS} merges in a row end at {person}")


def _seen(person: str, name: str) -> str:
    return people.seen_key(people.partition_of(person), name)


def _json(caps: Mapping[str, str], arms: Mapping[str, str]) -> bytes:
    return msgspec.json.encode({"caps": caps, "arms": arms})
