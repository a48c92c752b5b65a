"""The way of decisions and outcomes from the partitions' logs to PostgreSQL, and of a decision back."""

import uuid
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import msgspec
import redis
from django.db import connection, transaction

from consent import people
from consent.person_keys import (
    ID_BYTES,
    KeyDestroyedError,
    erased_among,
    load_cipher,
    person_ciphers,
)
from decisioning.ingestion.setting_aside import Aside, set_aside, write_sound
from decisioning.messages import LogRow, Placed, row_decoder
from decisioning.models import DecisionRecord, OutcomeRecord, ShownRecord
from decisioning.outcomes import Outcome
from decisioning.outcomes import decoder as outcome_decoder
from decisioning.tokens import DecisionId
from rtts_site.foundation.metrics import TURNED_AWAY

POSITION: Final = "decisions"  # field of the partition's hash of positions
ENTRIES_PER_READ: Final = 200  # of one partition
START: Final = "0-0"

Values = tuple[Any, ...]
Tell = Callable[[Sequence[tuple[str, LogRow]]], None]
DECISION: Final = tuple(one.attname for one in DecisionRecord._meta.concrete_fields)
SHOWN: Final = tuple(one.attname for one in ShownRecord._meta.concrete_fields)
OUTCOME: Final = tuple(one.attname for one in OutcomeRecord._meta.concrete_fields)

# KEYS: position, log.  ARGV: as known, as reached.  Another archiver that came first is left alone.
ADVANCE: Final = """
if (redis.call('HGET', KEYS[1], 'decisions') or '0-0') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'decisions', ARGV[2])
redis.call('XTRIM', KEYS[2], 'MINID', ARGV[2])
return 1
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a partition's log, as it stands there."""

    partition: int
    stream_id: str
    fields: dict[bytes, bytes]


@dataclass(slots=True)
class Logged:
    """One decision as it came off a log."""

    decision_id: str
    row: LogRow
    body: bytes


@dataclass(slots=True)
class Arrived:
    """What a run read, still in the clear."""

    decisions: list[Logged] = field(default_factory=list)
    outcomes: list[tuple[str, Outcome, bool]] = field(default_factory=list)


def archive(client: redis.Redis, partitions: Sequence[int], *, tell: Tell | None = None) -> int:
    """Write what the logs hold to PostgreSQL, once each, trim them, and return how many rows that were.

    `tell` is given the decisions (id, row) in the transaction that writes them.

    Raises:
        django.db.Error: PostgreSQL is away; the logs keep it.
    """
    entries, reached = read_logs(client, partitions)
    stuck = write_sound(entries, partial(write, client=client, tell=tell))
    set_aside(client, (as_aside(entry, error) for entry, error in stuck))
    if reached:
        with client.pipeline(transaction=False) as pipe:
            for partition, (known, until) in reached.items():
                keys = people.position_key(partition), people.decision_log_key(partition)
                pipe.eval(ADVANCE, 2, *keys, known, until)
            pipe.execute()
    return len(entries) - len(stuck)


def as_aside(entry: Entry, error: Exception) -> Aside:
    """Return an entry that cannot be written as it is kept."""
    data = msgspec.msgpack.encode(entry.fields)
    return Aside(entry.partition, f"{POSITION}:{entry.stream_id}", data, error)


def read_logs(
    client: redis.Redis, partitions: Sequence[int]
) -> tuple[list[Entry], dict[int, tuple[str, str]]]:
    """Return the next entries of each log, and from where to where that leads; two round trips."""
    with client.pipeline(transaction=False) as pipe:
        for partition in partitions:
            pipe.hget(people.position_key(partition), POSITION)
        known = [(position or START.encode()).decode() for position in pipe.execute()]
        for partition, position in zip(partitions, known, strict=True):
            # Trimming keeps the entry at the position itself: begin behind it.
            pipe.xrange(
                people.decision_log_key(partition), min=f"({position}", count=ENTRIES_PER_READ
            )
        found = pipe.execute()
    entries: list[Entry] = []
    reached: dict[int, tuple[str, str]] = {}
    for partition, position, rows in zip(partitions, known, found, strict=True):
        entries += [Entry(partition, stream_id.decode(), fields) for stream_id, fields in rows]
        if rows:
            reached[partition] = (position, entries[-1].stream_id)
    return entries, reached


