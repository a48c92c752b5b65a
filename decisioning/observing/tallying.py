"""The only place that counts what passes through a process: exactly how much, by a sample what it looks like."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from decisioning.ingestion.records import Record
from decisioning.observing.batches import HOUR_MS, Batch, HourCount, ValueCount
from decisioning.observing.shapes import shape_of, type_of
from decisioning.rules.values import typed

LOOKED_AT: Final = 20  # events of a name, source and batch; of the others only the number is known
MOST_NAMES: Final = 500  # of events in a batch
MOST_KEYS: Final = 100  # of one event's properties
OTHERS: Final = "…"  # what is beyond is counted under this name
MAX_NAME: Final = 200
MOST_LATE_MS: Final = 30 * 86_400_000  # what an import sends is older, and says nothing of a sender


class Tally:
    """What one process counted since it was last emptied."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, str, str], HourCount] = {}
        self._values: dict[tuple[int, str, str], dict[str, ValueCount]] = {}

    def __bool__(self) -> bool:
        return bool(self._counts)

    def count(self, *, at_ms: int, source: str, event: str) -> HourCount:
        """Return the counter of an event's name and source in the hour of `at_ms`."""
        hour = at_ms // HOUR_MS
        found = self._counts.get((hour, source, event))
        if found is None:
            if len(self._counts) >= MOST_NAMES:
                event = OTHERS
            found = self._counts.setdefault(
                (hour, source, event), HourCount(hour, source, event[:MAX_NAME])
            )
        return found

    def take(self, record: Record) -> None:
        """Count an event that was folded."""
        at_ms = record.received_at_ms
        found = self.count(at_ms=at_ms, source=record.source, event=record.event)
        found.events += 1
        found.late_ms += min(MOST_LATE_MS, max(0, at_ms - record.event_time_ms))
        found.newest_ms = max(found.newest_ms, record.event_time_ms)
        if found.events <= LOOKED_AT:
            self._look(found, record)

    def _look(self, found: HourCount, record: Record) -> None:
        said: Mapping[str, Any] = record.properties
        if not record.event:
            if record.type != "identify":
                return
            said = {**record.traits, **record.attributes}
        values = self._values.setdefault((found.hour, found.source, found.event), {})
        for key, value in said.items():
            one = values.get(key)
            if one is None:
                if len(values) >= MOST_KEYS or len(key) > MAX_NAME:
                    continue
                one = ValueCount(found.hour, found.source, found.event, key, types={}, shapes=[])
                values[key] = one
            look_at(one, value)

    def emptied(self) -> Batch:
        """Return what was counted, and begin anew."""
        looked = {key: min(one.events, LOOKED_AT) for key, one in self._counts.items()}
        for key, values in self._values.items():
            for one in values.values():
                one.looked = looked[key]
        batch = Batch(
            list(self._counts.values()),
            [one for values in self._values.values() for one in values.values()],
        )
        self.__init__()  # type: ignore[misc]  # a tally begins as it was made
        return batch


def look_at(one: ValueCount, value: Any) -> None:
    """Note what a value looks like."""
    if value is None:
        return
    one.present += 1
    kind = type_of(value)
    one.types[kind] = one.types.get(kind, 0) + 1
    number = typed(value, "number") if kind == "number" else None
    if number is not None:
        one.low = float(number) if one.low is None else min(one.low, float(number))
        one.high = float(number) if one.high is None else max(one.high, float(number))
    if len(one.shapes) < 2:
        shape = shape_of(value)
        if shape not in one.shapes:
            one.shapes.append(shape)


def tally_of(records: Iterable[Record]) -> Tally:
    """Return a tally of records."""
    tally = Tally()
    for record in records:
        tally.take(record)
    return tally
