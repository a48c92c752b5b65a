"""The only place where rows of imports, polls and webhooks take the road of the API's messages."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import Any, Final

import msgspec
import redis
from django.conf import settings

from decisioning.connections.casting import Unusable, plain
from decisioning.connections.lines import Line
from decisioning.connections.mapping import Json, Mapping, RowRefusal, apply, content_digest
from decisioning.enrichment.belonging import asking, note_belonging
from decisioning.enrichment.holding import IntakeHolder
from decisioning.enrichment.visiting import ENTRIES_ATTRIBUTE, all_visits, is_located
from decisioning.ingestion.identities import RULES, rules_of
from decisioning.ingestion.log import SOFT_MARK, event_log
from decisioning.ingestion.records import Record, encode_record
from decisioning.ingestion.refusals import Refusal
from decisioning.ingestion.wire import Intake, read_messages
from decisioning.observing import batches, debugging
from decisioning.observing.debugging import Came
from decisioning.observing.noting import without_secrets
from decisioning.observing.schemas import Schemas, Violation, judge
from decisioning.observing.tallying import Tally
from decisioning.profiles.cells import Cell
from decisioning.profiles.store import load_profile
from decisioning.releases import load_live
from decisioning.rules.moment import kept_with_events
from rtts_site.foundation import metrics
from rtts_site.foundation.redis_clients import redis_client

Unique = Callable[[Line], str]

# Half of what makes clients wait: who can wait longest goes last.
MARK: Final = SOFT_MARK // 2
TIMEOUT_MS: Final = 1_000
SHOWN: Final = 20  # rows of a chunk that whoever debugs a source sees
_POINTERS: Final = {
    "userId": "user_id",
    "anonymousId": "anonymous_id",
    "previousId": "previous_id",
    "groupId": "group_id",
    "messageId": "message_id",
    "timestamp": "time",
    "event": "event",
}


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A row that was not taken, and why."""

    line: Line
    column: str  # "" for the whole row
    reason: str


