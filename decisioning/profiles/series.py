"""The only place that knows how the buckets of a series are laid out, and how two cells become one."""

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import msgspec

Kind = Literal["tally", "number", "distinct", "span", "first", "last", "view"]
# Their numbers are stored: add at the end only.
KINDS: Final[tuple[Kind, ...]] = ("tally", "number", "distinct", "span", "first", "last", "view")
_BASE: Final = 10**9  # of the two digits of a sum
_SHIFT: Final = 8  # a head is generation * _SHIFT + number of the kind

# [head, index of the first bucket, cell, step to the next bucket, cell, …]. A cell of one event is kept short:
# tally: offset, or [count, first, last offset]; number: value, or [count, sum in millionths as (high, low)
# digits of base 10**9, min, max]; span: offset, or [first, last]; first, last: [offset, value];
# distinct: see sketch.py; view: see views.py.
Series = list[Any]
Packed = Series | msgspec.Raw  # as read, until somebody looks into it

_decoder = msgspec.msgpack.Decoder(list)


def empty(kind: Kind, generation: int) -> Series:
    """Return a series without buckets."""
    return [generation * _SHIFT + KINDS.index(kind)]


def unpacked(packed: Packed) -> Series:
    """Return a series to read; one that was not packed is returned as it is."""
    return packed if isinstance(packed, list) else _decoder.decode(packed)


def fresh(packed: Packed) -> Series:
    """Return a series that may be changed."""
    return list(packed) if isinstance(packed, list) else _decoder.decode(packed)


def generation_of(series: Series) -> int:
    """Return the generation of the family that was counted; an older one is not continued."""
    return int(series[0]) // _SHIFT


def kind_of(series: Series) -> Kind:
    """Return what its cells hold."""
    return KINDS[series[0] % _SHIFT]


def buckets(series: Series) -> Iterator[tuple[int, Any]]:
    """Yield (index, cell), the oldest first."""
    index = 0
    for at in range(1, len(series), 2):
        index += series[at]
        yield index, series[at + 1]


def put(series: Series, found: dict[int, Any]) -> None:
    """Replace all buckets."""
    del series[1:]
    last = 0
    for index in sorted(found):
        series += (index - last, found[index])
        last = index


def add(series: Series, index: int, cell: Any) -> None:
    """Add the cell of one event; near the newest bucket at a cost that does not grow with the buckets."""
    newest = sum(series[1::2])
    if len(series) > 1 and index == newest:
        series[-1] = joined(kind_of(series), series[-1], cell)
    elif index > newest or len(series) == 1:
        series += (index - newest, cell)
    else:
        _add_earlier(series, index, cell)


def _add_earlier(series: Series, index: int, cell: Any) -> None:
    here = 0
    for at in range(1, len(series), 2):
        here += series[at]
        if here == index:
            series[at + 1] = joined(kind_of(series), series[at + 1], cell)
            return
        if here > index:
            series[at : at + 1] = (series[at] - here + index, cell, here - index)
            return


def drop_below(series: Series, floor: int) -> None:
    """Drop the buckets before `floor`."""
    index = 0
    for at in range(1, len(series), 2):
        index += series[at]
        if index >= floor:
            if at > 1:
                series[1 : at + 1] = (index,)
            return
    del series[1:]


def keep_newest(series: Series, most: int) -> None:
    """Drop the oldest of more buckets than `most`."""
    surplus = (len(series) - 1) // 2 - most
    if surplus > 0:
        at = 1 + 2 * surplus
        series[1 : at + 1] = (sum(series[1 : at + 1 : 2]),)


def merged(one: Series, other: Series) -> Series:
    """Return a series with the buckets of both, which are of one family and generation."""
    series, kind = [one[0]], kind_of(one)
    found = dict(buckets(one))
    for index, cell in buckets(other):
        found[index] = joined(kind, found[index], cell) if index in found else cell
    put(series, found)
    return series


def joined(kind: Kind, one: Any, other: Any) -> Any:
    """Return the cell of all events of two cells."""
    return _JOINED[kind](one, other)


def span(cell: Any) -> list[int]:
    """Return [first offset, last offset]."""
    return cell if isinstance(cell, list) else [cell, cell]


def tally(cell: Any) -> list[int]:
    """Return [count, first offset, last offset]."""
    return cell if isinstance(cell, list) else [1, cell, cell]


def number(cell: Any) -> list[Any]:
    """Return [count, high digits, low digits, min, max]; the digits are of the sum in millionths."""
    if isinstance(cell, list):
        return cell
    return [1, *divmod(round(cell * 1_000_000), _BASE), cell, cell]


def total(cell: Any) -> int:
    """Return the sum of a number cell in millionths."""
    _, high, low, _, _ = number(cell)
    return int(high * _BASE + low)


def _join_tally(one: Any, other: Any) -> list[int]:
    (count, first, last), (more, start, end) = tally(one), tally(other)
    return [count + more, min(first, start), max(last, end)]


def _join_span(one: Any, other: Any) -> Any:
    (first, last), (start, end) = span(one), span(other)
    first, last = min(first, start), max(last, end)
    return first if first == last else [first, last]


def _join_number(one: Any, other: Any) -> list[Any]:
    one, other = number(one), number(other)
    carry, low = divmod(one[2] + other[2], _BASE)
    return [
        one[0] + other[0],
        one[1] + other[1] + carry,
        low,
        min(one[3], other[3]),
        max(one[4], other[4]),
    ]


def _join_first(one: Any, other: Any) -> Any:
    return min(one, other, key=_by_offset)


def _join_last(one: Any, other: Any) -> Any:
    return max(one, other, key=_by_offset)


def _by_offset(cell: list[Any]) -> tuple[int, str]:
    return cell[0], repr(cell[1])


_JOINED: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "tally": _join_tally,
    "number": _join_number,
    "span": _join_span,
    "first": _join_first,
    "last": _join_last,
}
