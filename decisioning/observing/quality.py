"""The only place that reads the hours of what came in for judgement, and keeps what was found wrong until it is over."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Max, Min, Sum

from decisioning.models import IntakeHour, QualityFault, ValueHour
from decisioning.observing.batches import HOUR_MS
from decisioning.observing.judging import (
    DAYS,
    WEEK,
    WEEKS,
    Hour,
    Noticed,
    Place,
    Values,
    judge_hour,
    judge_values,
    together,
)
from decisioning.observing.tallying import OTHERS
from decisioning.specs import ReleaseSpec

NOW_HOURS: Final = 3  # whose values are judged, so that a sample is enough
LATE_HOURS: Final = 24  # whose lateness is usual


@dataclass(frozen=True, slots=True)
class Changed:
    """What a look changed."""

    began: list[QualityFault]
    ended: list[QualityFault]


def hour_of(now: datetime) -> int:
    """Return the hour of the epoch that a moment lies in."""
    return int(now.timestamp() * 1000) // HOUR_MS


def look(release: ReleaseSpec, *, now: datetime) -> Changed:
    """Judge the last whole hour and keep what is odd; half a dozen queries."""
    found = [*_hours(hour_of(now) - 1), *_values(release, hour_of(now))]
    return _keep(found, now)


def _hours(hour: int) -> Iterable[Noticed]:
    compared = [hour - WEEK * n for n in range(WEEKS + 1)]
    recent = range(hour - LATE_HOURS, hour + 1)
    first = IntakeHour.objects.aggregate(first=Min("hour"))["first"]
    by_place: dict[Place, dict[int, Hour]] = {}
    rows = IntakeHour.objects.filter(hour__in={*compared, *recent}).exclude(event=OTHERS)
    for row in rows:
        late = row.late_ms / row.events / 1000 if row.events else 0.0
        one = Hour(row.events, row.duplicates, row.refused, late)
        by_place.setdefault((row.source, row.event, ""), {})[row.hour] = one
    for place, hours in by_place.items():
        yield from judge_hour(place, hours, hour, first=first or hour)


def _values(release: ReleaseSpec, hour: int) -> Iterable[Noticed]:
    types = {
        (event.key, one.key): one.type for event in release.event_types for one in event.properties
    }
    current: dict[Place, list[Values]] = {}
    for row in ValueHour.objects.filter(hour__gte=hour - NOW_HOURS).exclude(event=OTHERS):
        one = Values(row.looked, row.present, row.types, row.low, row.high)
        current.setdefault((row.source, row.event, row.key), []).append(one)
    before = _before(hour)
    # What nobody sent at all in these hours is missing too, where its event came.
    for place in before.keys() - current.keys():
        events = [
            rows for (source, event, _), rows in current.items() if (source, event) == place[:2]
        ]
        if events:
            current[place] = [Values(looked=max(together(rows).looked for rows in events))]
    for place, rows in current.items():
        expected = types.get(place[1:], "")
        yield from judge_values(
            place, together(rows), before.get(place, Values()), expected=expected
        )


def _before(hour: int) -> dict[Place, Values]:
    rows = ValueHour.objects.filter(hour__lt=hour - NOW_HOURS, hour__gte=hour - 24 * DAYS)
    summed = rows.values("source", "event", "key").annotate(
        Sum("looked"), Sum("present"), Min("low"), Max("high")
    )
    return {
        (row["source"], row["event"], row["key"]): Values(
            row["looked__sum"], row["present__sum"], None, row["low__min"], row["high__max"]
        )
        for row in summed
    }


@transaction.atomic
def _keep(found: Iterable[Noticed], now: datetime) -> Changed:
    standing = {
        (row.fault, row.source, row.event, row.key): row
        for row in QualityFault.objects.select_for_update().filter(ended_at=None)
    }
    noticed = {(one.fault, *one.place): one for one in found}
    began = []
    for key, one in noticed.items():
        row = standing.get(key)
        if row is None:
            fault, source, event, name = key
            row = QualityFault(
                fault=fault, source=source, event=event, key=name, began_at=now, looked_at=now
            )
            began.append(row)
        row.seen, row.usual, row.looked_at = one.seen, one.usual, now
        row.save()
    ended = [row for key, row in standing.items() if key not in noticed]
    for row in ended:
        row.ended_at = now
        row.save(update_fields=["ended_at"])
    return Changed(began, ended)


def standing_faults() -> list[QualityFault]:
    """Return what is wrong now, the newest first; one query."""
    return list(QualityFault.objects.filter(ended_at=None).order_by("-began_at", "pk"))


def volumes(source: str, event: str, *, now: datetime, hours: int) -> list[tuple[int, int]]:
    """Return (hour, events) for the last whole hours, none left out; one query."""
    last = hour_of(now)
    rows = IntakeHour.objects.filter(source=source, event=event, hour__gte=last - hours)
    known = dict(rows.values_list("hour", "events"))
    return [(hour, known.get(hour, 0)) for hour in range(last - hours, last)]


def day_of(now: datetime) -> list[dict[str, Any]]:
    """Return what each source sent in the last 24 hours, by event, the most first; one query."""
    rows = IntakeHour.objects.filter(hour__gte=hour_of(now) - 24)
    summed = rows.values("source", "event").annotate(
        Sum("events"),
        Sum("duplicates"),
        Sum("refused"),
        Sum("watched"),
        Sum("late_ms"),
        Max("newest_ms"),
    )
    found: list[dict[str, Any]] = [dict(row) for row in summed]
    return sorted(found, key=lambda row: (-row["events__sum"], row["source"], row["event"]))


def values_of(source: str, event: str, *, now: datetime) -> list[tuple[str, Values, list[str]]]:
    """Return what the values of an event's properties looked like in the last 24 hours; one query."""
    rows: dict[str, list[ValueHour]] = {}
    found = ValueHour.objects.filter(source=source, event=event, hour__gte=hour_of(now) - 24)
    for row in found.order_by("hour"):
        rows.setdefault(row.key, []).append(row)
    return [
        (
            key,
            together([Values(r.looked, r.present, r.types, r.low, r.high) for r in some]),
            list(dict.fromkeys(shape for r in some for shape in r.shapes))[:3],
        )
        for key, some in sorted(rows.items())
    ]
