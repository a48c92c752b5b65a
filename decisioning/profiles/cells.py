"""The only place that knows how attributes are packed: values, and where and when each came from."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec


class Cell(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One attribute with where it came from; `value` is None where it was removed."""

    value: Any
    event_time_ms: int
    message: int  # digest of the message id
    source: str


def message_digest(message_id: str) -> int:
    """Return what stands for a message id in a profile: 63 bits."""
    return int.from_bytes(hashlib.blake2b(message_id.encode(), digest_size=8).digest()) >> 1


class _Packed(msgspec.Struct, array_like=True, gc=False):
    """Attributes of one message share an origin, and its source is named once."""

    newest_ms: int
    sources: list[str]
    origins: list[int]  # ms before the newest, digest, number of the source; of one after another
    entries: dict[str, tuple[Any, int]]  # key -> value, number of its origin

    def cell(self, key: str) -> Cell:
        value, number = self.entries[key]
        before, message, source = self.origins[3 * number : 3 * number + 3]
        return Cell(value, self.newest_ms - before, message, self.sources[source])


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Packed)


class Attributes(Mapping[str, Cell]):
    """Cells by attribute key, unpacked when somebody asks."""

    __slots__ = ("_cells", "_packed", "_raw")

    def __init__(
        self, cells: Mapping[str, Cell] | None = None, *, raw: msgspec.Raw | None = None
    ) -> None:
        """Hold cells, or what `packed` returned."""
        self._cells = None if cells is None and raw is not None else dict(cells or {})
        self._packed: _Packed | None = None
        self._raw = raw

    def packed(self) -> msgspec.Raw:
        """Return what a stored profile holds of them."""
        if self._raw is None:
            self._raw = msgspec.Raw(_encoder.encode(_pack(self._read())))
        return self._raw

    def value(self, key: str) -> Any:
        """Return a value alone; None where it is not known."""
        if self._cells is not None:
            cell = self._cells.get(key)
            return None if cell is None else cell.value
        entry = self._opened().entries.get(key)
        return None if entry is None else entry[0]

    def having(self, cells: Mapping[str, Cell]) -> "Attributes":
        """Return these with some cells in place of others."""
        return Attributes({**self._read(), **cells})

    def __getitem__(self, key: str) -> Cell:
        if self._cells is not None:
            return self._cells[key]
        return self._opened().cell(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._opened().entries if self._cells is None else self._cells)

    def __len__(self) -> int:
        return len(self._opened().entries if self._cells is None else self._cells)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and self._read() == dict(other)

    def __hash__(self) -> int:
        raise TypeError("attributes are not hashable")

    def __repr__(self) -> str:
        return repr(self._read())

    def _opened(self) -> _Packed:
        if self._packed is None:
            assert self._raw is not None  # noqa: S101  # it holds cells or what was packed
            self._packed = _decoder.decode(self._raw)
        return self._packed

    def _read(self) -> dict[str, Cell]:
        if self._cells is None:
            packed = self._opened()
            self._cells = {key: packed.cell(key) for key in packed.entries}
        return self._cells


def _pack(cells: dict[str, Cell]) -> _Packed:
    newest_ms = max((cell.event_time_ms for cell in cells.values()), default=0)
    sources: dict[str, int] = {}
    origins: dict[tuple[int, int, int], int] = {}
    entries = {}
    for key, cell in cells.items():
        source = sources.setdefault(cell.source, len(sources))
        origin = newest_ms - cell.event_time_ms, cell.message, source
        entries[key] = cell.value, origins.setdefault(origin, len(origins))
    flat = [part for origin in origins for part in origin]
    return _Packed(newest_ms, list(sources), flat, entries)
