"""The only place where rows of imports, polls and webhooks take the road of the API's messages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import redis
from django.conf import settings

from decisioning.connections.casting import Unusable, plain
from decisioning.connections.lines import Line
from decisioning.connections.mapping import Json, Mapping, RowRefusal, apply
from decisioning.ingestion.log import SOFT_MARK, event_log
from decisioning.ingestion.records import Record
from decisioning.ingestion.refusals import Refusal
from decisioning.ingestion.wire import Intake, read_messages
from decisioning.releases import load_live
from rtts_site.foundation import metrics

# Half of what makes clients wait: who can wait longest goes last.
MARK: Final = SOFT_MARK // 2
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


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of records."""

    accepted: int = 0
    repeats: int = 0


def intake_for(client: "redis.Redis", *, source: str, now_ms: int) -> Intake:
    """Return how rows are read now: by the live catalogue, with an import's rights. Two round trips."""
    live = load_live(client)
    attributes = {one.key: one for one in live.release.attributes} if live is not None else {}
    return Intake(
        attributes=attributes, received_at_ms=now_ms, pepper=settings.RTTS_PEPPER, source=source
    )


def understand(mapping: Mapping, lines: Iterable[Line], *, intake: Intake, base: str) -> Understood:
    """Return what rows say; pure. `base` and a row's place make the id of its message."""
    told = Understood()
    raws: list[msgspec.Raw] = []
    sent: list[Line] = []
    for line in lines:
        message = _message(mapping, line, f"{base}:{line.row}")
        if isinstance(message, RowRefusal):
            told.refused.append(RefusedLine(line, message.column, message.reason))
        else:
            raws.append(msgspec.Raw(msgspec.json.encode(message)))
            sent.append(line)
    records, refusals = read_messages(raws, intake=intake)
    told.records.extend(records)
    missing = {one.item for one in refusals}
    told.lines.extend(line for place, line in enumerate(sent) if place not in missing)
    told.refused.extend(_refused(mapping, sent[one.item], one) for one in refusals)
    told.refused.sort(key=lambda one: one.line.row)
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


def take(client: "redis.Redis", records: Sequence[Record], *, mark: int = MARK) -> Taken:
    """Append records to the log, each message once, and count them.

    Raises:
        LogFull: come back later; what was appended already is a repeat then.
        redis.RedisError: the outcome is unknown; take the same records again.
    """
    results = event_log(client).accept(records, mark=mark)
    repeats = results.count("duplicate")
    metrics.EVENTS.labels("accepted").inc(len(results) - repeats)
    metrics.EVENTS.labels("duplicate").inc(repeats)
    return Taken(len(results) - repeats, repeats)


def shown(value: Any) -> Any:
    """Return a value as a page or file can show it."""
    try:
        return plain(value)
    except Unusable as error:
        return f"({error})"
