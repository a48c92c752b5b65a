"""The only place that writes events to PostgreSQL and trims the streams behind both positions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import redis
from django.db import connection, transaction

from consent import people
from decisioning.ingestion.closing import is_turned_away
from decisioning.ingestion.log import Packed, event_log
from decisioning.ingestion.merging import sent_back
from decisioning.ingestion.planning import Entry
from decisioning.ingestion.positions import Position, load_positions
from decisioning.ingestion.records import Record, decode_record, encode_record, stream_order
from decisioning.ingestion.setting_aside import Aside, set_aside, write_sound
from decisioning.profiles.profile import Profile
from decisioning.profiles.store import load_profiles

ROWS_PER_RUN: Final = 2_000  # and what was read together with the last of them
PARTITIONS_PER_READ: Final = 16
ROWS_PER_READ: Final = 500  # of one partition
_COLUMNS: Final = (
    "event_id",
    "received_at",
    "event_time",
    "partition",
    "person_id",
    "kind",
    "type",
    "name",
    "message_id",
    "source",
    "body",
)

LAST: Final = f"{2**63}-0"  # behind every stream id

Row = tuple[Any, ...]
_Folded = tuple[int, str, Record]  # partition, stream id


def archive(client: "redis.Redis", partitions: Sequence[int]) -> int:
    """Write what is folded and not yet archived, once each, and return how many rows that were.

    Raises:
        django.db.Error: PostgreSQL is away; nothing is lost, the streams keep it.
    """
    positions = load_positions(client, partitions)
    behind = [one for one, position in positions.items() if not position.is_archived]
    found: list[_Folded] = []
    reached: dict[int, str] = {}
    for start in range(0, len(behind), PARTITIONS_PER_READ):
        some = {one: positions[one] for one in behind[start : start + PARTITIONS_PER_READ]}
        entries = _read(client, some, reached)
        found += _kept(client, entries)
        if len(found) >= ROWS_PER_RUN:
            break
    stuck = write_sound(found, lambda some: write([_row(*one) for one in some]))
    set_aside(client, (_aside(*one, error) for one, error in stuck))
    _advance(client, {one: positions[one] for one in reached}, reached)
    return len(found) - len(stuck)


def _read(
    client: "redis.Redis", positions: Mapping[int, Position], reached: dict[int, str]
) -> dict[int, list[Entry]]:
    """Return the next folded records of streams, and note in `reached` the ids that they lead to."""
    wanted = {one: (position.archived, position.folded) for one, position in positions.items()}
    found = event_log(client).spans(wanted, count=ROWS_PER_READ)
    for partition, rows in found.items():
        is_cut = len(rows) == ROWS_PER_READ
        reached[partition] = rows[-1][0] if is_cut else positions[partition].folded
    entries = {partition: list(readable(rows)) for partition, rows in found.items()}
    return event_log(client).unrepeated(entries)


def readable(found: Iterable[Packed]) -> Iterator[Entry]:
    """Yield what a log holds as records, without what the drain has set aside."""
    for stream_id, data in found:
        try:
            record = decode_record(data)
        except msgspec.DecodeError:
            continue
        yield stream_id, record


def _kept(client: "redis.Redis", read: Mapping[int, Sequence[Entry]]) -> list[_Folded]:
    """Return the records that were folded here; what moved on is archived where it arrived."""
    persons = {
        partition: dict.fromkeys(record.person for _, record in entries)
        for partition, entries in read.items()
        if entries
    }
    profiles = load_profiles(client, persons)
    # A stream that nothing comes to keeps its last record; of somebody erased not even that.
    event_log(client).drop(
        {
            partition: [
                stream_id
                for stream_id, record in entries
                if is_turned_away(profiles[record.person], record)
            ]
            for partition, entries in read.items()
        }
    )
    return [
        (partition, stream_id, record)
        for partition, entries in read.items()
        for stream_id, record in entries
        if record.kind not in ("backfill", "look")
        and not is_turned_away(profiles[record.person], record)
        and not moved_on(profiles[record.person], stream_id, record)
    ]


def moved_on(profile: Profile | None, stream_id: str, record: Record) -> bool:
    """Return whether a folded record of this stream followed its person to another."""
    if profile is None or record.kind in ("merge_out", "part"):
        return False
    place = stream_order(stream_id)
    if profile.merged_into and place > stream_order(profile.merged_at):
        return True
    own = profile.bonds
    if own is None:
        return False
    away = any(stream_order(behind) < place <= stream_order(until) for behind, until in own.away)
    return away or place > stream_order(sent_back(profile, record)[1] or LAST)


def _row(partition: int, stream_id: str, record: Record) -> Row:
    body = msgspec.structs.replace(record, payload=b"") if record.payload else record
    return (
        f"{partition:03d}-{stream_id}",
        _moment(record.received_at_ms),
        _moment(record.event_time_ms),
        partition,
        record.person,
        record.kind,
        record.type,
        record.event,
        record.message_id,
        record.source,
        encode_record(body),
    )


def _aside(partition: int, stream_id: str, record: Record, error: Exception) -> Aside:
    return Aside(partition, f"events:{stream_id}", encode_record(record), error)


def _moment(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def write(rows: Sequence[Row]) -> None:
    """Copy rows into the history; those already there stay as they are."""
    columns = ", ".join(_COLUMNS)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE IF NOT EXISTS arriving_event (LIKE decisioning_event)"
            " ON COMMIT DELETE ROWS"
        )
        with cursor.copy(f"COPY arriving_event ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(
            f"INSERT INTO decisioning_event ({columns}) SELECT {columns} FROM arriving_event"  # noqa: S608  # constants
            " ON CONFLICT DO NOTHING"
        )


def _advance(
    client: "redis.Redis", positions: dict[int, Position], reached: dict[int, str]
) -> None:
    """Note how far history is and drop from the streams what is behind both positions."""
    with client.pipeline(transaction=False) as pipe:
        for partition, until in reached.items():
            pipe.hset(people.position_key(partition), "archived", until)
        pipe.execute()
    event_log(client).trim(
        {
            partition: min(until, positions[partition].folded, key=stream_order)
            for partition, until in reached.items()
        }
    )


def ensure_partitions(*, months: int) -> int:
    """Have the months ahead made in the partitioned tables and return how many were."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT decisioning_ensure_partitions(%s)", [months])
        return int(cursor.fetchone()[0])