def take(arrived: Arrived, entry: Entry) -> None:
    """Sort one entry in."""
    partition, stream_id, fields = entry.partition, entry.stream_id, entry.fields
    if b"o" in fields:
        outcome = outcome_decoder.decode(fields[b"o"])
        arrived.outcomes.append((f"{partition:03d}-{stream_id}", outcome, fields.get(b"l") == b"1"))
        return
    row = row_decoder.decode(fields[b"d"])
    place = START if b"u" in fields else stream_id  # the answer named no place in the stream
    decision_id = str(DecisionId(partition, place, row.nonce))
    arrived.decisions.append(Logged(decision_id, row, fields[b"d"]))


def write(entries: Sequence[Entry], *, client: redis.Redis, tell: Tell | None = None) -> None:
    """Write decisions, their places and outcomes in one transaction; what is there already stays."""
    arrived = Arrived()
    for entry in entries:
        take(arrived, entry)
    persons = {logged.row.ask.person for logged in arrived.decisions}
    ciphers = person_ciphers(sorted(persons), now=datetime.now(UTC), client=client)
    turn_away(arrived, erased_among(client, named_in(arrived)), keyless=persons - ciphers.keys())
    decisions = []
    for logged in arrived.decisions:
        cipher = ciphers[logged.row.ask.person]
        sealed = cipher.encrypt(logged.body, context=logged.decision_id.encode())
        decisions.append(decision_values(logged, cipher.key_id.bytes + sealed))
    shown = [values for logged in arrived.decisions for values in shown_values(logged)]
    outcomes = [outcome_values(*outcome) for outcome in arrived.outcomes]
    amended = [logged.row.nonce for logged in arrived.decisions if logged.row.unconfirmed]
    with transaction.atomic():
        copy_in("decisioning_decision", DECISION, decisions)
        copy_in("decisioning_shown", SHOWN, shown)
        copy_in("decisioning_outcome", OUTCOME, outcomes)
        if amended:
            amend(amended)
        if tell is not None:
            tell([(logged.decision_id, logged.row) for logged in arrived.decisions])


def named_in(arrived: Arrived) -> list[str]:
    """Return whom outcomes are of."""
    return sorted({outcome.shown.person for _, outcome, _ in arrived.outcomes})


def turn_away(arrived: Arrived, erased: AbstractSet[str], *, keyless: AbstractSet[str]) -> None:
    """Drop what came late for somebody who was erased."""
    decisions = [one for one in arrived.decisions if one.row.ask.person not in keyless]
    outcomes = [one for one in arrived.outcomes if one[1].shown.person not in erased]
    TURNED_AWAY.labels("decision").inc(len(arrived.decisions) - len(decisions))
    TURNED_AWAY.labels("outcome").inc(len(arrived.outcomes) - len(outcomes))
    arrived.decisions, arrived.outcomes = decisions, outcomes


def copy_in(table: str, columns: Sequence[str], rows: Sequence[Values]) -> None:
    """Copy rows into a table; those already there stay as they are."""
    if not rows:
        return
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS arriving_{table} (LIKE {table}) ON COMMIT DELETE ROWS"
        )
        with cursor.copy(f"COPY arriving_{table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {names} FROM arriving_{table} ON CONFLICT DO NOTHING"  # noqa: S608  # constants
        )
        cursor.execute(f"TRUNCATE arriving_{table}")


def amend(nonces: Iterable[str]) -> None:
    """Mark decisions that were logged although the fallback was shown: their last step had no answer."""
    written = DecisionRecord.objects.filter(
        nonce__in=list(nonces), state=DecisionRecord.State.RECORDED
    )
    ids = list(written.values_list("decision_id", flat=True))
    written.update(state=DecisionRecord.State.NOT_SHOWN)
    ShownRecord.objects.filter(decision_id__in=ids).update(status=DecisionRecord.State.NOT_SHOWN)


