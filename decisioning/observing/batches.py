"""The only door to the queue on which processes leave what they counted, until it is added up in PostgreSQL."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
import redis

QUEUE: Final = "observed:batches"
MOST: Final = 5_000  # batches that wait; then the oldest are dropped: counts are no history
HOUR_MS: Final = 3_600_000


class HourCount(msgspec.Struct, array_like=True):
    """What came from a source under an event's name within an hour."""

    hour: int  # of the epoch
    source: str  # id of the API key
    event: str  # "Order Completed"; "" for identify calls, and what cannot be read
    events: int = 0  # folded
    duplicates: int = 0
    refused: int = 0
    watched: int = 0  # taken although its schema does not allow it
    late_ms: int = 0  # sum of received_at less event time
    newest_ms: int = 0  # the newest event time


class ValueCount(msgspec.Struct, array_like=True):
    """What values of one property looked like within an hour, in a sample of the events."""

    hour: int
    source: str
    event: str  # "" for traits of identify calls
    key: str
    looked: int = 0  # events looked at
    present: int = 0  # of them, that had it and not null
    types: dict[str, int] = {}
    shapes: list[str] = []
    low: float | None = None  # of numbers
    high: float | None = None


class Batch(msgspec.Struct, array_like=True):
    """What one process counted since its last batch."""

    counts: list[HourCount] = []
    values: list[ValueCount] = []


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Batch)


def leave(client: "redis.Redis", batch: Batch) -> None:
    """Put a batch on the queue; one round trip."""
    with client.pipeline(transaction=False) as pipe:
        pipe.rpush(QUEUE, _encoder.encode(batch))
        pipe.ltrim(QUEUE, -MOST, -1)
        pipe.execute()


def waiting(client: "redis.Redis", *, most: int) -> list[Batch]:
    """Return the oldest batches, which stay until `drop`."""
    found: Any = client.lrange(QUEUE, 0, most - 1)
    return [_decoder.decode(one) for one in found]


def drop(client: "redis.Redis", count: int) -> None:
    """Take the oldest batches off the queue."""
    client.ltrim(QUEUE, count, -1)


def merged(batches: Iterable[Batch]) -> Batch:
    """Return one batch that says what several do."""
    counts: dict[tuple[int, str, str], HourCount] = {}
    values: dict[tuple[int, str, str, str], ValueCount] = {}
    for batch in batches:
        for one in batch.counts:
            known = counts.setdefault(
                (one.hour, one.source, one.event), HourCount(one.hour, one.source, one.event)
            )
            add_count(known, one)
        for two in batch.values:
            key = (two.hour, two.source, two.event, two.key)
            add_value(values.setdefault(key, ValueCount(*key)), two)
    return Batch(list(counts.values()), list(values.values()))


def add_count(known: Any, more: Any) -> None:
    """Add what `more` counted to `known`, a row or an HourCount alike."""
    for name in ("events", "duplicates", "refused", "watched", "late_ms"):
        setattr(known, name, getattr(known, name) + getattr(more, name))
    known.newest_ms = max(known.newest_ms, more.newest_ms)


def add_value(known: Any, more: Any) -> None:
    """Add what `more` looked at to `known`, a row or a ValueCount alike."""
    known.looked += more.looked
    known.present += more.present
    known.types = {
        name: known.types.get(name, 0) + more.types.get(name, 0)
        for name in {**known.types, **more.types}
    }
    known.shapes = list(dict.fromkeys([*known.shapes, *more.shapes]))[:3]
    known.low = _least(known.low, more.low)
    known.high = None if (high := _least(_less(known.high), _less(more.high))) is None else -high


def _less(value: float | None) -> float | None:
    return None if value is None else -value


def _least(one: float | None, other: float | None) -> float | None:
    known = [value for value in (one, other) if value is not None]
    return min(known, default=None)
