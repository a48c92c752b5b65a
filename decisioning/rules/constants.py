"""The only place that checks the value that a condition compares with, one kind of value at a time."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from decisioning.rules import limits
from decisioning.rules.durations import parse_duration
from decisioning.rules.phrases import Filled
from decisioning.rules.phrases import gettext_noop as _
from decisioning.rules.values import parse_date, version_key

ConstantKind = Literal[
    "none", "number", "number_pair", "numbers", "text", "texts", "pattern",
    "boolean", "date", "duration", "place", "version", "count",
]  # fmt: skip


def _none(value: Any) -> None:
    if value is not None:
        raise ValueError(_("this operator takes no value: leave it out"))


def _number(value: Any) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(_("write a number"))
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(_("write a number"))
    if abs(value) > limits.MAX_NUMBER:
        raise ValueError(
            _("write a number between -1,000,000,000,000,000 and 1,000,000,000,000,000")
        )
    if round(value, limits.MAX_DECIMALS) != value:
        raise ValueError(Filled(_("write at most {most} decimals"), most=limits.MAX_DECIMALS))
    # 3.0 and 3 are one value: equal conditions must have equal text.
    return int(value) if value == int(value) else value


def _count(value: Any) -> int:
    number = _number(value)
    if not isinstance(number, int) or number < 0:
        raise ValueError(_("write a whole number from 0 up"))
    return number


def _number_pair(value: Any) -> list[float | int]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(_("write two numbers, the lower one first"))
    low, high = _number(value[0]), _number(value[1])
    if low > high:
        raise ValueError(_("put the lower number first"))
    return [low, high]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(_("write a text"))
    if len(value) > limits.MAX_TEXT:
        raise ValueError(Filled(_("shorten the text to {most:,} characters"), most=limits.MAX_TEXT))
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(_("remove the characters that are not valid text")) from error
    return value


def _filled(value: Any) -> str:
    if _text(value) == "":
        raise ValueError(_("write at least one character"))
    return str(value)


def _pattern(value: Any) -> str:
    text = _filled(value)
    if text.count("*") > limits.MAX_STARS:
        raise ValueError(
            Filled(
                _("use at most {most} stars; * stands for any characters"),
                most=limits.MAX_STARS,
            )
        )
    return text


def _several(one: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    def check(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple) or not value:
            raise ValueError(_("give a list of at least one value"))
        if len(value) > limits.MAX_LIST_VALUES:
            raise ValueError(
                Filled(
                    _("use at most {most} values; put longer lists into an attribute"),
                    most=limits.MAX_LIST_VALUES,
                )
            )
        return list(dict.fromkeys(one(item) for item in value))

    return check


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(_("choose true or false"))
    return value


def _date(value: Any) -> str:
    parse_date(_text(value))
    return str(value)


def _duration(value: Any) -> str:
    if parse_duration(_text(value)) > limits.MAX_DURATION_S:
        raise ValueError(_("use at most 36,500 days"))
    return str(value)


def _place(value: Any) -> dict[str, float | int]:
    if not isinstance(value, Mapping) or set(value) != {"lat", "lon", "km"}:
        raise ValueError(_("give lat, lon and km"))
    lat, lon, km = (_number(value[part]) for part in ("lat", "lon", "km"))
    if abs(lat) > 90 or abs(lon) > 180:
        raise ValueError(_("use a latitude from -90 to 90 and a longitude from -180 to 180"))
    if not 0 < km <= limits.MAX_KM:
        raise ValueError(
            Filled(_("use a distance above 0 and up to {most:,.0f} km"), most=limits.MAX_KM)
        )
    return {"lat": lat, "lon": lon, "km": km}


def _version(value: Any) -> str:
    version_key(_text(value))
    return str(value)


@dataclass(frozen=True, slots=True)
class Constant:
    """A kind of value: how it is checked, and an example to show beside the field."""

    check: Callable[[Any], Any]  # returns the normal form; raises ValueError in words
    example: Any


CONSTANTS: Final[dict[ConstantKind, Constant]] = {
    "none": Constant(_none, None),
    "number": Constant(_number, 500),
    "count": Constant(_count, 3),
    "number_pair": Constant(_number_pair, [10, 20]),
    "numbers": Constant(_several(_number), [1, 2, 3]),
    "text": Constant(_text, "gold"),
    "texts": Constant(_several(_text), ["DE", "AT"]),
    "pattern": Constant(_pattern, "/shop/*/tents"),
    "boolean": Constant(_boolean, True),
    "date": Constant(_date, "2026-11-22"),
    "duration": Constant(_duration, "30d"),
    "place": Constant(_place, {"lat": 48.2082, "lon": 16.3738, "km": 5}),
    "version": Constant(_version, "2.10.0"),
}
