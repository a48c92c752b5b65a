"""The only place that cuts what a fact can be into cells on each of which every condition has one truth."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import floor, inf
from typing import Any, Final

from campaigns.analysis.atoms import Atom, combinations, pieces_of
from decisioning.rules.operators.operator import Family, Symbol
from decisioning.rules.tree import Leaf
from decisioning.rules.values import VersionKey

Mask = int  # one bit per cell
Truth = tuple[Mask, Mask]  # the cells where a leaf may be true, and where it may be false
Judge = Callable[[Leaf], Truth]

MAX_CELLS: Final = 4_096
_WHOLE: Final = (
    "count",
    "distinct",
    "sessions",
    "session_number",
)  # functions that give whole numbers from 0 up
_IGNORING_CASE: Final = "_ignoring_case"


@dataclass(frozen=True, slots=True)
class Space:
    """Everything that one fact can be; the last cell is "unknown"."""

    size: int  # cells of known values
    judge: Judge
    possible: Mask = -1  # the cells that hold any value

    @property
    def known(self) -> Mask:
        """Return the cells of known values."""
        return (self.unknown - 1) & self.possible

    @property
    def full(self) -> Mask:
        """Return all cells."""
        return self.known | self.unknown

    @property
    def unknown(self) -> Mask:
        """Return the cell of the unknown."""
        return 1 << self.size

    def truth(self, leaf: Leaf) -> Truth:
        """Return where a leaf may be true and where it may be false; where neither, it is unknown."""
        if leaf.operator.presence is not None:
            parts = self.known, self.unknown
            return parts if leaf.operator.presence else parts[::-1]
        true, false = self.judge(leaf)
        return true & self.known, false & self.known


def space_of(leaves: Sequence[Leaf], *, now: float) -> Space:
    """Return the cells of the fact that these leaves compare; `now` in epoch seconds, and time only goes on."""
    asked = [leaf for leaf in leaves if leaf.operator.presence is None]
    if not asked:
        return Space(1, lambda leaf: (1, 1))
    space = _SPACES[asked[0].family](asked, now)
    return space if space is not None else Space(1, lambda leaf: (1, 1))


# Ordered values: a cell is a constant, or the gap between two


@dataclass(frozen=True, slots=True)
class _Line:
    points: list[Any]

    @property
    def size(self) -> int:
        return 2 * len(self.points) + 1

    def where(self, symbol: Symbol, point: Any) -> Mask:
        """Return the cells that compare so with a point."""
        at = 2 * self.points.index(point) + 1
        below, here = (1 << at) - 1, 1 << at
        above = ((1 << self.size) - 1) & ~(below | here)
        return {
            "lt": below,
            "lte": below | here,
            "eq": here,
            "ne": below | above,
            "gte": here | above,
            "gt": above,
        }[symbol]

    def bounds(self, cell: int) -> tuple[Any, Any]:
        """Return between which values a cell lies; equal ones for a point."""
        if cell % 2:
            return self.points[cell // 2], self.points[cell // 2]
        low = self.points[cell // 2 - 1] if cell else -inf
        high = self.points[cell // 2] if cell < self.size - 1 else inf
        return low, high


Compared = list[tuple[Symbol, Any]]  # all must hold


def _line_of(compared: Iterable[Compared]) -> _Line:
    return _Line(sorted({point for one in compared for _, point in one}))


def _all_of(line: _Line, compared: Compared) -> Mask:
    mask = (1 << line.size) - 1
    for symbol, point in compared:
        mask &= line.where(symbol, point)
    return mask


def _number(leaves: Sequence[Leaf], now: float) -> Space:
    values = {key for leaf in leaves for key in _members(leaf)}
    points = {point for leaf in leaves for _, point in _comparisons(leaf)}
    line = _Line(sorted(values | points))

    def judge(leaf: Leaf) -> Truth:
        if leaf.operator.key in ("any_of", "none_of"):
            found = sum(line.where("eq", value) for value in _members(leaf))
            true = found if leaf.operator.key == "any_of" else ~found
        else:
            true = _all_of(line, _comparisons(leaf))
        return true, ~true

    return Space(line.size, judge, _possible(line, leaves[0]))


def _members(leaf: Leaf) -> frozenset[Any]:
    return leaf.prepared if leaf.operator.key in ("any_of", "none_of") else frozenset()


def _comparisons(leaf: Leaf) -> Compared:
    return list(leaf.operator.native(leaf.value)) if leaf.operator.native else []


def _possible(line: _Line, leaf: Leaf) -> Mask:
    """Return the cells that hold any value: counts are whole, and neither they nor spans are below 0."""
    function = leaf.aggregate.function if leaf.aggregate else ""
    if leaf.family != "since" and function not in _WHOLE:
        return (1 << line.size) - 1
    fits = _holds_whole if function in _WHOLE else _holds_positive
    return sum(1 << cell for cell in range(line.size) if fits(*line.bounds(cell)))


def _holds_whole(low: float, high: float) -> bool:
    if low == high:
        return low >= 0 and low == floor(low)
    first = 0 if low < 0 else floor(low) + 1
    return first < high


def _holds_positive(low: float, high: float) -> bool:
    return low >= 0 if low == high else high > 0


def _version(leaves: Sequence[Leaf], now: float) -> Space:
    def compared(leaf: Leaf) -> tuple[Symbol, VersionKey]:
        symbol: Any = leaf.operator.key
        return symbol, leaf.prepared

    line = _line_of([compared(leaf)] for leaf in leaves)

    def judge(leaf: Leaf) -> Truth:
        true = line.where(*compared(leaf))
        return true, ~true

    return Space(line.size, judge)


# Dates: where they lie on the calendar, times how far they are from now


def _date(leaves: Sequence[Leaf], now: float) -> Space | None:
    calendar = _line_of(_on_calendar(leaf) for leaf in leaves)
    distance = _line_of(_from_now(leaf) for leaf in leaves)
    size = calendar.size * distance.size
    if size > MAX_CELLS:
        return None
    cells = list(product(range(calendar.size), range(distance.size)))
    possible = sum(
        1 << number
        for number, (day, span) in enumerate(cells)
        # The clock shows `now` or later, so a day that is over does not come near again.
        if calendar.bounds(day)[1] >= now + distance.bounds(span)[0]
    )

    def judge(leaf: Leaf) -> Truth:
        days, spans = (
            _all_of(calendar, _on_calendar(leaf)),
            _all_of(distance, _from_now(leaf)),
        )
        true = sum(
            1 << number
            for number, (day, span) in enumerate(cells)
            if days >> day & 1 and spans >> span & 1
        )
        return true, ~true

    return Space(size, judge, possible)


def _on_calendar(leaf: Leaf) -> Compared:
    if leaf.operator.key == "on":
        start, end = leaf.prepared
        return [("gte", start), ("lt", end)]
    return _comparisons(leaf)


def _from_now(leaf: Leaf) -> Compared:
    span = leaf.prepared
    match leaf.operator.key:
        case "within_last":
            return [("gte", -span), ("lte", 0)]
        case "more_than_ago":
            return [("lt", -span)]
        case "within_next":
            return [("gt", 0), ("lte", span)]
        case _:
            return []


# Values of which only some are named: a cell is a named value, or what holds of all others


def _boolean(leaves: Sequence[Leaf], now: float) -> Space:
    def judge(leaf: Leaf) -> Truth:
        return (1, 2) if leaf.prepared else (2, 1)

    return Space(2, judge)


def _text(leaves: Sequence[Leaf], now: float) -> Space:
    named = sorted({value for leaf in leaves for value in _named(leaf)})
    others = combinations({one for leaf in leaves for one in pieces_of(leaf).values()})

    def judge(leaf: Leaf) -> Truth:
        here = [leaf.operator.test(value, leaf.prepared, now) for value in named]
        true = sum(1 << number for number, holds in enumerate(here) if holds)
        false = sum(1 << number for number, holds in enumerate(here) if not holds)
        more_true, more_false = _elsewhere(leaf, others)
        return true | more_true << len(named), false | more_false << len(named)

    return Space(len(named) + len(others), judge)


_EXACT: Final = ("eq", "ne", "any_of", "none_of")


def _named(leaf: Leaf) -> Iterable[str]:
    if leaf.operator.key in ("eq", "ne"):
        return (leaf.prepared,)
    if leaf.operator.key in ("any_of", "none_of"):
        return tuple(leaf.prepared)
    if leaf.operator.key == "matches" and len(leaf.prepared) == 1:
        return (leaf.prepared[0],)
    return ()


def _elsewhere(leaf: Leaf, others: Sequence[dict[Atom, bool]]) -> Truth:
    """Return the truth of a leaf where the text is none of the named ones."""
    key = leaf.operator.key
    everywhere = (1 << len(others)) - 1
    if _named(leaf):
        return (everywhere, 0) if key in ("ne", "none_of") else (0, everywhere)
    true = false = 0
    for number, known in enumerate(others):
        holds = _of_pieces(leaf, known)
        true |= (holds is not False) << number
        false |= (holds is not True) << number
    return true, false


def _of_pieces(leaf: Leaf, known: dict[Atom, bool]) -> bool | None:
    """Return the truth of a leaf by that of its pieces, None where one is not told apart."""
    key = leaf.operator.key.removesuffix(_IGNORING_CASE)
    held = [known.get(one) for one in pieces_of(leaf).values()]
    if key == "contains_all":
        return False if False in held else None if None in held else True
    some = True if True in held else None if None in held else False
    if key in ("ne", "none_of", "contains_none"):
        return None if some is None else not some
    return some


def _list(leaves: Sequence[Leaf], now: float) -> Space | None:
    sizes = _line_of(_sized(leaf) for leaf in leaves)
    held = combinations({one for leaf in leaves for one in pieces_of(leaf).values()})
    size = sizes.size * len(held)
    if size > MAX_CELLS:
        return None
    cells = list(product(range(sizes.size), held))
    possible = sum(
        1 << number
        for number, (cell, known) in enumerate(cells)
        if _room(sizes.bounds(cell), sum(known.values()))
    )

    def judge(leaf: Leaf) -> Truth:
        true = false = 0
        fitting = _all_of(sizes, _sized(leaf))
        for number, (cell, known) in enumerate(cells):
            holds = bool(fitting >> cell & 1) if _sized(leaf) else _of_pieces(leaf, known)
            true |= (holds is not False) << number
            false |= (holds is not True) << number
        return true, false

    return Space(size, judge, possible)


def _sized(leaf: Leaf) -> Compared:
    symbol: Any = leaf.operator.key.removeprefix("size_")
    return [(symbol, leaf.prepared)] if leaf.operator.key.startswith("size_") else []


def _room(bounds: tuple[float, float], held: int) -> bool:
    """Return whether a list of such a size can hold what it holds; one text may be held in two spellings."""
    low, high = bounds
    most = high if low == high else high - 1
    return _holds_whole(low, high) and (most > 0 or not held)


def _place(leaves: Sequence[Leaf], now: float) -> Space:
    held = combinations({one for leaf in leaves for one in pieces_of(leaf).values()})

    def judge(leaf: Leaf) -> Truth:
        true = false = 0
        for number, known in enumerate(held):
            holds = _of_pieces(leaf, known)
            true |= (holds is not False) << number
            false |= (holds is not True) << number
        return true, false

    return Space(len(held), judge)


_SPACES: Final[dict[Family, Callable[[Sequence[Leaf], float], Space | None]]] = {
    "number": _number,
    "aggregate": _number,
    "since": _number,
    "version": _version,
    "date": _date,
    "boolean": _boolean,
    "text": _text,
    "list": _list,
    "place": _place,
}
