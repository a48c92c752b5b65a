"""The only place that knows what files of authored things look like: their columns, limits, encodings and separators."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from django.utils.translation import gettext as _

from campaigns import shorthand
from campaigns.cells import BadCell, codecs_of, default_of, guarded, unguarded
from campaigns.mapping import Body
from campaigns.models.items import Kind

ROWS: Final = 5_000  # of an import, and of an export
BYTES: Final = 5_000_000
CELL: Final = 20_000  # characters
COLUMNS: Final = 100
IMPORTED: Final = (Kind.ATTRIBUTE, Kind.EVENT_TYPE, Kind.PLACEMENT, Kind.OFFER)
SEPARATORS: Final = (",", ";", "\t", "|")
# Authors' columns beside the fields of the spec.
DETAILS: Final = {"description": "description", "time_zone": "time_zone"}
TAGS: Final = "tags"
VERSION: Final = "(version)"  # what was live when a file was written; nobody edits it

csv.field_size_limit(CELL * 4)  # what is longer is a row without an end


class Unreadable(Exception):
    """A file that is no table; the message says what to do."""


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong in one cell, and what to write."""

    row: int  # as a spreadsheet counts; 1 is the header
    column: str  # "" for the whole row
    message: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file: what its cells say, by column."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A file as a table."""

    columns: tuple[str, ...]
    rows: list[Row]
    notes: list[str] = field(default_factory=list)  # e.g. which encoding was guessed


def columns_of(kind: str) -> dict[str, str]:
    """Return the columns of a kind with the sort of their values, in order."""
    fields = {name: codec.sort for name, codec in codecs_of(kind).items()}
    short = dict.fromkeys(shorthand.columns_of(kind), "text")
    extra = dict.fromkeys([name for name in DETAILS if name not in fields], "text")
    return {**fields, **short, **extra, TAGS: "list"}


def cells_of(kind: str, body: Body, details: Body, tags: Sequence[str]) -> dict[str, str]:
    """Return the cells of a thing; what shorthand can say stands there instead of in JSON."""
    short, left = shorthand.write(kind, body)
    codecs = codecs_of(kind)
    said = {name: codecs[name].write(left[name]) for name in codecs if name in left}
    extra = {name: str(details.get(key, "")) for name, key in DETAILS.items() if name not in codecs}
    return {**said, **short, **extra, TAGS: " | ".join(tags)}


