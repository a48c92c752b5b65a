"""The only place that tells who enters, stays in and leaves geofences: events made from where a person was before. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from decisioning.enrichment.fences import Fence
from decisioning.enrichment.placing import FENCES_ATTRIBUTE
from decisioning.ingestion.records import Record
from decisioning.profiles.cells import Cell

ENTRIES_ATTRIBUTE: Final = (
    "geofence_entries"  # list: "store@1763800000", and "+" once it was a stay
)
ENTERED: Final = "Geofence Entered"
LEFT: Final = "Geofence Left"
DWELLED: Final = "Geofence Dwelled"

Entries = dict[str, tuple[int, bool]]  # fence -> since when, epoch seconds; whether told as a stay


def is_located(record: Record) -> bool:
    """Return whether it was found out which fences the record is in."""
    return FENCES_ATTRIBUTE in record.attributes and FENCES_ATTRIBUTE in record.context


def visit_events(
    record: Record, before: Cell | None, fences: Mapping[str, Fence]
) -> tuple[list[Record], Cell | None]:
    """Return what a located record says happened since `before`, and the state after it.

    Until that state is another, every located record tells the same event under the same id, so that it
    counts once. The record's own attributes get the new state. A record older than the state tells nothing.
    """
    at_s = record.event_time_ms // 1000
    since_ms = before.event_time_ms if before is not None else 0
    if before is not None and record.event_time_ms < before.event_time_ms:
        return [], before
    was = read_entries(before.value if before is not None else None)
    now: Entries = {}
    told: list[Record] = []
    for key in record.attributes[FENCES_ATTRIBUTE]:
        since, stayed = was.get(key, (at_s, False))
        if key not in was:
            told.append(_event(record, ENTERED, key, {}, since_ms))
        elif not stayed and key in fences and at_s - since >= fences[key].dwell_s:
            told.append(_event(record, DWELLED, key, {"seconds": at_s - since}, since_ms))
            stayed = True
        now[key] = (since, stayed)
    told += [
        _event(record, LEFT, key, {"seconds": at_s - since}, since_ms)
        for key, (since, _) in was.items()
        if key not in now
    ]
    packed = pack_entries(now)
    record.attributes[ENTRIES_ATTRIBUTE] = packed
    return told, Cell(packed, record.event_time_ms, 0, record.source)


def pack_entries(entries: Entries, *, located: str = "") -> list[str]:
    """Return a state as an attribute holds it, the first entered first."""
    ordered = sorted(entries.items(), key=lambda one: (one[1][0], one[0]))
    return [f"{key}@{since}{'+' if stayed else ''}{located}" for key, (since, stayed) in ordered]


def read_entries(value: Any) -> Entries:
    """Return the state that an attribute holds; what cannot be read was nowhere.

    >>> read_entries(["store@1763800000+", "town@1763800600"])
    {'store': (1763800000, True), 'town': (1763800600, False)}
    """
    return dict(_entries(value if isinstance(value, list) else ()))


def _entries(values: Iterable[Any]) -> Iterator[tuple[str, tuple[int, bool]]]:
    for value in values:
        key, _, rest = str(value).partition("@")
        since = rest.partition("~")[0]
        if since.rstrip("+").isdigit():
            yield key, (int(since.rstrip("+")), since.endswith("+"))


def located_s(cell: Cell) -> int:
    """Return when somebody was last located, epoch seconds; time alone writes that beside the state, as ``~``."""
    first = str(next(iter(cell.value or ()), ""))
    told = first.partition("~")[2]
    return int(told) if told.isdigit() else cell.event_time_ms // 1000


def _event(record: Record, name: str, fence: str, more: dict[str, Any], since_ms: int) -> Record:
    return msgspec.structs.replace(
        record,
        message_id=event_id(record.person, name, fence, since_ms),
        type="track",
        event=name,
        properties={"geofence": fence, **more},
        attributes={},
        traits={},
        context={},
        joins=(),
    )


def event_id(person: str, name: str, fence: str, since_ms: int) -> str:
    """Return the id under which an event is told once; `since_ms` is when the person was last located before it."""
    verb = name.removeprefix("Geofence ").lower()
    return f"geofence:{person}:{verb}:{fence}:{since_ms}"


def all_visits(
    records: Iterable[Record], states: dict[str, Cell | None], fences: Mapping[str, Fence]
) -> list[Record]:
    """Return what located records say, one after the other; `states` holds where each person was before, and then is."""
    told: list[Record] = []
    for record in sorted(records, key=lambda one: one.event_time_ms):
        events, states[record.person] = visit_events(record, states[record.person], fences)
        told += events
    return told
