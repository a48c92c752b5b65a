"""The only door to the quarantine: events refused for what they are, kept apart until somebody sees to them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import redis

from consent import people
from decisioning.ingestion.records import Record, decode_record, encode_record
from decisioning.ingestion.refusals import Refusal
from decisioning.link import Command

KEPT: Final = 1_000  # of a partition, the newest
KEPT_SECONDS: Final = 30 * 86_400  # since the last one came; they are personal data
LISTED: Final = 40  # of a partition, for a page
PER_ROUND: Final = 100
UNREADABLE: Final = "It could not be folded; the log of the workers says why."


@dataclass(frozen=True, slots=True)
class Kept:
    """One event in the quarantine."""

    partition: int
    entry: str  # stream id
    record: Record | None  # None where it cannot be read
    pointer: str
    reason: str

    @property
    def event(self) -> str:
        return self.record.event if self.record is not None else ""

    def is_of(self, event: str, pointer: str) -> bool:
        """Return whether it is of a group."""
        return (self.event, self.pointer) == (event, pointer)

    @property
    def at(self) -> datetime:
        """Return when it came into the quarantine."""
        return datetime.fromtimestamp(int(self.entry.partition("-")[0]) / 1000, UTC)


@dataclass(frozen=True, slots=True)
class Group:
    """Events of a name that are refused for the same field."""

    event: str
    pointer: str
    reason: str  # of the newest
    count: int
    first: datetime
    last: datetime
    entries: tuple[Kept, ...]  # the newest first


def commands(refusals: Iterable[Refusal]) -> list[Command]:
    """Return what an event loop sends to keep refused events with what they were refused for."""
    found: list[Command] = []
    for one in refusals:
        if one.quarantined is not None:
            key = people.quarantine_key(people.partition_of(one.quarantined.person))
            fields = ("r", encode_record(one.quarantined), "p", one.pointer, "w", one.reason)
            found.append(("XADD", key, "MAXLEN", "~", str(KEPT), "*", *fields))
            found.append(("EXPIRE", key, str(KEPT_SECONDS)))
    return found


def size(client: "redis.Redis") -> int:
    """Return how many events are kept; one round trip."""
    with client.pipeline(transaction=False) as pipe:
        for partition in range(people.PARTITIONS):
            pipe.xlen(people.quarantine_key(partition))
        return sum(pipe.execute())


def groups(client: "redis.Redis") -> list[Group]:
    """Return what is kept by event and field, the latest first, of the newest LISTED of each partition."""
    found: dict[tuple[str, str], list[Kept]] = {}
    with client.pipeline(transaction=False) as pipe:
        for partition in range(people.PARTITIONS):
            pipe.xrevrange(people.quarantine_key(partition), count=LISTED)
        replies = pipe.execute()
    for partition, rows in enumerate(replies):
        for one in _read(partition, rows):
            found.setdefault((one.event, one.pointer), []).append(one)
    return sorted(map(_group, found.values()), key=lambda group: group.last, reverse=True)


def _group(entries: list[Kept]) -> Group:
    newest = sorted(entries, key=lambda one: one.at, reverse=True)
    first = newest[0]
    return Group(
        first.event,
        first.pointer,
        first.reason,
        len(newest),
        newest[-1].at,
        first.at,
        tuple(newest),
    )


def _read(partition: int, rows: Sequence[Any]) -> Iterator[Kept]:
    for entry, fields in rows:
        try:
            record = decode_record(fields[b"r"])
        except msgspec.DecodeError:
            record = None
        reason = fields.get(b"w", UNREADABLE.encode()).decode()
        yield Kept(partition, entry.decode(), record, fields.get(b"p", b"").decode(), reason)


def rounds(client: "redis.Redis", event: str, pointer: str) -> Iterator[list[Kept]]:
    """Yield a group's events of one partition after the other, some at a time."""
    for partition in range(people.PARTITIONS):
        since = "-"
        while True:
            rows: Any = client.xrange(people.quarantine_key(partition), since, count=PER_ROUND)
            if not rows:
                break
            some = [one for one in _read(partition, rows) if one.is_of(event, pointer)]
            if some:
                yield some
            since = f"({rows[-1][0].decode()}"


def remove(client: "redis.Redis", some: Iterable[Kept]) -> None:
    """Take events out of the quarantine; one round trip."""
    with client.pipeline(transaction=False) as pipe:
        for one in some:
            pipe.xdel(people.quarantine_key(one.partition), one.entry)
        pipe.execute()
