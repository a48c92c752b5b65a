"""The only place that reads facts out of a profile: windows over buckets, sessions, attributes."""

from collections.abc import Callable, Iterable
from typing import Any

from decisioning.profiles import series
from decisioning.profiles.aggregates import Family, families_of
from decisioning.profiles.profile import (
    ACTIVITY_GRAIN_MS,
    SESSION_SILENCE_MS,
    Profile,
)
from decisioning.rules.membership import MEMBER
from decisioning.rules.values import Value
from decisioning.specs import AggregateSpec

Buckets = list[tuple[int, Any]]  # (start in ms, cell), inside the window, the oldest first
_NOBODY = Profile()


def facts(
    profile: Profile | None,
    attributes: Iterable[str],
    aggregates: Iterable[AggregateSpec],
    now: float,
) -> dict[str, Value]:
    """Return the facts asked for, by attribute key and aggregate key; what is unknown is absent.

    `now` is in epoch seconds. Of a person never seen counts, sums and distinct are 0.
    """
    known = profile or _NOBODY
    found: dict[str, Value] = {}
    for key in attributes:
        if key.startswith(MEMBER):
            _tell_membership(found, known, key, now)
            continue
        cell = known.attributes.get(key)
        if cell is not None and cell.value is not None:
            found[key] = cell.value
    for spec in aggregates:
        value = aggregate_value(known, spec, now)
        if value is not None:
            found[spec.key] = value
    return found


def _tell_membership(found: dict[str, Value], profile: Profile, key: str, now: float) -> None:
    entered_ms = profile.member_of.get(key.removeprefix(MEMBER))
    if entered_ms is not None:
        found[key] = max(0.0, now - entered_ms / 1000)


def aggregate_value(profile: Profile, spec: AggregateSpec, now: float) -> Value | None:
    """Return an aggregate at `now`, epoch seconds; None is unknown.

    Times since are in seconds. A window begins with the bucket that its first moment lies in, so it is
    up to one grain longer than its name says.
    """
    now_ms = int(now * 1000)
    families = families_of(spec)
    if any(family.key in profile.given_up for family in families):
        return None
    windows = [_buckets(profile, family, now_ms) for family in families]
    if spec.function == "sequence":
        return _followed(windows[0], windows[1], without=spec.without)
    return _FUNCTIONS[spec.function](windows[0], now_ms)


def session_at(profile: Profile, now_ms: int) -> tuple[int, int] | None:
    """Return start and last activity, ms, of the session that is open at `now_ms`; None between sessions.

    Thirty minutes of silence end a session; one that lasts longer than a day is cut at a day.
    """
    start = last = None
    for index, cell in reversed(list(series.buckets(series.unpacked(profile.activity)))):
        base = index * ACTIVITY_GRAIN_MS
        if base > now_ms:
            continue
        first_offset, last_offset = series.span(cell)
        if (now_ms if start is None else start) - (base + last_offset) >= SESSION_SILENCE_MS:
            break
        start = base + first_offset
        last = base + last_offset if last is None else last
    return None if start is None or last is None else (start, last)


def _buckets(profile: Profile, family: Family, now_ms: int) -> Buckets:
    packed = profile.series.get(family.key)
    if packed is None:
        return []
    lowest = _lowest(profile, family, now_ms)
    if lowest is None:
        return []
    highest = family.index(now_ms)
    grain_ms = family.grain_ms
    return [
        (index * grain_ms, cell)
        for index, cell in series.buckets(series.unpacked(packed))
        if lowest <= index <= highest
    ]


def _lowest(profile: Profile, family: Family, now_ms: int) -> int | None:
    """Return the first bucket of the window; None where there is no page view or session."""
    if family.within == "page":
        return family.index(profile.page_ms) if 0 < profile.page_ms <= now_ms else None
    if family.within == "session":
        session = session_at(profile, now_ms)
        return None if session is None else family.index(session[0])
    return family.floor(now_ms)


def _first(buckets: Buckets) -> int:
    start, cell = buckets[0]
    return int(start + series.tally(cell)[1])


def _last(buckets: Buckets) -> int:
    start, cell = buckets[-1]
    return int(start + series.tally(cell)[2])


def _followed(earlier: Buckets, later: Buckets, *, without: bool) -> bool:
    """Return whether some A has a B after it; with `without`, whether some A has none."""
    if not earlier:
        return False
    if without:
        return not later or _last(earlier) >= _last(later)
    return bool(later) and _first(earlier) < _last(later)


def _total(buckets: Buckets) -> int:
    return sum(series.total(cell) for _, cell in buckets)


def _count(buckets: Buckets, now_ms: int) -> Value:
    return int(sum(series.tally(cell)[0] for _, cell in buckets))


def _sum(buckets: Buckets, now_ms: int) -> Value:
    return _total(buckets) / 1_000_000


def _min(buckets: Buckets, now_ms: int) -> Value | None:
    return min((float(series.number(cell)[3]) for _, cell in buckets), default=None)


def _max(buckets: Buckets, now_ms: int) -> Value | None:
    return max((float(series.number(cell)[4]) for _, cell in buckets), default=None)


def _average(buckets: Buckets, now_ms: int) -> Value | None:
    count = sum(series.number(cell)[0] for _, cell in buckets)
    return _total(buckets) / (1_000_000 * count) if count else None


def _distinct(buckets: Buckets, now_ms: int) -> Value:
    return sum(len(cell) if isinstance(cell, list) else 1 for _, cell in buckets)


def _since_first(buckets: Buckets, now_ms: int) -> Value | None:
    return max(0.0, (now_ms - _first(buckets)) / 1000) if buckets else None


def _since_last(buckets: Buckets, now_ms: int) -> Value | None:
    return max(0.0, (now_ms - _last(buckets)) / 1000) if buckets else None


_FUNCTIONS: dict[str, Callable[[Buckets, int], Value | None]] = {
    "count": _count,
    "sum": _sum,
    "min": _min,
    "max": _max,
    "average": _average,
    "distinct": _distinct,
    "since_first": _since_first,
    "since_last": _since_last,
}
