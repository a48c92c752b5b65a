"""What Redis holds of a person: counters, streams not yet archived, quarantine, what a debugger shows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import redis

from consent import people
from consent.rights.stores import Section, Store, Subject
from decisioning.ingestion.records import decode_record
from decisioning.messages import row_decoder
from decisioning.models import EventRecord, OutcomeRecord
from decisioning.outcomes import decoder as outcome_decoder
from decisioning.profiles.profile import Profile, decode_profile
from decisioning.profiles.store import load_profile
from decisioning.rights.in_postgres import as_row, told_to_accounts
from decisioning.watching.dispatches import decode_dispatch
from rtts_site.foundation.redis_clients import redis_client

PER_READ: Final = 500
Key = Callable[[int], str]


def counters() -> Store:
    """Return the store of the profile and of all that is counted for a person."""
    return Store(
        name="profile and counters",
        covers=tuple(
            f"redis:{{}}:{name}"
            for name in ("profile:{}", "caps:{}", "arms:{}", "brought:{}", "people", "timers")
        ),
        remove=_remove_counters,
        count=_count_counters,
        tell=_tell_profile,
    )


def _own_keys(subject: Subject) -> list[str]:
    makers = (people.caps_key, people.arms_key, people.brought_key)
    return [make(one) for one in subject.people for make in makers]


def _remove_counters(subject: Subject, _now: datetime) -> int:
    with redis_client().pipeline(transaction=False) as pipe:
        for key in _own_keys(subject):
            pipe.delete(key)
        for one in subject.people:
            partition = people.partition_of(one)
            pipe.zrem(people.roster_key(partition), one)
            pipe.zrem(people.timers_key(partition), one)
        return sum(pipe.execute())


def _count_counters(subject: Subject) -> int:
    """Return what is there, profiles too: those leave by a record that the worker takes."""
    with redis_client().pipeline(transaction=False) as pipe:
        for key in _own_keys(subject):
            pipe.exists(key)
        for one in subject.people:
            pipe.get(people.profile_key(one))
        found: list[Any] = pipe.execute()
    keys = found[: len(_own_keys(subject))]
    profiles = map(decode_profile, found[len(keys) :])
    held = sum(one is not None and not one.erased_ms for one in profiles)
    return int(sum(keys)) + held


def _tell_profile(subject: Subject) -> Iterator[Section]:
    client = redis_client()
    owner, profile = load_profile(client, subject.person)
    if profile is not None:
        yield from _told(owner, profile)
    for one in subject.people:
        for name, key in (
            ("counters", people.caps_key(one)),
            ("experiment arms", people.arms_key(one)),
        ):
            held: Any = client.hgetall(key)
            for field, value in held.items():
                yield Section(name, {"what": field.decode(), "value": value.decode()})


def _told(owner: str, profile: Profile) -> Iterator[Section]:
    for key, cell in profile.attributes.items():
        yield Section(
            "attributes",
            {"key": key, "value": cell.value, "at_ms": cell.event_time_ms, "source": cell.source},
        )
    for name, since in profile.identifiers.items():
        yield Section("identifiers", {"person": owner, "identifier": name, "first_seen_ms": since})
    for kind, cell in profile.groups.items():
        yield Section("accounts", {"type": kind, "account": cell.value})
    for segment, since in profile.member_of.items():
        yield Section("segments", {"segment": segment, "since_ms": since})


def dedupe_keys() -> Store:
    """Return the store of message ids that were taken; it goes before the history that knows them."""
    return Store(
        name="ids of messages taken",
        covers=("redis:{}:seen:{}",),
        remove=_remove_seen,
        count=lambda _subject: 0,  # they are found by the history alone, which is gone then
    )


def _remove_seen(subject: Subject, _now: datetime) -> int:
    client, gone = redis_client(), 0
    partitions = sorted({people.partition_of(one) for one in subject.people})
    for ids in _chunks(_message_ids(subject)):
        with client.pipeline(transaction=False) as pipe:
            for name in ids:
                for partition in partitions:
                    pipe.delete(people.seen_key(partition, name))
            gone += sum(pipe.execute())
    for account, told in told_to_accounts(subject).items():
        partition = people.partition_of(account)
        for ids in _chunks(told):
            gone += int(client.delete(*(people.seen_key(partition, name) for name in ids)))
    return gone


def _message_ids(subject: Subject) -> Iterator[str]:
    events = EventRecord.objects.filter(person_id__in=subject.people).exclude(kind="erase")
    for name in events.values_list("message_id", flat=True).iterator():
        yield name
        yield from (f"{name}>{one}" for one in subject.people)
    reports = OutcomeRecord.objects.filter(person_id__in=subject.people)
    for name in reports.values_list("message_id", flat=True).iterator():
        yield f"outcome:{name}"


def _chunks(names: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    for name in names:
        chunk.append(name)
        if len(chunk) == PER_READ:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def streams() -> Store:
    """Return the store of what stands in the partitions' streams: events, decisions, quarantine, dispatches."""
    return Store(
        name="streams",
        covers=tuple(
            f"redis:{{}}:{name}"
            for name in ("stream", "quarantine", "decisions", "dispatches", "unarchived", "outbox")
        ),
        remove=_remove_entries,
        count=lambda subject: sum(len(ids) for _, ids in _entries(subject)) + _waiting(subject),
        tell=_tell_streams,
    )