def write_table(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    """Return a file that spreadsheets open as it is: UTF-8 with a mark, no cell a formula."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow([guarded(name) for name in columns])
    for row in rows:
        writer.writerow([guarded(row.get(name, "")) for name in columns])
    return out.getvalue().encode("utf-8-sig", "replace")


def read_text(raw: bytes) -> tuple[str, str]:
    """Return the text of a file and the encoding that it is in.

    Raises:
        Unreadable: too large, or no text.
    """
    if len(raw) > BYTES:
        refuse_size()
    for encoding in _encodings(raw):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            raise Unreadable(_("This is no text file: save it as CSV first."))
        return text, encoding
    raise Unreadable(_("Save the file as CSV in UTF-8 and try again."))


def refuse_size() -> NoReturn:
    """Refuse a file that is too large, before or after it was read."""
    raise Unreadable(_("Keep files under %(most)s MB.") % {"most": BYTES // 1_000_000})


def _encodings(raw: bytes) -> tuple[str, ...]:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    return ("utf-8-sig", "cp1252")


def read_table(text: str, kind: str) -> Table:
    """Return the rows of a text, whatever of the usual separators it has.

    Raises:
        Unreadable: no header that is known, too many rows or columns, or cells that are too long.
    """
    known = columns_of(kind)
    text, separator = _separator(text, known)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        header = [unguarded(cell).strip().lower() for cell in next(lines, [])]
        _refuse_header(header, known)
        rows = list(_rows(header, lines))
    except csv.Error as error:
        raise Unreadable(
            _("Line %(line)s cannot be read: close its quotes.") % {"line": lines.line_num}
        ) from error
    if not rows:
        raise Unreadable(_("There is a header and no row below it."))
    return Table(tuple(header), rows)


def _separator(text: str, known: Mapping[str, str]) -> tuple[str, str]:
    first, _end, rest = text.partition("\n")
    if first.lower().startswith("sep=") and len(first.strip()) == 5:
        return rest, first[4]

    def fitting(separator: str) -> int:
        return sum(cell.strip(" \r'\"").lower() in known for cell in first.split(separator))

    return text, max(SEPARATORS, key=fitting)


def is_for_reading(column: str) -> bool:
    """Say whether a column is there to be read only, e.g. ``(state)``: an import passes it by."""
    return column != VERSION and column.startswith("(") and column.endswith(")")


def _refuse_header(header: Sequence[str], known: Mapping[str, str]) -> None:
    named = [name for name in header if name and not is_for_reading(name)]
    unknown = [name for name in named if name not in known and name != VERSION][:5]
    twice = sorted({name for name in named if named.count(name) > 1})[:5]
    if "key" not in named or len(header) > COLUMNS:
        raise Unreadable(
            _("The first row has to name the columns, “key” among them: %(known)s.")
            % {"known": ", ".join(known)}
        )
    if unknown:
        raise Unreadable(
            _("There is no column “%(unknown)s”; there are %(known)s.")
            % {"unknown": "”, “".join(unknown), "known": ", ".join(known)}
        )
    if twice:
        raise Unreadable(
            _("The column “%(twice)s” is there twice.") % {"twice": "”, “".join(twice)}
        )


def _rows(header: Sequence[str], lines: Any) -> Iterator[Row]:
    count = 0
    for line in lines:
        if not any(cell.strip() for cell in line):
            continue
        count += 1
        if count > ROWS:
            raise Unreadable(_("Import at most %(most)s rows at once.") % {"most": f"{ROWS:,}"})
        cells = {
            name: unguarded(cell)
            for name, cell in zip(header, line, strict=False)
            if name and not is_for_reading(name)
        }
        yield Row(count + 1, cells if len(line) <= len(header) else {**cells, "": line[-1]})


@dataclass(frozen=True, slots=True)
class Said:
    """What one row says of a thing."""

    body: Body
    details: Body
    tags: list[str] | None  # None: no such column


def read_row(kind: str, row: Row, before: Said | None) -> tuple[Said | None, list[RowError]]:
    """Return what a row says, columns that are not there as they were before, and what is wrong with it."""
    codecs = codecs_of(kind)
    body: Body = dict(before.body) if before else {}
    errors = [*_too_much(row)]
    for name, codec in codecs.items():
        if name not in row.cells:
            continue
        cell = row.cells[name]
        try:
            body[name] = codec.read(cell) if cell.strip() else _nothing(kind, name)
        except BadCell as error:
            errors.append(RowError(row.number, name, str(error)))
    try:
        body = shorthand.read(kind, body, row.cells)
    except shorthand.BadShorthand as error:
        errors.append(RowError(row.number, error.column, str(error)))
    if errors:
        return None, errors
    said = {name: value for name, value in body.items() if value is not None}
    tags = _tags(row.cells[TAGS]) if TAGS in row.cells else None
    return Said(said, _details(codecs, row, before), tags), []


def _too_much(row: Row) -> Iterator[RowError]:
    if "" in row.cells:
        yield RowError(row.number, "", _("There are more cells than columns: close the quotes."))
    for name, cell in row.cells.items():
        if len(cell) > CELL:
            yield RowError(
                row.number,
                name,
                _("Keep a cell under %(most)s characters.") % {"most": f"{CELL:,}"},
            )


def _nothing(kind: str, name: str) -> Any:
    return default_of(kind, name)


def _tags(cell: str) -> list[str]:
    return [part.strip() for part in cell.replace(",", "|").split("|") if part.strip()]


def _details(codecs: Mapping[str, Any], row: Row, before: Said | None) -> Body:
    details = dict(before.details) if before else {}
    for name, key in DETAILS.items():
        if name not in codecs and name in row.cells:
            details[key] = row.cells[name].strip()
    return {key: value for key, value in details.items() if value}
