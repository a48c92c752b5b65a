"""The only place that reads profiles as they were packed before they had a format."""

from typing import Any

import msgspec

from decisioning.profiles import series, sketch
from decisioning.profiles.cells import Attributes, Cell, message_digest


class _Cell(msgspec.Struct, array_like=True):
    value: Any
    event_time_ms: int
    message_id: str
    source: str


class _Series(msgspec.Struct, array_like=True):
    generation: int
    buckets: dict[int, Any]


class _Profile(msgspec.Struct):
    attributes: dict[str, _Cell] = {}
    series: dict[str, _Series] = {}
    activity: dict[int, list[int]] = {}
    identifiers: dict[str, int] = {}
    absorbed: dict[str, int] = {}
    first_seen_ms: int = 0
    newest_ms: int = 0
    page_ms: int = 0
    given_up: dict[str, int] = {}
    awaited: dict[str, int] = {}
    merged_into: str = ""
    merged_at: str = ""
    position: str = ""


_decoder = msgspec.msgpack.Decoder(_Profile)


def is_map(data: bytes) -> bool:
    """Return whether this is a profile without a format."""
    return data[0] & 0xF0 == 0x80 or data[0] in (0xDE, 0xDF)


def fields_of(data: bytes) -> dict[str, Any]:
    """Return the fields of a Profile."""
    old = _decoder.decode(data)
    fields: dict[str, Any] = msgspec.structs.asdict(old)
    fields["attributes"] = Attributes({key: _cell(cell) for key, cell in old.attributes.items()})
    fields["series"] = {key: _series(one) for key, one in old.series.items()}
    fields["activity"] = _activity(old.activity)
    return fields


def _cell(cell: _Cell) -> Cell:
    return Cell(cell.value, cell.event_time_ms, message_digest(cell.message_id), cell.source)


def _activity(quarters: dict[int, list[int]]) -> series.Series:
    made = series.empty("span", 0)
    series.put(made, [(at, _short(*quarters[at])) for at in sorted(quarters)])
    return made


def _short(first: int, last: int) -> Any:
    return first if first == last else [first, last]


def _series(old: _Series) -> series.Series:
    cell = next(iter(old.buckets.values()), 0)
    if not isinstance(cell, list):
        made = series.empty("distinct", old.generation)
        sketch.put(made, {value >> 31: index for value, index in old.buckets.items()})
        return made
    made = series.empty("tally" if len(cell) == 3 else "number", old.generation)
    shorter = [
        (index, cell[len(cell) // 2 + 1] if cell[0] == 1 else cell)
        for index, cell in sorted(old.buckets.items())
    ]
    series.put(made, shorter)
    return made
