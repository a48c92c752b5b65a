"""The only place that decides whether a value has the type that the catalogue promises."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any, Final

from decisioning.rules import limits
from decisioning.rules.phrases import gettext_noop as _

Value = float | int | str | bool | list[str] | tuple[float, float]
Facts = Mapping[str, Any]  # attribute or aggregate key -> Value; what is absent is unknown

_VERSION: Final = re.compile(
    r"v?(0|[1-9]\d{0,14})(?:\.(0|[1-9]\d{0,14})(?:\.(0|[1-9]\d{0,14})"
    r"(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)?)?",
    re.ASCII,
)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
VersionKey = tuple[int, int, int, tuple[tuple[int, int, str], ...]]


def _number(value: Any) -> float | int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not abs(value) <= limits.MAX_NUMBER:  # also refuses nan
        return None
    # Sums of decimals must compare as people write them: 0.1 + 0.2 is 0.3.
    return value if isinstance(value, int) else round(value, limits.MAX_DECIMALS)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _list(value: Any) -> list[str] | None:
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return list(value)
    return None


def _place(value: Any) -> tuple[float, float] | None:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    lat, lon = _number(value[0]), _number(value[1])
    if lat is None or lon is None or abs(lat) > 90 or abs(lon) > 180:
        return None
    return lat, lon


def _version(value: Any) -> str | None:
    return value if isinstance(value, str) and _match_version(value) else None


def _match_version(text: str) -> re.Match[str] | None:
    return _VERSION.fullmatch(text) if len(text) <= limits.MAX_VERSION else None


_GUARDS: Final = {
    "number": _number,
    "text": _text,
    "boolean": _boolean,
    "date": _number,
    "list": _list,
    "place": _place,
    "version": _version,
}


def typed(value: Any, kind: str) -> Any:
    """Return a fact as the type `kind` compares it, or None where it is not of that type.

    A fact of the wrong type counts as unknown: nothing is coerced, neither ``"10"`` to 10 nor True to 1.
    """
    return _GUARDS[kind](value)


def conform(value: Any, kind: str) -> Any:
    """Return a JSON value as a fact of type `kind`, or None where it cannot be one.

    Dates come as ISO 8601 and become epoch seconds, UTC; places as ``{"lat": 48.2, "lon": 16.4}``.
    """
    if kind == "date" and isinstance(value, str):
        try:
            return typed(parse_date(value)[0], "date")
        except ValueError:
            return None
    if kind == "place" and isinstance(value, Mapping):
        return _place((value.get("lat"), value.get("lon")))
    return typed(value, kind)


def parse_date(text: str) -> tuple[float, bool]:
    """Return epoch seconds, and whether `text` names a whole day (UTC) rather than an instant.

    Raises:
        ValueError: neither ``2026-11-22`` nor ``2026-11-22T09:00:00+01:00``.
    """
    try:
        if _DAY.fullmatch(text):
            day = datetime.combine(date.fromisoformat(text), time(), UTC)
            return day.timestamp(), True
        instant = datetime.fromisoformat(text)
        seconds = instant.replace(tzinfo=instant.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueError(
            _('write a date such as "2026-11-22" or "2026-11-22T09:00:00Z"')
        ) from error
    if instant.tzinfo is None:
        raise ValueError(_('add the time zone, such as "2026-11-22T09:00:00Z"'))
    return seconds, False


def version_key(text: str) -> VersionKey:
    """Return a key that orders versions as Semantic Versioning does.

    A leading ``v`` is allowed, missing parts are 0 (``17.2`` is ``17.2.0``), build metadata is ignored.

    Raises:
        ValueError: not a version.

    Source: semver.org 2.0.0, item 11.
    """
    match = _match_version(text)
    if match is None:
        raise ValueError(_('write a version such as "2.10.0" or "2.10.0-beta.1"'))
    major, minor, patch, prerelease = match.groups()
    numbers = (int(major), int(minor or 0), int(patch or 0))
    if prerelease is None:
        return (*numbers, ((2, 0, ""),))
    return (*numbers, tuple(_identifier(one) for one in prerelease.split(".")))


def _identifier(text: str) -> tuple[int, int, str]:
    return (0, int(text), "") if text.isdigit() else (1, 0, text)


def distance_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Return the great-circle distance of two (latitude, longitude) pairs in degrees.

    Source: haversine formula, mean earth radius 6371.0088 km.
    """
    lat1, lon1, lat2, lon2 = map(math.radians, (*a, *b))
    half = math.sin((lat2 - lat1) / 2) ** 2
    half += math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * 6371.0088 * math.asin(min(1.0, math.sqrt(half)))
