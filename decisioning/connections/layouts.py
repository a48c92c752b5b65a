"""The only place that tells what a file is: its format, compression, columns and encoding."""

import csv
import gzip
import io
import zlib
from pathlib import Path
from typing import Final, Literal

import msgspec

from decisioning.rules.phrases import Filled
from decisioning.rules.phrases import gettext_noop as _

LINE: Final = 1_000_000  # bytes of one line
CELL: Final = 100_000  # characters
COLUMNS: Final = 500
DELIMITERS: Final = (",", ";", "\t", "|")
Format = Literal["csv", "jsonl", "parquet"]


class Unreadable(Exception):
    """A file that cannot be read, from the start or from a place on; the message says what to do."""


class Layout(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a file is to be read; told once, from its beginning."""

    format: Format
    gzip: bool = False
    delimiter: str = ","
    encoding: str = "utf-8"  # or cp1252
    columns: tuple[str, ...] = ()  # of CSV and Parquet
    begins: int = 0  # byte of the first row behind the header, of the plain text


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the next row begins."""

    row: int = 0  # rows before it, without the header
    byte: int = 0  # of the plain text; 0 of Parquet


def detect(path: Path) -> Layout:
    """Return how a file is read.

    Raises:
        Unreadable: empty, broken, or none of the formats.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    if not magic:
        raise Unreadable(_("The file is empty."))
    if magic == b"PAR1":
        return _parquet(path)
    is_gzip = magic[:2] == b"\x1f\x8b"
    line = first_line(path, is_gzip=is_gzip)
    if line.lstrip(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        return Layout(format="jsonl", gzip=is_gzip, begins=_mark(line))
    return _csv(path, line, is_gzip=is_gzip)


def open_plain(path: Path, *, is_gzip: bool) -> io.BufferedReader | gzip.GzipFile:
    """Return a file's plain bytes, from the beginning."""
    return gzip.open(path, "rb") if is_gzip else path.open("rb")


def first_line(path: Path, *, is_gzip: bool) -> bytes:
    """Return the first line of a file, with its end.

    Raises:
        Unreadable: not text, or a line without an end.
    """
    try:
        with open_plain(path, is_gzip=is_gzip) as file:
            line = file.readline(LINE + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Unreadable(_("The file is not valid gzip.")) from error
    if len(line) > LINE:
        raise Unreadable(
            Filled(
                _("The first line is longer than {most:,} bytes: is this a text file?"), most=LINE
            )
        )
    if b"\0" in line:
        raise Unreadable(
            _("This is no text file: send CSV, JSON lines or Parquet, plain or as gzip.")
        )
    return line


def _mark(line: bytes) -> int:
    return 3 if line.startswith(b"\xef\xbb\xbf") else 0


def _csv(path: Path, line: bytes, *, is_gzip: bool) -> Layout:
    encoding, text = "utf-8", ""
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        encoding, text = "cp1252", line.decode("cp1252", "replace")
    delimiter = max(DELIMITERS, key=text.count)
    try:
        names = next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise Unreadable(_("The first line must name the columns, without line breaks.")) from error
    columns = tuple(name.strip() or f"column {place}" for place, name in enumerate(names, 1))
    if "\r" in text.strip("\r\n"):
        raise Unreadable(_("Save the file with line ends of Unix or Windows."))
    if not columns or len(columns) > COLUMNS:
        raise Unreadable(
            Filled(_("The first line must name the columns, at most {most}."), most=COLUMNS)
        )
    if len(set(columns)) < len(columns):
        raise Unreadable(_("Two columns have the same name."))
    return Layout(
        format="csv",
        gzip=is_gzip,
        delimiter=delimiter,
        encoding=encoding,
        columns=columns,
        begins=len(line),
    )


def _parquet(path: Path) -> Layout:
    from decisioning.connections.parquet import columns_of

    return Layout(format="parquet", columns=columns_of(path))