@dataclass(frozen=True, slots=True)
class Understood:
    """What rows say: a record for each that can be taken, in their order."""

    records: list[Record] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)  # of the records
    refused: list[RefusedLine] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)  # of messages, for the quarantine
    watched: list[tuple[Record, Violation]] = field(default_factory=list)  # taken all the same


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of records."""

    accepted: int = 0
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """By what rows are read now: whose they are, the live catalogue and its schemas."""

    intake: Intake
    schemas: Schemas
    segments: Collection[str] = ()
    kept_with_events: Collection[str] = ()  # events that keep the segments of their people

    def at(self, now_ms: int) -> "Reading":
        """Return the same for what comes in at another moment."""
        return replace(self, intake=replace(self.intake, received_at_ms=now_ms))


def reading_for(client: "redis.Redis", *, source: str, now_ms: int = 0) -> Reading:
    """Return by what a source's rows are read, any age of them; some round trips, so once for many rows.

    Raises:
        ReleaseRefused, TermsRefused: what Redis holds must not be used.
    """
    live = load_live(client)
    release = live.release if live is not None else None
    attributes = {one.key: one for one in release.attributes} if release is not None else {}
    terms = _intake_terms()
    terms.look()
    intake = Intake(
        attributes=attributes,
        received_at_ms=now_ms,
        pepper=settings.RTTS_PEPPER,
        source=source,
        rules=rules_of(release.identity) if release is not None else RULES,
        prepare=terms.preparing(attributes, release.event_types if release is not None else ()),
    )
    if release is None:
        return Reading(intake, Schemas())
    return Reading(
        intake,
        Schemas(release.event_types),
        segments=frozenset(one.key for one in release.segments),
        kept_with_events=kept_with_events(asdict(release)).keys(),
    )


@cache
def _intake_terms() -> IntakeHolder:
    """Return the terms of the intake as this process holds them; whoever uses them looks for newer ones."""
    client = redis_client(timeout_ms=TIMEOUT_MS)
    return IntakeHolder(
        client,
        salt=settings.RTTS_PEPPER,
        geo_database=settings.RTTS_GEO_DATABASE,
        directory=settings.RTTS_VAR / "releases",
    )


def understand(
    mapping: Mapping, lines: Iterable[Line], *, reading: Reading, unique: Unique
) -> Understood:
    """Return what rows say; pure. `unique` names a row for good."""
    told = Understood()
    raws: list[msgspec.Raw] = []
    sent: list[Line] = []
    for line in lines:
        message = _message(mapping, line, unique(line))
        if isinstance(message, RowRefusal):
            told.refused.append(RefusedLine(line, message.column, message.reason))
        else:
            raws.append(msgspec.Raw(msgspec.json.encode(message)))
            sent.append(line)
    judged = judge(*read_messages(raws, intake=reading.intake), reading.schemas)
    told.records.extend(judged.records)
    missing = {one.item for one in judged.refusals}
    told.lines.extend(line for place, line in enumerate(sent) if place not in missing)
    told.refused.extend(_refused(mapping, sent[one.item], one) for one in judged.refusals)
    told.refused.sort(key=lambda one: one.line.row)
    told.refusals.extend(judged.refusals)
    told.watched.extend(judged.watched)
    return told


def _message(mapping: Mapping, line: Line, unique: str) -> Json | RowRefusal:
    if line.trouble:
        return RowRefusal("", line.trouble)
    return apply(mapping, line.cells, unique=unique)


def _refused(mapping: Mapping, line: Line, refusal: Refusal) -> RefusedLine:
    return RefusedLine(line, column_of(mapping, refusal.pointer), refusal.reason)


def column_of(mapping: Mapping, pointer: str) -> str:
    """Return the column that a field of the message came from, "" where none did."""
    first, _, name = pointer.strip("/").partition("/")
    target = {"traits": f"trait:{name}", "properties": f"property:{name}"}.get(
        first, _POINTERS.get(first, "")
    )
    return next((rule.column for rule in mapping.rules if rule.target == target), "")


def take(
    client: "redis.Redis",
    told: Understood,
    *,
    reading: Reading,
    mark: int = MARK,
    is_redone: bool = False,
) -> Taken:
    """Append what rows say to the log, each message once, and count it for data quality too.

    `is_redone`: a worker that was killed may have appended some; these are no repeats.

    Raises:
        LogFull: come back later; what was appended already is a repeat then.
        redis.RedisError: the outcome is unknown; take the same records again.
    """
    records = told.records
    for record in asking(records, reading.kept_with_events):
        note_belonging(record, load_profile(client, record.person)[1], reading.segments)
    visits = _visits(client, records)
    results = event_log(client).accept([*visits, *records], mark=mark)[len(visits) :]
    again = [one for one, what in zip(records, results, strict=True) if what == "duplicate"]
    repeats = 0 if is_redone else len(again)
    metrics.EVENTS.labels("accepted").inc(len(results) - repeats)
    metrics.EVENTS.labels("duplicate").inc(repeats)
    _note(client, told, [] if is_redone else again, reading=reading)
    return Taken(len(results) - repeats, repeats)


def _note(
    client: "redis.Redis", told: Understood, again: Sequence[Record], *, reading: Reading
) -> None:
    """Count what is odd about rows of a source, and show the last of them to whoever debugs it."""
    source, at_ms = reading.intake.source, reading.intake.received_at_ms
    tally = Tally()
    for record in again:
        tally.count(at_ms=at_ms, source=source, event=record.event).duplicates += 1
    for record, _violation in told.watched:
        tally.count(at_ms=at_ms, source=source, event=record.event).watched += 1
    events = [one.quarantined.event for one in told.refusals if one.quarantined is not None]
    unnamed = [""] * (len(told.refused) - len(events))
    for event in (*events, *unnamed):
        tally.count(at_ms=at_ms, source=source, event=event).refused += 1
    if tally:
        batches.leave(client, tally.emptied())
    if source in debugging.watched(client, now=at_ms / 1000):
        debugging.tell(client, debugging.came_key(source), _came(told, at_ms))


def _came(told: Understood, at_ms: int) -> list[Came]:
    """Return the last rows as the debugger shows them: as they came, and what was made of each."""
    pairs = list(zip(told.lines, told.records, strict=True))[-SHOWN:]
    taken = [
        (line.row, Came(at_ms, _raw(line), encode_record(record), record.message_id))
        for line, record in pairs
    ]
    refused = [
        (one.line.row, Came(at_ms, _raw(one.line), pointer=one.column, reason=one.reason))
        for one in told.refused[-SHOWN:]
    ]
    return [came for _row, came in sorted([*taken, *refused], key=lambda one: one[0])[-SHOWN:]]


def _raw(line: Line) -> bytes:
    cells = {name: shown(value) for name, value in line.cells.items()}
    return without_secrets(msgspec.json.encode(cells))


def _visits(client: "redis.Redis", records: Sequence[Record]) -> list[Record]:
    """Return what located records say of geofences; they come first, as a retry would find the state changed."""
    located = [record for record in records if is_located(record)]
    if not located:
        return []
    states: dict[str, Cell | None] = {}
    for person in {record.person for record in located}:
        profile = load_profile(client, person)[1]
        states[person] = profile.attributes.get(ENTRIES_ATTRIBUTE) if profile is not None else None
    fences = {fence.key: fence for fence in _intake_terms().terms.fences}
    return all_visits(located, states, fences)


def shown(value: Any) -> Any:
    """Return a value as a page or file can show it."""
    try:
        return plain(value)
    except Unusable as error:
        return f"({error})"


def by_place(base: str) -> Unique:
    """Return ids of rows whose place in their file stays."""
    return lambda line: f"{base}:{line.row}"


def by_content(base: str) -> Unique:
    """Return ids of rows that come again wherever they stand: the same content is the same row."""
    return lambda line: f"{base}:{content_digest(line.cells)}"
