"""The only place that computes aggregates from the buckets of their windows."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from decisioning.profiles import series, sketch
from decisioning.profiles.profile import ACTIVITY_GRAIN_MS, Profile
from decisioning.profiles.sessions import last_sessions, session_at, sessions_before
from decisioning.rules.durations import parse_duration
from decisioning.rules.values import Value
from decisioning.specs import AggregateSpec

Buckets = list[tuple[int, Any]]  # (start in ms, cell), inside the window, the oldest first
DAY_MS: Final = 86_400_000
HALVES: Final = 4  # a recent average halves the weight of what is a quarter of the window older
# What a session shows of intent: weight, and how much of each is all of it. Their sum is 1.
INTENT_WEIGHTS: Final = {"pages": 0.25, "read_to_the_end": 0.2, "time": 0.2, "cart": 0.35}
INTENT_PAGES: Final = 6
INTENT_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class Windows:
    """What an aggregate is computed from."""

    spec: AggregateSpec
    profile: Profile
    found: list[Buckets]  # of each family
    now_ms: int


def measured(windows: Windows) -> Value | None:
    """Return the aggregate; None is unknown."""
    one = _OF_BUCKETS.get(windows.spec.function)
    if one is not None:
        return one(windows.found[0], windows.now_ms)
    return _OF_WINDOWS[windows.spec.function](windows)


def intent_terms(windows: Windows) -> dict[str, float] | None:
    """Return how far each term of a session's intent is reached, [0, 1]; None between sessions."""
    session = session_at(windows.profile, windows.now_ms)
    if session is None:
        return None
    pages, ended, added = (_count(found, windows.now_ms) for found in windows.found)
    return {
        "pages": min(1.0, pages / INTENT_PAGES),
        "read_to_the_end": min(1.0, ended / pages) if pages else 0.0,
        "time": min(1.0, (session[1] - session[0]) / 1000 / INTENT_SECONDS),
        "cart": 1.0 if added else 0.0,
    }


# Of the buckets of one family


def _count(buckets: Buckets, now_ms: int) -> int:
    return int(sum(series.tally(cell)[0] for _, cell in buckets))


def _total(buckets: Buckets) -> int:
    return sum(series.total(cell) for _, cell in buckets)


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
    return sketch.count([cell for _, cell in buckets])


def _value_at_edge(at: int) -> Callable[[Buckets, int], Value | None]:
    def value(buckets: Buckets, now_ms: int) -> Value | None:
        return buckets[at][1][1] if buckets else None

    return value


def _first(buckets: Buckets) -> int:
    start, cell = buckets[0]
    return int(start + series.tally(cell)[1])


def _last(buckets: Buckets) -> int:
    start, cell = buckets[-1]
    return int(start + series.tally(cell)[2])


def _since_first(buckets: Buckets, now_ms: int) -> Value | None:
    return max(0.0, (now_ms - _first(buckets)) / 1000) if buckets else None


def _since_last(buckets: Buckets, now_ms: int) -> Value | None:
    return max(0.0, (now_ms - _last(buckets)) / 1000) if buckets else None


def _days_since(buckets: Buckets, now_ms: int) -> Value | None:
    return max(0.0, (now_ms - _last(buckets)) / DAY_MS) if buckets else None


_OF_BUCKETS: Final[dict[str, Callable[[Buckets, int], Value | None]]] = {
    "count": _count,
    "sum": _sum,
    "min": _min,
    "max": _max,
    "average": _average,
    "distinct": _distinct,
    "first": _value_at_edge(0),
    "last": _value_at_edge(-1),
    "since_first": _since_first,
    "since_last": _since_last,
    "days_since": _days_since,
}


# Of several families, of sessions, of the window's length


def _recent_average(windows: Windows) -> Value | None:
    """Return the mean in which buckets weigh half as much for each quarter of the window that they are older."""
    buckets = windows.found[0]
    if not buckets:
        return None
    half_ms = parse_duration(windows.spec.within) * 1000 / HALVES
    weights = [0.5 ** ((buckets[-1][0] - start) / half_ms) for start, _ in buckets]
    cells = [series.number(cell) for _, cell in buckets]
    over = math.fsum(w * series.total(cell) for w, cell in zip(weights, cells, strict=True))
    return over / 1_000_000 / math.fsum(w * c[0] for w, c in zip(weights, cells, strict=True))


def _sequence(windows: Windows) -> Value:
    """Return whether some A has a B after it; with `without`, whether some A has none."""
    earlier, later = windows.found
    if not earlier:
        return False
    if windows.spec.without:
        return not later or _last(earlier) >= _last(later)
    return bool(later) and _first(earlier) < _last(later)


def _share(windows: Windows) -> Value | None:
    some, all_of_them = (_count(found, windows.now_ms) for found in windows.found)
    return min(1.0, some / all_of_them) if all_of_them else None


def _sessions(windows: Windows) -> Value:
    """Return in how many of the last sessions something happened."""
    most = int(windows.spec.within.partition(" ")[0])
    grain = ACTIVITY_GRAIN_MS
    quarters = [start // grain for start, _ in windows.found[0]]
    return sum(
        any(first // grain <= quarter <= last // grain for quarter in quarters)
        for first, last in last_sessions(windows.profile, windows.now_ms, most)
    )


def _session_number(windows: Windows) -> Value:
    return sum(1 for _ in sessions_before(windows.profile, windows.now_ms))


def _session_duration(windows: Windows) -> Value | None:
    session = session_at(windows.profile, windows.now_ms)
    return None if session is None else (session[1] - session[0]) / 1000


def _session_intent(windows: Windows) -> Value | None:
    terms = intent_terms(windows)
    if terms is None:
        return None
    return round(sum(INTENT_WEIGHTS[name] * reached for name, reached in terms.items()), 6)


def _cart(windows: Windows) -> tuple[Buckets, Buckets]:
    """Return what was added and taken out since the last order."""
    added, removed, orders = windows.found
    since = _last(orders) if orders else -1
    after = ([one for one in found if one[0] > since] for found in (added, removed))
    return next(after), next(after)


def _cart_value(windows: Windows) -> Value:
    added, removed = _cart(windows)
    return max(0, _total(added) - _total(removed)) / 1_000_000


def _cart_age(windows: Windows) -> Value | None:
    added, _removed = _cart(windows)
    if not added or not _cart_value(windows):
        return None
    return max(0.0, (windows.now_ms - added[0][0]) / 1000)


_OF_WINDOWS: Final[dict[str, Callable[[Windows], Value | None]]] = {
    "recent_average": _recent_average,
    "sequence": _sequence,
    "share": _share,
    "sessions": _sessions,
    "session_number": _session_number,
    "session_duration": _session_duration,
    "session_intent": _session_intent,
    "cart_value": _cart_value,
    "cart_age": _cart_age,
}
