"""The only place that says how one value of an authored thing stands in a cell of a file, and is read back."""

import json
import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from functools import lru_cache
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from django.utils.translation import gettext as _

from campaigns.mapping import SPECS

BETWEEN: Final = "|"  # the values of a list
FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
YES: Final = frozenset({"yes", "true", "1", "ja", "x"})
NO: Final = frozenset({"no", "false", "0", "nein"})


class BadCell(Exception):
    """A cell that says nothing that the field could take; the message says what to write."""


def guarded(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; `unguarded` gives the text back."""
    return f"'{text}" if FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """Return the text of a cell that `guarded` or a spreadsheet wrote."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


@dataclass(frozen=True, slots=True)
class Codec:
    """How values of one sort are written and read."""

    write: Callable[[Any], str]
    read: Callable[[str], Any]
    sort: str  # "text", "number", "yes or no", "list", "instant", "JSON"


def _read_text(cell: str) -> str:
    return cell


def _write_number(value: Any) -> str:
    return "" if value is None else json.dumps(value)


def _read_number(cell: str) -> int | float:
    try:
        return msgspec.convert(cell.strip(), int | float, strict=False)
    except msgspec.ValidationError:
        raise BadCell(_("Write a number with a point, e.g. 0.5.")) from None


def _write_yes(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"


def _read_yes(cell: str) -> bool:
    said = cell.strip().lower()
    if said in YES:
        return True
    if said in NO:
        return False
    raise BadCell(_("Write yes or no."))


def _write_list(values: list[str]) -> str:
    if any(BETWEEN in value or value != value.strip() or not value for value in values):
        return _write_json(values)
    joined = f" {BETWEEN} ".join(values)
    return _write_json(values) if joined.startswith("[") else joined


def _read_list(cell: str) -> list[str]:
    if cell.lstrip().startswith("["):
        found = _read_json(cell)
        if not all(isinstance(value, str) for value in found):
            raise BadCell(_("Separate the values with “|”."))
        return list(found)
    return [part.strip() for part in cell.split(BETWEEN) if part.strip()]


def _write_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if value else ""


def _read_json(cell: str) -> Any:
    try:
        return json.loads(cell, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise BadCell(_("Write JSON, as an export has it.")) from None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _read_instant(cell: str) -> str:
    try:
        moment = datetime.fromisoformat(cell.strip())
    except ValueError:
        raise BadCell(_("Write date, time and zone, e.g. 2027-01-31T09:00:00+01:00.")) from None
    if moment.tzinfo is None:
        raise BadCell(_("Add the zone to the time, e.g. 2027-01-31T09:00:00+01:00."))
    return cell.strip()


TEXT: Final = Codec(lambda value: value or "", _read_text, "text")
NUMBER: Final = Codec(_write_number, _read_number, "number")
YES_NO: Final = Codec(_write_yes, _read_yes, "yes or no")
LIST: Final = Codec(_write_list, _read_list, "list")
INSTANT: Final = Codec(lambda value: value or "", _read_instant, "instant")
JSON: Final = Codec(_write_json, _read_json, "JSON")


def codec_of(annotation: Any) -> Codec:
    """Return how values of a field of a spec are written."""
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(one for one in get_args(annotation) if one is not type(None))
    if get_origin(annotation) is Literal or annotation is str:
        return TEXT
    simple = {bool: YES_NO, int: NUMBER, float: NUMBER, datetime: INSTANT}
    if annotation in simple:
        return simple[annotation]
    return LIST if annotation == tuple[str, ...] else JSON


@lru_cache(maxsize=16)
def codecs_of(kind: str) -> dict[str, Codec]:
    """Return how each field of a kind is written, in the order of the spec."""
    hints = get_type_hints(SPECS[kind])
    return {field.name: codec_of(hints[field.name]) for field in fields(SPECS[kind])}


def default_of(kind: str, name: str) -> Any:
    """Return the JSON of what a field is where nothing is said; None where it must be said."""
    for field in fields(SPECS[kind]):
        if field.name == name:
            if field.default is not MISSING:
                return msgspec.to_builtins(field.default)
            if field.default_factory is not MISSING:
                return msgspec.to_builtins(field.default_factory())
    return None
