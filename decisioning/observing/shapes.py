"""The only place that describes values without telling them: their type, and a shape without personal content."""

import re
from typing import Any, Final

MAX_SHAPE: Final = 24  # characters
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?")
_LETTER: Final = re.compile(r"[^\W\d_]")
_DIGIT: Final = re.compile(r"\d")


def type_of(value: Any) -> str:
    """Return the type that a catalogue would give a JSON value; "object" or "mixed" where it has none.

    >>> type_of("2026-11-22"), type_of(12.5), type_of({"lat": 48.2, "lon": 16.4})
    ('date', 'number', 'place')
    """
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "date" if _DATE.fullmatch(value[:40]) else "text"
        case list():
            return "list" if all(isinstance(one, str) for one in value) else "mixed"
        case dict():
            return "place" if {"lat", "lon"} <= value.keys() else "object"
    return "mixed"


def shape_of(value: Any) -> str:
    """Return what a value looks like: letters as "a", digits as "9", cut to MAX_SHAPE characters.

    >>> shape_of("Ana-4711"), shape_of(12.5), shape_of(["x", "y"])
    ('aaa-9999', '99.9', '2 values')
    """
    match value:
        case bool():
            return "true or false"
        case list():
            return f"{len(value)} values"
        case dict():
            return f"{len(value)} fields"
    text = str(value)
    cut = _DIGIT.sub("9", _LETTER.sub("a", text[:MAX_SHAPE]))
    return cut if len(text) <= MAX_SHAPE else f"{cut}…"
