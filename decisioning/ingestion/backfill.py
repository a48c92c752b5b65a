"""The only place that completes new aggregates from history, as records of the stream."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import redis

from consent import people
from decisioning.ingestion.log import HARD_MARK, LogFull, event_log
from decisioning.ingestion.positions import load_positions, taken_up
from decisioning.ingestion.records import Record, decode_record, stream_order
from decisioning.models import EventRecord
from decisioning.profiles.aggregates import Aggregates, LiveSet, families_of
from decisioning.profiles.folding import fold
from decisioning.profiles.live_set import load_live
from decisioning.profiles.profile import Profile, encode_profile
from decisioning.rules.phrases import Filled
from decisioning.rules.phrases import gettext_noop as _
from decisioning.specs import AggregateSpec

COMPLETE_KEY: Final = "aggregates:complete"  # hash: family -> generation that history was added to
PATIENCE_S: Final = 60.0  # without any progress of the workers
POLL_S: Final = 0.1
ROWS_PER_FETCH: Final = 2_000
RECORDS_PER_ACCEPT: Final = 500

Progress = Callable[[int, int], None]  # partitions done, of how many
_PARTITIONS: Final = range(people.PARTITIONS)


class BackfillStalled(Exception):
    """The workers do not get on; the message says what to look at."""


@dataclass(frozen=True, slots=True)
class _Target:
    """A family to complete, and up to where history is its own in each partition."""

    key: str
    generation: int
    until: dict[int, str]
    aggregates: Aggregates  # that keep this family alone


def backfill(
    client: "redis.Redis", aggregates: Iterable[AggregateSpec], progress: Progress | None = None
) -> int:
    """Complete announced aggregates with what happened before they were taken up, and return for how many families.

    Returns when every partition has folded its part: seconds where there is no history. May be called
    again after a crash; what was sent already is a repeat.

    Raises:
        BackfillStalled: no worker drains or archives.
    """
    live = load_live(client)
    wanted = incomplete(client, live, aggregates)
    if not wanted:
        return 0
    targets = _await_take_up(client, live, wanted)
    _await_archived(client, targets)
    _send_all(client, live, targets, progress or (lambda done, total: None))
    _await_folded(client)
    complete: dict[Any, Any] = dict(wanted)
    client.hset(COMPLETE_KEY, mapping=complete)
    return len(wanted)


def incomplete(
    client: "redis.Redis", live: LiveSet, aggregates: Iterable[AggregateSpec]
) -> dict[str, int]:
    """Return family -> generation of those that history has not been added to."""
    rows: Any = client.hgetall(COMPLETE_KEY)
    complete = {key.decode(): int(generation) for key, generation in rows.items()}
    keys = {family.key for spec in aggregates for family in families_of(spec)}
    return {
        key: generation
        for key, generation in live.generations.items()
        if key in keys and complete.get(key) != generation
    }


def _await(what: str, done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > end:
            raise BackfillStalled(
                Filled(
                    _("{what} for {seconds} s: see whether the workers run."),
                    what=Filled(what),
                    seconds=round(PATIENCE_S),
                )
            )
        time.sleep(POLL_S)


def _await_take_up(client: "redis.Redis", live: LiveSet, wanted: dict[str, int]) -> list[_Target]:
    positions: dict[int, dict[str, tuple[int, str]]] = {}

    def everywhere() -> bool:
        for partition in _PARTITIONS:
            if partition not in positions:
                known = taken_up(client, partition)
                if any(known.get(key, (-1, ""))[0] != wanted[key] for key in wanted):
                    return False
                positions[partition] = known
        return True

    _await(_("No partition took up the new aggregates"), everywhere)
    return [
        _Target(
            key,
            generation,
            {one: known[key][1] for one, known in positions.items()},
            _only(live, key, generation),
        )
        for key, generation in wanted.items()
    ]


def _await_archived(client: "redis.Redis", targets: Sequence[_Target]) -> None:
    until = {one: max((t.until[one] for t in targets), key=stream_order) for one in _PARTITIONS}

    def everywhere() -> bool:
        positions = load_positions(client, _PARTITIONS)
        return all(
            stream_order(positions[one].archived) >= stream_order(until[one]) for one in _PARTITIONS
        )

    _await(_("History did not get on"), everywhere)


def _await_folded(client: "redis.Redis") -> None:
    last = {one: event_log(client).last_id(one) for one in _PARTITIONS}

    def everywhere() -> bool:
        positions = load_positions(client, _PARTITIONS)
        return all(stream_order(positions[one].folded) >= stream_order(last[one]) for one in last)

    _await(_("The streams were not folded"), everywhere)


def _send_all(
    client: "redis.Redis", live: LiveSet, targets: Sequence[_Target], progress: Progress
) -> None:
    now_ms = time.time_ns() // 1_000_000
    waiting: list[Record] = []
    for person, rows in groupby(_history(live, targets), key=lambda row: row.person_id):
        waiting += _records(targets, person, rows, now_ms=now_ms)
        if len(waiting) >= RECORDS_PER_ACCEPT:
            _send(client, waiting)
            waiting = []
            progress(people.partition_of(person), people.PARTITIONS)
    _send(client, waiting)
    progress(people.PARTITIONS, people.PARTITIONS)


def _history(live: LiveSet, targets: Sequence[_Target]) -> Iterator[EventRecord]:
    """Yield the events that the families read, by partition and person."""
    families = Aggregates(live).families
    names = {families[target.key].event for target in targets}
    rows = EventRecord.objects.filter(kind="event", name__in=names)
    ordered = rows.only("event_id", "partition", "person_id", "body")
    return ordered.order_by("partition", "person_id").iterator(chunk_size=ROWS_PER_FETCH)


def _records(
    targets: Sequence[_Target], person: str, rows: Iterable[EventRecord], *, now_ms: int
) -> list[Record]:
    """Return one record for each family that a person has history in."""
    history = [(row.event_id[4:], decode_record(bytes(row.body))) for row in rows]
    partition = people.partition_of(person)
    made: list[Record] = []
    for target in targets:
        bound = stream_order(target.until[partition])
        mine = [record for stream_id, record in history if stream_order(stream_id) <= bound]
        profile = fold(None, mine, target.aggregates)
        if profile.series or profile.given_up:
            made.append(_record(profile, target, person, now_ms=now_ms))
    return made


def _only(live: LiveSet, key: str, generation: int) -> Aggregates:
    """Return a set that keeps one family."""
    specs = [spec for spec in live.specs if key in {one.key for one in families_of(spec)}]
    aggregates = Aggregates(LiveSet(live.version, tuple(specs[:1]), {key: generation}))
    for event, families in aggregates.by_event.items():
        aggregates.by_event[event] = [family for family in families if family.key == key]
    return aggregates


def _record(profile: Profile, target: _Target, person: str, *, now_ms: int) -> Record:
    identity = f"{target.key}:{target.generation}:{person}"
    return Record(
        kind="backfill",
        message_id=f"backfill:{hashlib.sha256(identity.encode()).hexdigest()[:32]}",
        person=person,
        event_time_ms=now_ms,
        received_at_ms=now_ms,
        payload=encode_profile(Profile(series=profile.series, given_up=profile.given_up)),
    )


def _send(client: "redis.Redis", records: Sequence[Record]) -> None:
    def taken() -> bool:
        try:
            event_log(client).accept(records, mark=HARD_MARK)
        except LogFull:
            return False
        return True

    _await(_("The streams stayed full"), taken)
