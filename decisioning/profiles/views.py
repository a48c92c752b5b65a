"""The only place that knows of events that tell a page view again: the newest of each view counts."""

from typing import Any, Final

from decisioning.ingestion.records import Record
from decisioning.profiles import series
from decisioning.profiles.cells import message_digest

# Event -> the property that names what it is about. An event without it stands for itself.
TOLD_AGAIN: Final = {"Page Engaged": "view_id"}
MAX_VIEWS: Final = 128  # of a window, the newest

Entry = tuple[int, int, Any]  # event time in ms, sequence, what it adds; None adds nothing


def view_of(record: Record) -> int:
    """Return what stands for a record's view: 32 bits."""
    said = record.properties.get(TOLD_AGAIN[record.event])
    return message_digest(said if isinstance(said, str) and said else record.message_id) >> 31


def sequence_of(record: Record) -> int:
    """Return the number that the sender gave a telling, which orders those of one moment."""
    said = record.properties.get("sequence")
    return said if isinstance(said, int) and 0 <= said < 2**31 else 0


def add(told: series.Series, view: int, entry: Entry) -> None:
    """Let an entry stand for its view where it is the newest."""
    known = read(told)
    if view not in known or _order(entry) > _order(known[view]):
        known[view] = entry
        write(told, known)


def merged(one: series.Series, other: series.Series) -> series.Series:
    """Return a series with the newest entries of both."""
    made = [one[0]]
    known = read(one)
    for view, entry in read(other).items():
        if view not in known or _order(entry) > _order(known[view]):
            known[view] = entry
    write(made, known)
    return made


def read(told: series.Series) -> dict[int, Entry]:
    """Return view -> entry."""
    return {
        view: (at_ms, sequence, value) for at_ms, (view, sequence, value) in series.buckets(told)
    }


def write(told: series.Series, known: dict[int, Entry]) -> None:
    """Replace all entries."""
    found = sorted((entry[0], view) for view, entry in known.items())
    series.put(told, [(at_ms, [view, *known[view][1:]]) for at_ms, view in found])


def _order(entry: Entry) -> tuple[int, int, str]:
    return entry[0], entry[1], repr(entry[2])
