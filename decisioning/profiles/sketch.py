"""The only place that counts distinct values: exactly up to a bound, about beyond it, by HyperLogLog over time.

A point says how rare a value was that fell into a register, and in which bucket. Of a register only points are
kept that no newer one outdoes, so that what a window has left behind can go, and what stays is the sketch of the
rest: a function of the set of values, whatever their order.
Source: Chabchoub and Hebrail, "Sliding HyperLogLog", 2010; Flajolet et al., "HyperLogLog", 2007.
"""

import math
from typing import Any, Final

from decisioning.profiles import series
from decisioning.rules.limits import MAX_EXACT_DISTINCT

MAX_EXACT: Final = MAX_EXACT_DISTINCT  # values, the newest ones
REGISTERS: Final = 256  # usually right within 1.04 / sqrt(256), 6.5%
_RANKS: Final = 64
_ALPHA: Final = 0.7213 / (1 + 1.079 / REGISTERS)

Points = dict[int, dict[int, int]]  # register -> rank -> newest bucket


def keep_bounded(distinct: series.Series) -> None:
    """Keep the newest values, and of the others their points."""
    newest, points = _read(distinct)
    if len(newest) <= MAX_EXACT and not points:
        return
    for value in sorted(newest, key=lambda one: (newest[one], one))[:-MAX_EXACT]:
        _put(points, value, newest.pop(value))
    _keep_outstanding(newest, points, set(points))
    _write(distinct, newest, points)


def put(distinct: series.Series, newest: dict[int, int]) -> None:
    """Replace all by values, hash -> newest bucket."""
    _write(distinct, newest, {})


def merged(one: series.Series, other: series.Series) -> series.Series:
    """Return a series with the values and points of both."""
    (newest, points), (more, others) = _read(one), _read(other)
    for value, index in more.items():
        newest[value] = max(newest.get(value, index), index)
    for register, ranks in others.items():
        for rank, index in ranks.items():
            _put_point(points, register, rank, index)
    made = [one[0]]
    _write(made, newest, points)
    return made


def add(distinct: series.Series, index: int, value: int) -> None:
    """Add a value; where it is one too many, the oldest becomes a point."""
    if not series.is_empty(distinct) and index == distinct[1] and value in _entries(distinct[2]):
        return
    newest, points = _read(distinct)
    if newest.get(value, index - 1) >= index:
        return
    newest[value] = index
    changed = {value % REGISTERS}
    if len(newest) > MAX_EXACT:
        oldest = min(newest, key=lambda one: (newest[one], one))
        _put(points, oldest, newest.pop(oldest))
        changed.add(oldest % REGISTERS)
    _keep_outstanding(newest, points, changed)
    _write(distinct, newest, points)


def count(cells: list[Any]) -> int:
    """Return how many values the buckets of a window have; about, where some are known by their points only."""
    exact = [value for cell in cells for value in _entries(cell)]
    ranks: dict[int, int] = {}
    for entry in exact:
        register, rank = _point(entry) if entry >= 0 else divmod(-1 - entry, _RANKS)
        ranks[register] = max(ranks.get(register, 0), rank)
    known = sum(entry >= 0 for entry in exact)
    return known if known == len(exact) else max(known, round(_estimate(ranks)))


def _estimate(ranks: dict[int, int]) -> float:
    empty = REGISTERS - len(ranks)
    inverse = empty + math.fsum(2.0**-rank for rank in ranks.values())
    raw = _ALPHA * REGISTERS * REGISTERS / inverse
    if raw <= 2.5 * REGISTERS and empty:
        return REGISTERS * math.log(REGISTERS / empty)
    return raw


def _point(value: int) -> tuple[int, int]:
    """Return register and rank of a hash of 32 bits."""
    return value % REGISTERS, 25 - (value // REGISTERS).bit_length()


def _put(points: Points, value: int, index: int) -> None:
    _put_point(points, *_point(value), index)


def _put_point(points: Points, register: int, rank: int, index: int) -> None:
    ranks = points.setdefault(register, {})
    ranks[rank] = max(ranks.get(rank, index), index)


def _entries(cell: Any) -> list[int]:
    return cell if isinstance(cell, list) else [cell]


def _read(distinct: series.Series) -> tuple[dict[int, int], Points]:
    newest: dict[int, int] = {}
    points: Points = {}
    for index, cell in series.buckets(distinct):
        for entry in _entries(cell):
            if entry >= 0:
                newest[entry] = index
            else:
                _put_point(points, *divmod(-1 - entry, _RANKS), index)
    return newest, points


def _write(distinct: series.Series, newest: dict[int, int], points: Points) -> None:
    by_index: dict[int, list[int]] = {}
    for value in sorted(newest):
        by_index.setdefault(newest[value], []).append(value)
    for register in sorted(points):
        for rank, index in sorted(points[register].items()):
            by_index.setdefault(index, []).append(-1 - (register * _RANKS + rank))
    found = sorted(by_index.items())
    series.put(distinct, [(at, these[0] if len(these) == 1 else these) for at, these in found])


def _keep_outstanding(newest: dict[int, int], points: Points, changed: set[int]) -> None:
    """Drop the points of registers that a newer one, or a value that is kept itself, outdoes."""
    if not points:
        return
    known: Points = {register: {} for register in changed}
    for value, index in newest.items():
        if value % REGISTERS in changed:
            _put(known, value, index)
    for register in changed & points.keys():
        best = known[register]
        kept: dict[int, int] = {}
        for rank, index in sorted(points[register].items(), reverse=True):
            if all(index > at for higher, at in (best | kept).items() if higher >= rank):
                kept[rank] = index
        if kept:
            points[register] = kept
        else:
            del points[register]
