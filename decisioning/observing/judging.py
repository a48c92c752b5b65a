"""The only place that says when what comes in is not as usual; pure."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Fault = Literal[
    "silent", "fewer", "more", "missing", "types", "range", "late", "duplicates", "refused"
]
Place = tuple[str, str, str]  # source, event, key; key "" is the event itself

WEEK: Final = 7 * 24  # hours
WEEKS: Final = 4  # that an hour is compared with
DAYS: Final = 7  # that shares of values are compared with
ENOUGH: Final = 20  # events in a usual hour, or looked at, before anything is said
FEWER: Final = 0.3  # of the usual hour
MORE: Final = 3.0
SHARE: Final = 0.2  # by which a share may rise
RANGE: Final = 10.0  # times the usual largest value
LATE_S: Final = 900.0  # mean lateness, and twice the usual


@dataclass(frozen=True, slots=True)
class Hour:
    """What came in one hour."""

    events: int = 0
    duplicates: int = 0
    refused: int = 0
    late_s: float = 0.0  # mean seconds between event time and receipt


@dataclass(frozen=True, slots=True)
class Values:
    """What values looked like in some time, by a sample."""

    looked: int = 0
    present: int = 0
    types: Mapping[str, int] | None = None
    low: float | None = None
    high: float | None = None

    @property
    def share(self) -> float:
        """Return the share of events that had the property."""
        return self.present / self.looked if self.looked else 0.0

    def wrong(self, expected: str) -> float:
        """Return the share of values that are of another type."""
        types = self.types or {}
        total = sum(types.values())
        right = sum(types.get(one, 0) for one in alike(expected))
        return (total - right) / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Noticed:
    """One thing that is not as usual."""

    fault: Fault
    place: Place
    seen: float
    usual: float


def alike(expected: str) -> tuple[str, ...]:
    """Return what values of a catalogue type look like in traffic: a date may come as a number or a text."""
    more = {
        "date": ("number", "text"),
        "text": ("date",),
        "version": ("text", "date"),
        "place": ("mixed",),
    }
    return (expected, *more.get(expected, ()))


def usual_events(hours: Mapping[int, Hour], hour: int) -> float | None:
    """Return the median of the same hour of the week in the weeks before; None with fewer than two of them."""
    before = [
        hours[hour - WEEK * n].events for n in range(1, WEEKS + 1) if hour - WEEK * n in hours
    ]
    return float(statistics.median(before)) if len(before) >= 2 else None


def judge_hour(place: Place, hours: Mapping[int, Hour], hour: int, *, first: int) -> list[Noticed]:
    """Return what is odd about a source's event in a whole hour.

    `hours` maps hours of the epoch; one that is missing since `first`, the first of all, had nothing.
    """
    known = {one: hours.get(one, Hour()) for one in _compared(hour) if one >= first}
    now = hours.get(hour, Hour())
    late = statistics.median([hours[one].late_s for one in hours if one < hour] or [0.0])
    found = [*_volume(now.events, usual_events(known, hour)), *_shares(now)]
    if now.events >= ENOUGH and now.late_s > max(LATE_S, 2 * late):
        found.append(("late", now.late_s, late))
    return [Noticed(fault, place, seen, usual) for fault, seen, usual in found]


def _volume(events: int, usual: float | None) -> Iterable[tuple[Fault, float, float]]:
    if usual is None or usual < ENOUGH:
        return
    if events == 0:
        yield "silent", 0, usual
    elif events < FEWER * usual:
        yield "fewer", events, usual
    elif events > MORE * usual:
        yield "more", events, usual


def _shares(now: Hour) -> Iterable[tuple[Fault, float, float]]:
    total = now.events + now.duplicates + now.refused
    if total >= ENOUGH and now.duplicates / total > SHARE:
        yield "duplicates", now.duplicates / total, SHARE
    if total >= ENOUGH and now.refused / total > SHARE:
        yield "refused", now.refused / total, SHARE


def _compared(hour: int) -> Iterable[int]:
    return (hour - WEEK * n for n in range(WEEKS + 1))


def judge_values(place: Place, now: Values, before: Values, *, expected: str = "") -> list[Noticed]:
    """Return what is odd about values against the days before; `expected` is the catalogue's type, "" for none."""
    found: list[Noticed] = []
    if now.looked < ENOUGH:
        return found
    if before.looked >= ENOUGH and before.share - now.share > SHARE:
        found.append(Noticed("missing", place, 1 - now.share, 1 - before.share))
    if expected and now.present >= ENOUGH and now.wrong(expected) > SHARE / 4:
        found.append(Noticed("types", place, now.wrong(expected), before.wrong(expected)))
    if before.present >= ENOUGH and _is_beyond(now, before):
        found.append(Noticed("range", place, _far(now), _far(before)))
    return found


def _far(values: Values) -> float:
    return max((abs(one) for one in (values.low, values.high) if one is not None), default=0.0)


def _is_beyond(now: Values, before: Values) -> bool:
    return _far(before) > 0 and _far(now) > RANGE * _far(before)


def together(rows: Sequence[Values]) -> Values:
    """Return what several stretches of time say together."""
    types: dict[str, int] = {}
    for one in rows:
        for name, count in (one.types or {}).items():
            types[name] = types.get(name, 0) + count
    lows = [one.low for one in rows if one.low is not None]
    highs = [one.high for one in rows if one.high is not None]
    return Values(
        sum(one.looked for one in rows),
        sum(one.present for one in rows),
        types,
        min(lows, default=None),
        max(highs, default=None),
    )