_STREAMS: Final[tuple[Key, ...]] = (
    people.stream_key,
    people.quarantine_key,
    people.decision_log_key,
    people.dispatches_key,
)


def _remove_entries(subject: Subject, _now: datetime) -> int:
    client, gone = redis_client(), 0
    for key, ids in _entries(subject):
        if key.endswith(":unarchived"):
            gone += int(client.hdel(key, *ids))
        else:
            gone += int(client.xdel(key, *ids))
    return gone


def _entries(subject: Subject) -> Iterator[tuple[str, list[bytes]]]:
    """Yield (key, ids of entries) that name a person, wherever in them; what closes their id stays."""
    client, named = redis_client(), [one.encode() for one in subject.people]
    for make in _STREAMS:
        for partition in _filled(client, make):
            ids = [
                entry
                for entry, fields in _read(client, make(partition))
                if _names(fields.values(), named) and not _closes(fields)
            ]
            if ids:
                yield make(partition), ids
    for partition in range(people.PARTITIONS):
        held: Any = client.hgetall(people.unarchived_key(partition))
        places = [place for place, data in held.items() if _names([data], named)]
        if places:
            yield people.unarchived_key(partition), places


def _filled(client: "redis.Redis", make: Key) -> list[int]:
    with client.pipeline(transaction=False) as pipe:
        for partition in range(people.PARTITIONS):
            pipe.xlen(make(partition))
        return [partition for partition, size in enumerate(pipe.execute()) if size]


def _read(client: "redis.Redis", key: str) -> Iterator[tuple[bytes, dict[bytes, bytes]]]:
    since = "-"
    while True:
        rows: Any = client.xrange(key, since, count=PER_READ)
        if not rows:
            return
        yield from rows
        since = f"({rows[-1][0].decode()}"


def _names(values: Iterable[bytes], named: Sequence[bytes]) -> bool:
    return any(one in value for value in values for one in named)


def _closes(fields: dict[bytes, bytes]) -> bool:
    if b"r" not in fields:
        return False
    try:
        return decode_record(fields[b"r"]).kind == "erase"
    except msgspec.DecodeError:
        return False


def _waiting(subject: Subject) -> int:
    """Return what partitions owe others about a person; it is delivered within moments."""
    client, named = redis_client(), [one.encode() for one in subject.people]
    with client.pipeline(transaction=False) as pipe:
        for partition in range(people.PARTITIONS):
            pipe.hvals(people.outbox_key(partition))
        return sum(_names([data], named) for held in pipe.execute() for data in held)


def _tell_streams(subject: Subject) -> Iterator[Section]:
    client = redis_client()
    for key, ids in _entries(subject):
        if key.endswith(":unarchived"):
            continue
        for entry in ids:
            rows: Any = client.xrange(key, entry, entry)
            for _, fields in rows:
                yield from _told_entry(key, fields)


def _told_entry(key: str, fields: dict[bytes, bytes]) -> Iterator[Section]:
    try:
        if b"r" in fields:
            name = "events" if key.endswith(":stream") else "events set aside"
            yield Section(name, msgspec.to_builtins(decode_record(fields[b"r"])))
        elif b"o" in fields:
            yield Section("outcomes", as_row(outcome_decoder.decode(fields[b"o"])))
        elif key.endswith(":decisions"):
            yield Section("decisions", as_row(row_decoder.decode(fields[b"d"])))
        else:
            yield Section("dispatches", msgspec.to_builtins(decode_dispatch(fields[b"d"])))
    except msgspec.DecodeError:
        yield Section("unreadable entries", {"where": key})


def debugger() -> Store:
    """Return the store of what an event debugger shows; all of it goes, it is of a quarter of an hour."""
    return Store(
        name="event debugger",
        covers=("redis:debug:came:{}", "redis:debug:changed:{}"),
        remove=lambda _subject, _now: sum(
            int(redis_client().delete(key)) for key in _matching("debug:c*:*")
        ),
        count=_count_debugged,
    )


def _matching(pattern: str) -> list[bytes]:
    return list(redis_client().scan_iter(match=pattern, count=5_000))


def _count_debugged(subject: Subject) -> int:
    client = redis_client()
    named = [one.encode() for one in (*subject.people, *subject.texts)]
    return sum(
        _names(fields.values(), named)
        for key in _matching("debug:c*:*")
        for _, fields in _read(client, key.decode())
    )
