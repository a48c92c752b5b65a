"""The only place that shows rows beside what a mapping makes of them, for people to judge before anything is taken."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from decisioning.connections.acceptance import Reading, RefusedLine, Unique, shown, understand
from decisioning.connections.casting import to_text
from decisioning.connections.lines import Line
from decisioning.connections.mapping import Mapping
from decisioning.connections.picking import MISSING, paths_of, pick
from decisioning.ingestion.records import Record

ROWS: Final = 20
CELL: Final = 80  # characters shown of a value


@dataclass(frozen=True, slots=True)
class Sampled:
    """One row as read and as understood."""

    line: Line
    record: Record | None = None
    refused: RefusedLine | None = None

    def cells(self, columns: Sequence[str]) -> list[str]:
        """Return the row's values under some columns."""
        return [_words(pick(self.line.cells, column)) for column in columns]

    def told(self) -> dict[str, Any]:
        """Return what is understood: {"who": [...], "what": "Order Completed", "when": ms, "values": {…}}."""
        record = self.record
        if record is None:
            return {}
        values = {**record.traits, **record.attributes, **record.properties}
        return {
            "who": [_words(one) for one in record.identifiers],
            "type": record.type,
            "event": record.event,
            "time_ms": record.event_time_ms,
            "values": {key: _words(value) for key, value in values.items()},
            "attributes": sorted(record.attributes),
            "message_id": record.message_id,
        }


def sample(
    mapping: Mapping, lines: Sequence[Line], *, reading: Reading, unique: Unique
) -> list[Sampled]:
    """Return the rows with what becomes of each; nothing is taken."""
    told = understand(mapping, lines, reading=reading, unique=unique)
    records = {line.row: record for line, record in zip(told.lines, told.records, strict=True)}
    refused = {one.line.row: one for one in told.refused}
    return [Sampled(line, records.get(line.row), refused.get(line.row)) for line in lines]


def columns_of(lines: Sequence[Line]) -> list[str]:
    """Return the columns of rows, in the order of their first appearance."""
    return list(dict.fromkeys(path for line in lines for path in paths_of(line.cells)))


def _words(value: Any) -> str:
    if value is MISSING or value is None:
        return ""
    text = to_text(shown(value))
    return text if len(text) <= CELL else f"{text[:CELL]}…"


def as_lines(rows: Sequence[Any]) -> Iterator[Line]:
    """Yield rows of a body as lines."""
    for row, cells in enumerate(rows):
        if isinstance(cells, dict):
            yield Line(row + 1, row, cells)
        else:
            yield Line(row + 1, row, {}, "A row must be an object with named values.")
