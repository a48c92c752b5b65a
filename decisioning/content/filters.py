"""The filters that a token may pass through; each is total: whatever comes in, text, a number or a list goes out."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

MOST = 1_000  # characters that any value may bring into content


def is_blank(value: Any) -> bool:
    """Return whether nothing would be seen where this value stands."""
    if value is None:
        return True
    if isinstance(value, list | tuple):
        return not value
    return not str(value).strip()


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(_text(one) for one in value)
    return "" if value is None else str(value)


def _default(value: Any, words: Any) -> Any:
    return words if is_blank(value) else value


def _truncate(value: Any, length: int = 50, end: str = "…") -> str:
    text = _text(value)
    return text if len(text) <= length else text[: max(0, length - len(end))] + end


def _truncate_words(value: Any, count: int = 15, end: str = "…") -> str:
    words = _text(value).split()
    return " ".join(words) if len(words) <= count else " ".join(words[:count]) + end


def _round(value: Any, digits: int = 0) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return round(value, digits) if digits > 0 else round(value)


def _number(value: Any, digits: int = 0, group: str = ",", point: str = ".") -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    marks = {",": group, ".": point}
    return "".join(marks.get(sign, sign) for sign in f"{value:,.{max(0, min(digits, 6))}f}")


def _date(value: Any, form: str = "%Y-%m-%d", zone: str = "UTC") -> Any:
    if not isinstance(value, datetime):
        return value
    return value.astimezone(_zone(zone)).strftime(form)


@lru_cache(maxsize=1024)  # read when a text is parsed, which tries its filters
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _join(value: Any, between: str = ", ") -> str:
    return between.join(_text(one) for one in value) if isinstance(value, list) else _text(value)


def _at(place: int) -> Callable[[Any], Any]:
    def pick(value: Any) -> Any:
        return (value[place] if value else "") if isinstance(value, list) else value

    return pick


def _size(value: Any) -> int:
    return len(value) if isinstance(value, list) else len(_text(value))


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "default": _default,
    "upcase": lambda value: _text(value).upper(),
    "downcase": lambda value: _text(value).lower(),
    "capitalize": lambda value: _text(value)[:1].upper() + _text(value)[1:],
    "strip": lambda value: _text(value).strip(),
    "truncate": _truncate,
    "truncatewords": _truncate_words,
    "round": _round,
    "number": _number,
    "date": _date,
    "join": _join,
    "first": _at(0),
    "last": _at(-1),
    "size": _size,
}
OF_LISTS: Final = frozenset({"join", "first", "last", "size"})  # one must say how a list is written

SAMPLES: Final[dict[str, Any]] = {
    "number": 1250.5,
    "text": "Berlin",
    "boolean": True,
    "date": datetime(2027, 1, 31, 9, tzinfo=UTC),
    "list": ["Bakery", "Produce"],
    "version": "4.2.0",
}


def token_value(fact: Any, kind: str) -> Any:
    """Return a fact as content may say it, None where it says nothing.

    Whole numbers lose their fraction, dates become datetimes (UTC), texts and lists are cut.
    """
    if is_blank(fact) or kind == "place":
        return None
    if kind == "date":
        try:
            return datetime.fromtimestamp(fact, UTC)
        except (TypeError, ValueError, OverflowError, OSError):
            return None
    if kind == "number" and isinstance(fact, float):
        return int(fact) if fact.is_integer() else fact
    if isinstance(fact, str):
        return fact[:MOST]
    return _cut(fact) if isinstance(fact, list | tuple) else fact


def _cut(values: list[Any] | tuple[Any, ...]) -> list[str]:
    """Return as many entries as stay under `MOST` characters together."""
    kept: list[str] = []
    room = MOST
    for value in values:
        text = _text(value)
        room -= len(text) + 2
        if room < 0:
            break
        kept.append(text)
    return kept
