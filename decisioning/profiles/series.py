"""The only place that knows how the buckets of a series are laid out, and how two cells become one."""

from collections.abc import Callable
from itertools import accumulate
from typing import Any, Final, Literal

import msgspec

Kind = Literal["tally", "number", "distinct", "span", "first", "last", "view"]
# Their numbers are stored: add at the end only.
KINDS: Final[tuple[Kind, ...]] = ("tally", "number", "distinct", "span", "first", "last", "view")
_BASE: Final = 10**9  # of the two digits of a sum
_SHIFT: Final = 8  # a head is generation * _SHIFT + number of the kind

# [head], or [head, newest bucket, its cell, number of older ones, older ones]. The older ones are bytes that are
# read only when a window is: each is a packed cell and the step to the bucket after it, the oldest first.
# A cell of one event is kept short. tally: offset, or [count, first, last offset]; number: value, or [count, sum
# in millionths as (high, low) digits of base 10**9, min, max]; span: offset, or [first, last]; first, last:
# [offset, value]; distinct: see sketch.py; view: see views.py.
Series = list[Any]
Packed = Series | msgspec.Raw  # as read, until somebody looks into it

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list)
_ARRAY: Final = b"\xdd"  # of up to 2**32 entries, whose number follows


def empty(kind: Kind, generation: int) -> Series:
    """Return a series without buckets."""
    return [generation * _SHIFT + KINDS.index(kind)]


def unpacked(packed: Packed) -> Series:
    """Return a series to read; one that was not packed is returned as it is."""
    return packed if isinstance(packed, list) else _decoder.decode(packed)


def fresh(packed: Packed) -> Series:
    """Return a series that may be changed."""
    return list(packed) if isinstance(packed, list) else _decoder.decode(packed)


def is_empty(series: Series) -> bool:
    """Return whether there is no bucket."""
    return len(series) == 1


def generation_of(series: Series) -> int:
    """Return the generation of the family that was counted; an older one is not continued."""
    return int(series[0]) // _SHIFT


def kind_of(series: Series) -> Kind:
    """Return what its cells hold."""
    return KINDS[int(series[0]) % _SHIFT]


def buckets(series: Series) -> list[tuple[int, Any]]:
    """Return (index, cell) of all buckets, the oldest first."""
    if len(series) == 1:
        return []
    flat = _older(series)
    starts = accumulate(flat[1::2], initial=series[1] - sum(flat[1::2]))
    return list(zip(starts, [*flat[::2], series[2]], strict=True))


def put(series: Series, found: list[tuple[int, Any]]) -> None:
    """Replace all buckets by those given, the oldest first."""
    del series[1:]
    if found:
        older = bytearray()
        for (index, cell), (after, _) in zip(found, found[1:], strict=False):
            older += _encoder.encode(cell) + _encoder.encode(after - index)
        series += (*found[-1], len(found) - 1, bytes(older))


def add(series: Series, index: int, cell: Any) -> None:
    """Add the cell of one event; in or behind the newest bucket at a cost that does not grow with the buckets."""
    if len(series) == 1:
        series += (index, cell, 0, b"")
        return
    newest = series[1]
    if index == newest:
        series[2] = joined(kind_of(series), series[2], cell)
    elif index > newest:
        series[4] += _encoder.encode(series[2]) + _encoder.encode(index - newest)
        series[3] += 1
        series[1], series[2] = index, cell
    else:
        _add_earlier(series, index, cell)


def _add_earlier(series: Series, index: int, cell: Any) -> None:
    found = dict(buckets(series))
    found[index] = joined(kind_of(series), found[index], cell) if index in found else cell
    put(series, sorted(found.items()))


def drop_below(series: Series, floor: int) -> None:
    """Drop the buckets before `floor`."""
    if len(series) == 1:
        return
    if series[1] < floor:
        del series[1:]
        return
    flat = _older(series)
    oldest, most = series[1] - sum(flat[1::2]), 0
    while oldest < floor:
        oldest += flat[2 * most + 1]
        most += 1
    _drop(series, flat[: 2 * most])


def keep_newest(series: Series, most: int) -> None:
    """Drop the oldest of more buckets than `most`."""
    if len(series) > 1 and series[3] >= most:
        _drop(series, _older(series)[: 2 * (series[3] + 1 - most)])


def _older(series: Series) -> list[Any]:
    """Return cell, step to the next bucket, cell, step, … of the older buckets."""
    flat: list[Any] = _decoder.decode(_ARRAY + (2 * series[3]).to_bytes(4) + series[4])
    return flat


def _drop(series: Series, flat: list[Any]) -> None:
    """Drop the oldest buckets, which are given as `_older` has them."""
    series[3] -= len(flat) // 2
    series[4] = series[4][sum(len(_encoder.encode(part)) for part in flat) :]


def merged(one: Series, other: Series) -> Series:
    """Return a series with the buckets of both, which are of one family and generation."""
    series, kind = [one[0]], kind_of(one)
    found = dict(buckets(one))
    for index, cell in buckets(other):
        found[index] = joined(kind, found[index], cell) if index in found else cell
    put(series, sorted(found.items()))
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
