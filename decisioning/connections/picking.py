"""The only place that finds a named value in a row, whether the row is flat or nested."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

MISSING: Final = object()
DEPTH: Final = 8  # steps of a path
COLUMNS: Final = 300  # of a row that are told
_STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d{1,6})\]")


def pick(row: Any, path: str) -> Any:
    """Return the value at a path, MISSING where there is none; a whole name wins over its parts.

    >>> pick({"order": {"lines": [{"price": 3}]}}, "order.lines[0].price")
    3
    >>> pick({"a.b": 1, "a": {"b": 2}}, "a.b")
    1
    """
    if isinstance(row, Mapping) and path in row:
        return row[path]
    value = row
    for name, index in _STEP.findall(path):
        if index:
            fits = isinstance(value, list) and int(index) < len(value)
            value = value[int(index)] if fits else MISSING
        elif isinstance(value, Mapping):
            value = value.get(name, MISSING)
        else:
            return MISSING
        if value is MISSING:
            return MISSING
    return value if path and value is not row else MISSING


def paths_of(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths that lead to the values of a row, at most COLUMNS of them.

    >>> list(paths_of({"id": 1, "lines": [{"price": 3}], "by": {"email": "a@b"}}))
    ['id', 'lines', 'by.email']
    """
    yield from islice((path for path, _value in _walk(row, "", DEPTH) if path), COLUMNS)


def _walk(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping) or not value or not depth:
        yield path, value
        return
    for name, inner in value.items():
        yield from _walk(inner, f"{path}.{name}" if path else str(name), depth - 1)
