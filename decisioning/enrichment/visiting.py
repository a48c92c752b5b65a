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
    packed = [f"{key}@{since}{'+' if stayed else ''}" for key, (since, stayed) in now.items()]
    record.attributes[ENTRIES_ATTRIBUTE] = packed
    return told, Cell(packed, record.event_time_ms, 0, record.source)


def read_entries(value: Any) -> Entries:
    """Return the state that an attribute holds; what cannot be read was nowhere.

    >>> read_entries(["store@1763800000+", "town@1763800600"])
    {'store': (1763800000, True), 'town': (1763800600, False)}
    """
    return dict(_entries(value if isinstance(value, list) else ()))


def _entries(values: Iterable[Any]) -> Iterator[tuple[str, tuple[int, bool]]]:
    for value in values:
        key, _, since = str(value).partition("@")
        if since.rstrip("+").isdigit():
            yield key, (int(since.rstrip("+")), since.endswith("+"))


def _event(record: Record, name: str, fence: str, more: dict[str, Any], since_ms: int) -> Record:
    verb = name.removeprefix("Geofence ").lower()
    return msgspec.structs.replace(
        record,
        message_id=f"geofence:{record.person}:{verb}:{fence}:{since_ms}",
        type="track",
        event=name,
        properties={"geofence": fence, **more},
        attributes={},
        traits={},
        context={},
        joins=(),
    )
