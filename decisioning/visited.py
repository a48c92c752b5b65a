"""The only place that reads the visits of a time out of the history of events."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Final

from decisioning.ingestion.records import Record, decode_record
from decisioning.journeys import Visit, visits
from decisioning.models import EventRecord

LONGEST: Final = timedelta(days=92)
ROWS_AT_ONCE: Final = 2_000


def visits_between(start: datetime, end: datetime, *, apps: Collection[str] = ()) -> list[Visit]:
    """Return the visits whose events were received from `start` until before `end`, by when they began.

    Raises:
        ValueError: `end` is not within LONGEST after `start`.
    """
    if not timedelta(0) < end - start <= LONGEST:
        raise ValueError(f"Ask for at most {LONGEST.days} days, and for an end after the start.")
    return visits(_records(start, end), apps=apps)


def _records(start: datetime, end: datetime) -> Iterator[Record]:
    rows = EventRecord.objects.filter(
        received_at__gte=start, received_at__lt=end, kind__in=("event", "nobody")
    ).exclude(name="")
    for body in rows.values_list("body", flat=True).iterator(ROWS_AT_ONCE):
        yield decode_record(bytes(body))
