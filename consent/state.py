"""The only place that knows consent in Redis: how readers see it, how a fence goes up, how the ledger writes it.

A reader takes a person's consent for certain only from a Redis process that is known to have every change that was
acknowledged. After a restart, failover or restore the process is another (its run id changed), and consent there is
unknown until the relay has written again what may be lost; the hash at `people.trust_key` names the trusted process.
Anything odd in what is read is unknown too, and unknown denies.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import redis
from django.conf import settings
from redis.exceptions import NoScriptError

from consent import people
from consent.policy import UNAVAILABLE, AgeBracket, ConsentView, EventType, State, Status
from rtts_site.foundation.redis_clients import digest_of

CHANGE, EVENT, MERGE = "change:", "event:", "merge:"  # kinds of fence token
Command = tuple[str | bytes, ...]
# Redis is away, or answers and takes no writes: disk or memory full, a replica by now.
Unwritten = (redis.RedisError, OSError)


Row = tuple[str, str, str, float, float | None, str, EventType, int, str]
BY_GUARDIAN, OVER_GPC = 1, 2  # flags of a row


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a person beside what they said."""

    restricted: bool = False
    age: AgeBracket = "unknown"
    age_turns_at: float | None = None
    jurisdiction: str = ""
    resident: bool = False
    suppressed: tuple[str, ...] = ()


NOTHING_KNOWN = Known()


