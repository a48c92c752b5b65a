"""The only place that tells the ledger each day what the logs beside it had, and sees later whether they have it still.

The rows of a day are added up for each person's key: those of a destroyed key may go, and the others still verify.
"""

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.db import connection, transaction

from consent.proof.checking import Cursor, Question, Trouble, facts_in
from consent.proof.facts import KEY_DESTROYED, READS_DIGEST, Fields, record_fact
from consent.proof.projecting import ERASING
from consent.proof.tables import LogPart

CHECK: Final = "decisions and readings of records are those that the ledger tells of"
LOCK: Final = 7_204  # of PostgreSQL's advisory locks
SETTLED: Final = timedelta(
    hours=1
)  # after midnight UTC: whatever was written before it is committed
LATE: Final = timedelta(days=3)
ONE: Final = timedelta(days=1)

Parts = Mapping[uuid.UUID, tuple[int, bytes]]  # key id -> rows, digest over them


@dataclass(frozen=True, slots=True)
class Log:
    """A table whose rows stay as they are once they are written."""

    kind: str  # of its facts
    first: str  # SQL: when its first row was written
    parts: str  # SQL (from, until): key id, rows, digest


READS: Final = Log(
    READS_DIGEST,
    "select min(read_at) from consent_recordread",
    "select '00000000-0000-0000-0000-000000000000'::uuid, count(*), sha256(string_agg(sha256(convert_to("
    "jsonb_build_array(id, person, reader, what, (extract(epoch from read_at) * 1000000)::bigint)::text, 'UTF8'"
    ")), ''::bytea order by id)) from consent_recordread where read_at >= %s and read_at < %s having count(*) > 0",
)
_logs: list[Log] = []


def register(log: Log) -> None:
    """Have a log told of and checked; from `AppConfig.ready`."""
    if log not in _logs:
        _logs.append(log)


def tell_days(*, now: datetime) -> int:
    """Tell the ledger of each day that is over and not told of; return how many. Again tells nothing."""
    until = (now - SETTLED).astimezone(UTC).date()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])
        return sum(_tell(cursor, log, until, now=now) for log in _logs)


def _tell(cursor: Any, log: Log, until: date, *, now: datetime) -> int:
    begin = _next(cursor, log)
    days = (until - begin).days if begin is not None else 0
    for day in (begin + ONE * number for number in range(days) if begin is not None):
        parts = _parts(cursor, log, day)
        LogPart.objects.bulk_create(
            LogPart(log=log.kind, day=day, key_id=key, rows=rows, digest=digest)
            for key, (rows, digest) in parts.items()
        )
        record_fact(log.kind, _fields(day, parts), now=now)
    return max(days, 0)


def _next(cursor: Cursor, log: Log) -> date | None:
    told = [_day(fact.fields) for _, fact in facts_in(cursor, log.kind)]
    if days := [day for day in told if day is not None]:
        return max(days) + ONE
    cursor.execute(log.first)
    (first,) = cursor.fetchone()
    return first.astimezone(UTC).date() if first is not None else None


def _day(fields: Fields) -> date | None:
    """Return the day that a fact is of, None where it names none: then it was not written here."""
    try:
        return date.fromisoformat(str(fields.get("day")))
    except ValueError:
        return None


def _parts(cursor: Cursor, log: Log, day: date) -> Parts:
    begin = datetime.combine(day, time(), UTC)
    cursor.execute(log.parts, [begin, begin + ONE])
    return {key: (rows, bytes(digest)) for key, rows, digest in cursor.fetchall()}


def _fields(day: date, parts: Parts) -> Fields:
    """Return what the fact of a day says."""
    whole = hashlib.sha256()
    for key, (rows, digest) in sorted(parts.items()):
        whole.update(key.bytes + rows.to_bytes(8, "big") + digest)
    count = sum(rows for rows, _ in parts.values())
    return {"day": day.isoformat(), "rows": count, "keys": len(parts), "digest": whole.hexdigest()}


def check_days(cursor: Cursor, question: Question) -> Iterator[tuple[str, Trouble | None]]:
    """Yield the days whose rows are not those that the ledger was told of."""
    yield CHECK, None
    destroyed = {str(fact.fields.get("key")) for _, fact in facts_in(cursor, KEY_DESTROYED)}
    leaving = _being_erased(cursor, question.now)
    for log in _logs:
        for words, key in _of_log(cursor, log, destroyed, question.now):
            yield CHECK, Trouble(f"{log.kind}: {words}", is_warning=key in leaving)


def _being_erased(cursor: Cursor, now: datetime) -> set[uuid.UUID | str]:
    cursor.execute(
        "select k.key_id from consent_personkey k join consent_suppression s "
        "on s.kind = 'person' and s.digest = k.person where s.erased_at > %s",
        [now - ERASING],
    )
    return {"late", *(key for (key,) in cursor.fetchall())}


Found = Iterator[tuple[str, uuid.UUID | str]]


def _of_log(cursor: Cursor, log: Log, destroyed: Iterable[str], now: datetime) -> Found:
    told: dict[date, Fields] = {}
    for _, fact in facts_in(cursor, log.kind):
        day = _day(fact.fields)
        if day is None:
            yield "the ledger tells of a day that it does not name", ""
            continue
        if day in told:
            yield f"the ledger tells of {day} twice", ""
        told[day] = fact.fields
    kept = _kept(cursor, log)
    for day in sorted({*told, *kept}):
        parts = kept.get(day, {})
        if told.get(day) != _fields(day, parts):
            yield f"what is kept of {day} is not what the ledger tells", ""
        yield from _of_day(day, parts, _parts(cursor, log, day), destroyed)
    yield from _untold(cursor, log, told, now)


def _kept(cursor: Cursor, log: Log) -> dict[date, dict[uuid.UUID, tuple[int, bytes]]]:
    cursor.execute(
        "select day, key_id, rows, digest from consent_logpart where log = %s", [log.kind]
    )
    kept: dict[date, dict[uuid.UUID, tuple[int, bytes]]] = {}
    for day, key, rows, digest in cursor.fetchall():
        kept.setdefault(day, {})[key] = (rows, bytes(digest))
    return kept


def _of_day(day: date, kept: Parts, found: Parts, destroyed: Iterable[str]) -> Found:
    for key in sorted({*kept, *found}):
        had, has = kept.get(key), found.get(key)
        if had == has or (has is None and str(key) in destroyed):
            continue
        before, after = (part[0] if part else 0 for part in (had, has))
        words = (
            f"{before} rows, now {after}" if before != after else f"some of {before} rows differ"
        )
        yield f"{day}, key {key}: {words}", key


def _untold(cursor: Cursor, log: Log, told: Mapping[date, Fields], now: datetime) -> Found:
    if told:
        days = (max(told) - min(told)).days + 1
        if days != len(told):
            yield f"{days - len(told)} days between others are told nowhere", ""
    begin = _next(cursor, log)
    if begin is not None and begin < (now - LATE).date():
        yield f"nothing is told of {begin} and later", "late"
