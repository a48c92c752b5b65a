"""The only reader of rows of files, from any place on, in the memory of one row."""

import csv
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from decisioning.connections.layouts import CELL, LINE, Layout, Place, Unreadable, open_plain
from decisioning.rules.phrases import Filled
from decisioning.rules.phrases import gettext_noop as _

_decode = msgspec.json.Decoder().decode
BROKEN: Final = (OSError, EOFError, zlib.error)


@dataclass(frozen=True, slots=True)
class Line:
    """One row: what it says, or why it cannot be read."""

    number: int  # as an editor or spreadsheet counts, where no cell has line breaks
    row: int  # its place among the rows, from 0; names the row for good
    cells: dict[str, Any]
    trouble: str = ""


class Lines:
    """The rows of a file behind a place; `place` moves on with each that is read."""

    def __init__(self, path: Path, layout: Layout, place: Place) -> None:
        self._path, self._layout = path, layout
        self.place = place
        self._row = place.row
        self._byte = max(place.byte, layout.begins)
        self._file: Any = None

    @property
    def done(self) -> int:
        """Return how far the file was read, in the unit of `total_of`."""
        if self._layout.format == "parquet":
            return self._row
        packed = getattr(self._file, "myfileobj", None)
        return packed.tell() if packed is not None and not packed.closed else self._byte

    def __iter__(self) -> Iterator[Line]:
        """Yield the rows.

        Raises:
            Unreadable: the file is broken from here on.
        """
        if self._layout.format == "parquet":
            yield from self._of_parquet()
            return
        with open_plain(self._path, is_gzip=self._layout.gzip) as file:
            self._file = file
            try:
                file.seek(self._byte)
                read = self._of_csv if self._layout.format == "csv" else self._of_json
                yield from read(self._texts(file))
            except BROKEN as error:
                raise Unreadable(
                    Filled(_("Row {row}: the file breaks off here."), row=self._row + 1)
                ) from error

    def _texts(self, file: Any) -> Iterator[bytes]:
        while line := file.readline(LINE + 1):
            if len(line) > LINE:
                raise Unreadable(
                    Filled(
                        _("Row {row} is longer than {most:,} bytes."), row=self._row + 1, most=LINE
                    )
                )
            self._byte += len(line)
            yield line

    def _next(self) -> int:
        row = self._row
        self._row += 1
        self.place = Place(row=self._row, byte=self._byte)
        return row

    def _of_csv(self, texts: Iterator[bytes]) -> Iterator[Line]:
        # What is no text of its encoding is refused by its row, not by the file.
        plain = (text.decode(self._layout.encoding, "surrogateescape") for text in texts)
        csv.field_size_limit(CELL)
        reader = csv.reader(plain, delimiter=self._layout.delimiter)
        columns = self._layout.columns
        try:
            for cells in reader:
                row = self._next()
                if not cells:
                    continue
                trouble = ""
                if len(cells) != len(columns):
                    trouble = f"It has {len(cells)} cells; the first line names {len(columns)}."
                yield Line(row + 2, row, dict(zip(columns, cells, strict=False)), trouble)
        except csv.Error as error:
            words = f"Row {self._row + 2}: a quote is not closed, or a cell has more than {CELL:,} characters."
            raise Unreadable(words) from error

    def _of_json(self, texts: Iterator[bytes]) -> Iterator[Line]:
        for text in texts:
            row = self._next()
            if not text.strip():
                continue
            try:
                cells = _decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                yield Line(row + 1, row, {}, f"Not JSON that can be read: {error}"[:200])
                continue
            if isinstance(cells, dict):
                yield Line(row + 1, row, cells)
            else:
                yield Line(row + 1, row, {}, "A line must be one JSON object.")

    def _of_parquet(self) -> Iterator[Line]:
        from decisioning.connections.parquet import rows_of

        for cells in rows_of(self._path, since=self._row):
            row = self._next()
            yield Line(row + 1, row, cells)


def total_of(path: Path, layout: Layout) -> int:
    """Return how much there is to read: rows of Parquet, else bytes as sent."""
    if layout.format != "parquet":
        return path.stat().st_size
    from decisioning.connections.parquet import count_rows

    return count_rows(path)