class _Packed(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    format: int
    restricted: bool
    rows: list[Row]
    age: AgeBracket
    age_turns_at: float | None
    jurisdiction: str
    resident: bool
    suppressed: tuple[str, ...]


class _PackedBefore(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Format 1, as it may still stand in Redis."""

    format: int
    restricted: bool
    rows: list[tuple[str, str, str, float, float | None, str]]


FORMAT = 2
_decoder = msgspec.msgpack.Decoder(_Packed)
_decoder_before = msgspec.msgpack.Decoder(_PackedBefore)
_BEFORE = b"\x93\x01"  # how what format 1 packed begins


def read_commands(person: str) -> tuple[Command, ...]:
    """Return the commands of one read, for the caller's own pipeline; their order matters.

    The fence is read before the state: a state read after no fence was seen has every change acknowledged before.
    """
    return (
        ("HGET", people.trust_key(people.partition_of(person)), "run_id"),
        ("HLEN", people.fence_key(person)),
        ("HMGET", people.consent_key(person), "v", "s"),
    )


def parse_view(run_id: str, replies: Sequence[Any]) -> ConsentView:
    """Return the view that the replies to `read_commands` give; never raises, whatever the replies are.

    `run_id` is of the process that gave them, asked on the same connection: there before, or in the same
    pipeline. A reply may be an exception (a pipeline with ``raise_on_error=False``).
    """
    try:
        return _parse(run_id, *replies)
    except (TypeError, ValueError, msgspec.DecodeError):
        return UNAVAILABLE


def _parse(run_id: str, trusted_run: Any, fences: Any, packed: Any) -> ConsentView:
    trusted = bool(run_id) and isinstance(trusted_run, bytes) and trusted_run.decode() == run_id
    if not trusted or not isinstance(fences, int):
        return UNAVAILABLE
    version, body = packed
    if version is None and body is None:
        return ConsentView(version=0, fenced=fences > 0, trusted=True, run_id=run_id)
    known, states = unpack_states(body)
    return make_view(known, states, version=int(version), fenced=fences > 0, run_id=run_id)


def make_view(
    known: Known,
    states: Mapping[tuple[str, str], State],
    *,
    version: int,
    fenced: bool = False,
    run_id: str = "",
) -> ConsentView:
    """Return the view of a store that has every change."""
    return ConsentView(
        version=version,
        fenced=fenced,
        trusted=True,
        states=states,
        run_id=run_id,
        restricted=known.restricted,
        age=known.age,
        age_turns_at=known.age_turns_at,
        jurisdiction=known.jurisdiction,
        resident=known.resident,
        suppressed=known.suppressed,
    )


def run_id_of(info: Any) -> str:
    """Return the run id in a reply to ``INFO server``, raw or parsed by redis-py; "" where there is none."""
    if isinstance(info, dict):
        return str(info.get("run_id", ""))
    if not isinstance(info, bytes):
        return ""
    return info.partition(b"run_id:")[2][:40].decode("ascii", "replace").strip()


def pack_states(states: Mapping[tuple[str, str], State], known: Known = NOTHING_KNOWN) -> bytes:
    """Return states as they are kept in Redis; equal states give equal bytes."""
    rows = [_row(*key, state) for key, state in sorted(states.items())]
    packed = _Packed(
        FORMAT,
        known.restricted,
        rows,
        known.age,
        known.age_turns_at,
        known.jurisdiction,
        known.resident,
        known.suppressed,
    )
    return msgspec.msgpack.encode(packed)


def _row(purpose: str, channel: str, state: State) -> Row:
    said = purpose, channel, str(state.status), state.since, state.expires_at, state.record
    flags = BY_GUARDIAN * state.by_guardian | OVER_GPC * state.over_gpc
    return *said, state.event_type, flags, state.notice


def unpack_states(body: bytes) -> tuple[Known, dict[tuple[str, str], State]]:
    """Return what is known and the states, of what `pack_states` made.

    Raises:
        ValueError, msgspec.DecodeError: anything else.
    """
    if body[:2] == _BEFORE:
        before = _decoder_before.decode(body)
        return Known(restricted=before.restricted), {
            (purpose, channel): State(Status(status), since, expires_at, record)
            for purpose, channel, status, since, expires_at, record in before.rows
        }
    packed = _decoder.decode(body)
    if packed.format != FORMAT:
        raise ValueError(f"consent state of format {packed.format}")
    known = Known(
        restricted=packed.restricted,
        age=packed.age,
        age_turns_at=packed.age_turns_at,
        jurisdiction=packed.jurisdiction,
        resident=packed.resident,
        suppressed=packed.suppressed,
    )
    return known, {row[:2]: _state(row) for row in packed.rows}


def _state(row: Row) -> State:
    _purpose, _channel, status, since, expires_at, record, event_type, flags, notice = row
    return State(
        Status(status),
        since,
        expires_at,
        record,
        event_type,
        bool(flags & BY_GUARDIAN),
        bool(flags & OVER_GPC),
        notice,
    )


# Fragments for scripts of others that run under the person's tag.

ADD_FENCE_LUA = """
local function add_fence(fence, fences, person, token, now_ms)
  if redis.call('HSETNX', fence, token, now_ms) == 1 then
    redis.call('ZADD', fences, now_ms, person .. ' ' .. token)
  end
end
"""
"""Defines `add_fence(fence_key, fences_key, person, token, now_ms)`: once per token."""

CONSENT_STANDS_LUA = """
local function consent_stands(consent, fence, trust, version, run_id)
  return redis.call('HGET', trust, 'run_id') == run_id
    and redis.call('HLEN', fence) == 0
    and (redis.call('HGET', consent, 'v') or '0') == version
end
"""
"""Defines `consent_stands(consent_key, fence_key, trust_key, view.version, view.run_id)`, both last as text.

It cannot see that the server itself was exchanged since the read: take the step for failed where the process that
answered, asked on the same connection, has another run id than `view.run_id`.
"""

_ADD_FENCE = (
    ADD_FENCE_LUA
    + """
add_fence(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3])
return redis.call('EXISTS', KEYS[3], KEYS[4])
"""
)

_PUT = """
local newer = tonumber(ARGV[1]) > tonumber(redis.call('HGET', KEYS[1], 'v') or '-1')
if newer then
  redis.call('HSET', KEYS[1], 'v', ARGV[1], 's', ARGV[2])
  redis.call('PUBLISH', 'changed:' .. ARGV[3], '')
end
local function lower(token)
  redis.call('HDEL', KEYS[2], token)
  redis.call('ZREM', KEYS[3], ARGV[3] .. ' ' .. token)
end
"""

_SETTLE = (
    _PUT
    + """
for i = 4, #ARGV do
  lower(ARGV[i])
end
return newer and 1 or 0
"""
)

# The note is written by whoever wrote the state: there is none of a change that is not in force.
_SETTLE_AND_NOTE = (
    _PUT
    + """
lower(ARGV[4])
redis.call('RPUSH', KEYS[4], ARGV[5] .. ' ' .. ARGV[4])
"""
)

_REMOVE_FENCE = """
redis.call('HDEL', KEYS[1], ARGV[2])
return redis.call('ZREM', KEYS[2], ARGV[1] .. ' ' .. ARGV[2])
"""


_TAKE_SETTLED = """
local found = {}
for i = 1, #KEYS do
  for _, note in ipairs(redis.call('LPOP', KEYS[i], ARGV[1]) or {}) do found[#found + 1] = note end
end
return found
"""

_STANDING_FENCES = """
local found = {}
for i = 1, #KEYS do
  for _, fence in ipairs(redis.call('ZRANGEBYSCORE', KEYS[i], '-inf', ARGV[1])) do found[#found + 1] = fence end
end
return found
"""


def _run(client: redis.Redis, script: str, keys: Sequence[str], *values: Any) -> Any:
    """Run a script, which is sent whole only to a server that does not know it."""
    try:
        return client.evalsha(digest_of(script), len(keys), *keys, *values)
    except NoScriptError:
        return client.eval(script, len(keys), *keys, *values)


def _of_partitions(
    client: redis.Redis, script: str, keys: Sequence[str], *values: Any
) -> list[bytes]:
    """Return what a script finds at a key of each partition; on a cluster each is in a slot of its own."""
    calls = [[key] for key in keys] if settings.RTTS_REDIS_CLUSTER else [keys]
    return [found for call in calls for found in _run(client, script, call, *values)]


def add_fence(client: redis.Redis, person: str, token: str, *, now_ms: int) -> bool:
    """Put a token on a person's fence: every reader and last step denies until it is removed.

    Return whether Redis has neither consent nor a key of theirs.
    """
    return not _run(client, _ADD_FENCE, _fence_keys(person), person, token, now_ms)


def add_fences(client: redis.Redis, tokens: Mapping[str, str], *, now_ms: int) -> None:
    """Put each person's token on their fence; one round trip."""
    script, pipeline = client.register_script(_ADD_FENCE), client.pipeline(transaction=False)
    for person, token in tokens.items():
        script(_fence_keys(person), (person, token, now_ms), client=pipeline)
    pipeline.execute()


def _fence_keys(person: str) -> tuple[str, ...]:
    return (
        people.fence_key(person),
        people.fences_key(people.partition_of(person)),
        people.consent_key(person),
        people.person_key_key(person),
    )


def settle_many(
    client: redis.Redis,
    states: Iterable[tuple[str, int, bytes]],
    tokens: Mapping[str, str],
    *,
    at_ms: int,
) -> None:
    """Bring many (person, version, packed state) into force as `settle_recorded` does; one round trip."""
    script = client.register_script(_SETTLE_AND_NOTE)
    pipeline = client.pipeline(transaction=False)
    for person, version, packed in states:
        values = version, packed, person, tokens[person], at_ms
        script(_noted_keys(person), values, client=pipeline)
    pipeline.execute()


def settle_recorded(
    client: redis.Redis, person: str, version: int, packed: bytes, *, token: str, at_ms: int
) -> None:
    """Bring the state that a change was just recorded with into force, and note when; one round trip.

    The relay takes the note to PostgreSQL, so that nobody waits for a second commit.
    """
    _run(client, _SETTLE_AND_NOTE, _noted_keys(person), version, packed, person, token, at_ms)


def take_settled(client: redis.Redis, *, most: int) -> list[tuple[str, int]]:
    """Take (token, epoch ms) of changes that came into force since, `most` of each partition; one round trip, on a cluster one for each."""
    keys = [people.settled_key(partition) for partition in range(people.PARTITIONS)]
    found = _of_partitions(client, _TAKE_SETTLED, keys, most)
    pairs = (note.decode().partition(" ") for note in found)
    return [(token, int(at_ms)) for at_ms, _, token in pairs]


def remove_fence(client: redis.Redis, person: str, token: str) -> None:
    """Take one token off a person's fence; others stand."""
    keys = people.fence_key(person), people.fences_key(people.partition_of(person))
    _run(client, _REMOVE_FENCE, keys, person, token)


def write_state_if_newer(
    client: redis.Redis, person: str, version: int, packed: bytes, *, tokens: Iterable[str] = ()
) -> bool:
    """Write a state unless a newer one is there, then take `tokens` off the fence, in one step.

    Return whether it was newer.
    """
    return bool(_run(client, _SETTLE, _settle_keys(person), version, packed, person, *tokens))


def write_states_if_newer(client: redis.Redis, states: Iterable[tuple[str, int, bytes]]) -> None:
    """Write many (person, version, packed state), each unless a newer one is there; one round trip."""
    script, pipeline = client.register_script(_SETTLE), client.pipeline(transaction=False)
    for person, version, packed in states:
        script(_settle_keys(person), (version, packed, person), client=pipeline)
    pipeline.execute()


def remove_states(client: redis.Redis, persons: Iterable[str]) -> None:
    """Remove people's states; only for a rebuild, while nothing in Redis is trusted. One round trip."""
    pipeline = client.pipeline(transaction=False)
    for person in persons:
        pipeline.delete(people.consent_key(person))
    pipeline.execute()


def _settle_keys(person: str) -> tuple[str, str, str]:
    return (
        people.consent_key(person),
        people.fence_key(person),
        people.fences_key(people.partition_of(person)),
    )


def _noted_keys(person: str) -> tuple[str, ...]:
    return *_settle_keys(person), people.settled_key(people.partition_of(person))


def begin_merge(client: redis.Redis, source: str, target: str, *, now_ms: int) -> None:
    """Fence the target until `ledger.merge_people(source, target)` has joined what both allow.

    Call it before the source's data leaves for the target. Calling again changes nothing.
    """
    add_fence(client, target, merge_token(source), now_ms=now_ms)


def merge_token(source: str) -> str:
    """Return the fence token of the merge of `source` into another."""
    return MERGE + source


def event_token(message_id: str) -> str:
    """Return the fence token of an event that narrows consent; `ledger.record_change` removes it."""
    return EVENT + message_id


def load_view(client: redis.Redis, person: str) -> ConsentView:
    """Return a person's consent in one round trip; for workers and pages."""
    pipeline = client.pipeline(transaction=False)
    for command in (("INFO", "server"), *read_commands(person)):
        _queue(pipeline, command)
    info, *replies = pipeline.execute(raise_on_error=False)
    return parse_view(run_id_of(info), replies)


# KEYS: trust, then fence and consent of each person. The fences are read before the states, as in `read_commands`.
_READ_MANY = """
local found = {redis.call('HGET', KEYS[1], 'run_id')}
for i = 2, #KEYS, 2 do
  local fences = redis.call('HLEN', KEYS[i])
  found[#found + 1] = {fences, redis.call('HMGET', KEYS[i + 1], 'v', 's')}
end
return found
"""


def load_views(client: redis.Redis, persons: Iterable[str]) -> dict[str, ConsentView]:
    """Return the consent of many people, each as `load_view` does; one round trip."""
    by_partition: dict[int, list[str]] = {}
    for person in persons:
        by_partition.setdefault(people.partition_of(person), []).append(person)
    script = client.register_script(_READ_MANY)
    pipeline = client.pipeline(transaction=False)
    _queue(pipeline, ("INFO", "server"))
    for partition, asked in by_partition.items():
        pairs = [key for one in asked for key in (people.fence_key(one), people.consent_key(one))]
        script(keys=[people.trust_key(partition), *pairs], client=pipeline)
    info, *rows = pipeline.execute()
    run_id = run_id_of(info)
    return {
        person: parse_view(run_id, (trusted, *found))
        for asked, (trusted, *each) in zip(by_partition.values(), rows, strict=True)
        for person, found in zip(asked, each, strict=True)
    }


def _queue(pipeline: Any, command: Command) -> None:
    pipeline.execute_command(*command)


def standing_fences(
    client: redis.Redis, *, before_ms: int, partitions: Iterable[int] = range(people.PARTITIONS)
) -> list[tuple[str, str]]:
    """Return (person, token) of every token set before a time; one round trip, on a cluster one for each."""
    keys = [people.fences_key(partition) for partition in partitions]
    found = _of_partitions(client, _STANDING_FENCES, keys, f"({before_ms}")
    pairs = (fence.decode().partition(" ") for fence in found)
    return [(person, token) for person, _, token in pairs]


def fence_set_at(client: redis.Redis, person: str, token: str) -> int | None:
    """Return when a standing token was set, epoch ms, or None."""
    found = cast("bytes | None", client.hget(people.fence_key(person), token))
    return int(found) if found is not None else None


def trusted_runs(client: redis.Redis) -> tuple[str, list[tuple[str, int]]]:
    """Return the server's run id, and (trusted run id, watermark in ms) of each partition; one round trip."""
    pipeline = client.pipeline(transaction=False)
    _queue(pipeline, ("INFO", "server"))
    for partition in range(people.PARTITIONS):
        pipeline.hmget(people.trust_key(partition), "run_id", "watermark")
    info, *rows = pipeline.execute()
    return run_id_of(info), [
        ((run or b"").decode(), int(watermark or 0)) for run, watermark in rows
    ]


_TRUST = """
if string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'run_id', ARGV[1], 'watermark', ARGV[2])
end
"""


def trust(
    client: redis.Redis, run_id: str, partitions: Iterable[int], *, watermark_ms: int
) -> None:
    """Say that process `run_id` has every consent change recorded up to `watermark_ms` in these partitions.

    Nothing is said where another process answers by now: it may have started from an older copy.
    """
    pipeline = client.pipeline(transaction=False)
    for partition in partitions:
        pipeline.eval(_TRUST, 1, people.trust_key(partition), run_id, watermark_ms)
    pipeline.execute()


def distrust(client: redis.Redis) -> None:
    """Make consent unknown everywhere until the relay has written everybody again."""
    pipeline = client.pipeline(transaction=False)
    for partition in range(people.PARTITIONS):
        pipeline.delete(people.trust_key(partition))
    pipeline.execute()
