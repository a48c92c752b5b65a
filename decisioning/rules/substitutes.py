"""The only place that knows which values of a fact lie at the edge of what a comparison takes; pure."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from decisioning.rules.durations import parse_duration
from decisioning.rules.operators.operator import DAY_S
from decisioning.rules.tree import Leaf
from decisioning.rules.values import parse_date

ABSENT: Final = None  # the fact is not known
_OTHER: Final = "other"
_FAR: Final = (-90.0, 0.0), (90.0, 0.0), (0.0, 179.0)
_PLAIN: Final[dict[str, Any]] = {
    "number": 0, "text": _OTHER, "boolean": True, "date": 0, "list": [_OTHER],
    "place": (0.0, 0.0), "version": "1.0.0", "aggregate": 0, "since": 0,
}  # fmt: skip


def substitutes(leaf: Leaf, current: Any, *, step: float, now: float) -> Iterator[Any]:
    """Yield values at the edges of the intervals, or sets, that a comparison splits its facts into.

    What several comparisons with one number allow together is a set of intervals, so the allowed value next to
    `current` is that itself or among these; `step` is the smallest difference that counts.
    """
    if leaf.operator.presence is not None:
        yield from (ABSENT, _PLAIN[leaf.family])
        return
    if leaf.family in ("number", "aggregate", "since", "date"):
        for edge in _edges(leaf, now):
            yield from (edge, edge - step, edge + step)
        return
    yield from _OTHERS[leaf.family](leaf, current)


def _edges(leaf: Leaf, now: float) -> Iterator[float]:
    if leaf.operator.native is not None:
        yield from (edge for _, edge in leaf.operator.native(leaf.value))
    elif leaf.family == "number":
        yield from leaf.value
    elif leaf.operator.constant == "date":
        start = parse_date(leaf.value)[0] // DAY_S * DAY_S
        yield from (start, start + DAY_S)
    elif leaf.operator.constant == "duration":
        span = parse_duration(leaf.value)
        yield from (now - span, now, now + span)


def edges_in_time(leaf: Leaf, fact: float) -> Iterator[float]:
    """Yield the epoch seconds around which a comparison with now, of this date, turns."""
    if leaf.family == "date" and leaf.operator.constant == "duration":
        span = parse_duration(leaf.value)
        for edge in (fact - span, fact, fact + span):
            yield from (edge, edge + 1)


def _texts(leaf: Leaf, current: Any) -> Iterator[Any]:
    said = [leaf.value] if isinstance(leaf.value, str) else list(leaf.value)
    yield from said
    for one in said:
        yield one.replace("*", "")
        if isinstance(current, str):
            yield from (current + one, one + current)
    yield from (_OTHER, "", f"{_OTHER} {'-'.join(said)[:40]}x")


def _booleans(leaf: Leaf, current: Any) -> Iterator[Any]:
    yield from (True, False)


def _places(leaf: Leaf, current: Any) -> Iterator[Any]:
    yield from ((float(leaf.value["lat"]), float(leaf.value["lon"])), *_FAR)


def _versions(leaf: Leaf, current: Any) -> Iterator[Any]:
    yield leaf.value
    plain = leaf.value.partition("+")[0].partition("-")[0].removeprefix("v")
    parts = [int(part) for part in plain.split(".")]
    parts += [0] * (3 - len(parts))
    for place in (2, 1, 0):
        up = parts[:place] + [parts[place] + 1] + [0] * (2 - place)
        yield ".".join(map(str, up))
        if parts[place]:
            down = [*parts[:place], parts[place] - 1, *[999] * (2 - place)]
            yield ".".join(map(str, down))
    yield ".".join(map(str, parts)) + "-0"


def _lists(leaf: Leaf, current: Any) -> Iterator[Any]:
    held = list(current) if isinstance(current, list) else []
    if leaf.operator.constant == "count":
        size = leaf.value
        for wanted in {max(0, size - 1), size, size + 1}:
            yield held[:wanted] + [f"{_OTHER} {n}" for n in range(wanted - len(held))]
        return
    said = [leaf.value] if isinstance(leaf.value, str) else list(leaf.value)
    yield _joined(held, said)
    for one in said:
        yield _joined(held, [one])
    folded = {one.casefold() for one in said}
    yield [one for one in held if one.casefold() not in folded]
    yield []


def _joined(held: Iterable[str], more: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*held, *more]))


_OTHERS: Final[dict[str, Callable[[Leaf, Any], Iterator[Any]]]] = {
    "text": _texts,
    "boolean": _booleans,
    "list": _lists,
    "place": _places,
    "version": _versions,
}