def decision_values(logged: Logged, body: bytes) -> Values:
    """Return a row of decisioning_decision."""
    row = logged.row
    state = DecisionRecord.State.AMENDED if row.unconfirmed else DecisionRecord.State.RECORDED
    state = DecisionRecord.State.PREVIEW if row.preview else state
    return (
        logged.decision_id,
        row.nonce,
        moment(row.at_ms),
        row.ask.person,
        row.release_version,
        row.release_digest,
        row.canary,
        row.policy_version,
        row.policy_digest,
        row.state.consent.version if row.state.consent.trusted else None,
        list(row.degraded),
        str(state),
        row.took_ms,
        body,
        row.preview,
    )


def shown_values(logged: Logged) -> list[Values]:
    """Return the rows of decisioning_shown of one decision: what each place showed, and who was held out.

    None of a preview: reports and learning read these.
    """
    rows: list[Values] = []
    for placed in () if logged.row.preview else logged.row.decision.placed:
        for chosen in placed.chosen:
            what = (chosen.rank, chosen.offer, chosen.variant, chosen.campaign)
            arm = (chosen.experiment, chosen.arm)
            rows.append(
                _shown(logged, placed, placed.status, what, (*arm, chosen.score, chosen.propensity))
            )
        for campaign in placed.held_out:
            rows.append(
                _shown(logged, placed, "held_out", (0, "", "", campaign), ("", "", None, None))
            )
    return rows


def _shown(logged: Logged, placed: Placed, status: str, what: Values, arm: Values) -> Values:
    row = logged.row
    return (
        f"{logged.decision_id}/{placed.key}/{what[0]}/{what[3] if status == 'held_out' else ''}",
        logged.decision_id,
        moment(row.at_ms),
        row.ask.person,
        row.release_version,
        placed.key,
        placed.channel,
        status,
        placed.reason,
        *what,
        *arm,
    )


def outcome_values(outcome_id: str, outcome: Outcome, late: bool) -> Values:
    """Return a row of decisioning_outcome."""
    shown = outcome.shown
    return (
        outcome_id,
        moment(outcome.recorded_ms),
        moment(outcome.occurred_ms),
        outcome.kind,
        outcome.attribution,
        shown.decision_id,
        shown.person,
        shown.placement,
        shown.offer,
        shown.variant,
        shown.campaign,
        shown.experiment,
        shown.arm,
        outcome.message_id,
        outcome.value,
        late,
    )


def moment(epoch_ms: int) -> datetime:
    """Return epoch milliseconds as an aware time."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


class DecisionErased(Exception):
    """The decision is known, but what it held was erased with the person's key."""


def find_in_stream(client: redis.Redis, decision_id: DecisionId) -> LogRow | None:
    """Return a decision that has not reached PostgreSQL yet; one round trip."""
    found: Any = client.xrange(
        people.decision_log_key(decision_id.partition),
        min=decision_id.stream_id,
        max=decision_id.stream_id,
    )
    for _, fields in found:
        if b"d" in fields:
            row = row_decoder.decode(fields[b"d"])
            return row if row.nonce == decision_id.nonce else None
    return None


def find_in_archive(decision_id: str) -> LogRow | None:
    """Return an archived decision; two queries.

    Raises:
        DecisionErased: its body can no longer be opened.
    """
    record = DecisionRecord.objects.filter(decision_id=decision_id).first()
    return None if record is None else open_body(record)


def open_body(record: DecisionRecord) -> LogRow:
    """Return what a record holds; one query.

    Raises:
        DecisionErased: the person's key was destroyed.
    """
    body = bytes(record.body)
    try:
        cipher = load_cipher(uuid.UUID(bytes=body[:ID_BYTES]))
    except KeyDestroyedError as error:
        raise DecisionErased("The person behind this decision was erased.") from error
    plain = cipher.decrypt(body[ID_BYTES:], context=record.decision_id.encode())
    return row_decoder.decode(plain)


def load_decision(client: redis.Redis, decision_id: DecisionId) -> LogRow | None:
    """Return a decision from its stream, else from the archive; None where there is none."""
    return find_in_stream(client, decision_id) or find_in_archive(str(decision_id))
