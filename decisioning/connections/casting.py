"""The only place that reads values of files and foreign systems as the types of messages."""

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from decisioning.rules.phrases import Filled
from decisioning.rules.phrases import gettext_noop as _

DEPTH: Final = 12
LARGEST: Final = 2**63 - 1
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d{1,3})?")
_SPACES: Final = re.compile(r"[\s\u00a0\u202f']+")
_TRUE: Final = frozenset({"true", "t", "yes", "y", "1", "on"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "0", "off"})


class Unusable(Exception):
    """A value that cannot be used as its rule says; the message says what it should look like."""


def is_empty(value: Any) -> bool:
    """Say whether a value stands for none: null, or text without anything in it."""
    return value is None or (isinstance(value, str) and not value.strip())


def plain(value: Any, depth: int = DEPTH) -> Any:
    """Return a value as JSON has it: times as ISO 8601, decimals as numbers.

    Raises:
        Unusable: bytes that are no text, no finite number, or nested too deep.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return _whole(value)
    if isinstance(value, float | Decimal):
        return _finite(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return _nested(value, depth)


def _nested(value: Any, depth: int) -> Any:
    if not depth:
        raise Unusable(_("The value is nested too deep."))
    if isinstance(value, dict):
        return {_text(str(key)): plain(inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, depth - 1) for inner in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise Unusable(_("The value is not text.")) from None
    return _text(str(value))


def _text(value: str) -> str:
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Unusable(_("The value is not UTF-8."))
    return value


def _whole(value: int) -> int:
    if abs(value) > LARGEST:
        raise Unusable(_("Whole numbers must fit 64 bits."))
    return value


def _finite(value: float | Decimal) -> float:
    try:
        number = float(value)
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise Unusable(_("The value is not a finite number."))
    return number


# Casts: a plain value and the rule's options in, a plain value out.


class Options:
    """What a cast needs to know beside the value."""

    __slots__ = ("comma", "form", "separator", "zone")

    def __init__(
        self, *, comma: bool = False, form: str = "", separator: str = ",", zone: str = "UTC"
    ) -> None:
        self.comma, self.form, self.separator, self.zone = comma, form, separator, zone


def to_text(value: Any, _options: Options | None = None) -> str:
    """Return a value as text, whole numbers without a point."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def to_number(value: Any, options: Options) -> float | int:
    """Return a number; text may group digits by spaces, apostrophes, or the mark that is not the decimal one."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str):
        raise Unusable(_("Give a number such as 12.5."))
    text = _SPACES.sub("", value)
    text = text.replace(".", "").replace(",", ".") if options.comma else text.replace(",", "")
    if len(text) > 60 or not _NUMBER.fullmatch(text):
        raise Unusable(
            Filled(
                _("Give a number such as {example}."), example="12,5" if options.comma else "12.5"
            )
        )
    return _whole(int(text)) if text.lstrip("+-").isdecimal() else _finite(float(text))


def to_integer(value: Any, options: Options) -> int:
    """Return a whole number."""
    number = to_number(value, options)
    if isinstance(number, float):
        if not number.is_integer():
            raise Unusable(_("Give a whole number."))
        number = _whole(int(number))
    return number


def to_boolean(value: Any, _options: Options) -> bool:
    """Return true or false of what tables write for them."""
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise Unusable(_("Give true or false."))


def to_list(value: Any, options: Options) -> list[Any]:
    """Return a list; text is a JSON list or parts with the rule's separator between them."""
    if isinstance(value, list):
        return value
    text = to_text(value, options)
    if text.startswith("["):
        found = to_json(text, options)
        if isinstance(found, list):
            return found
    return [part.strip() for part in text.split(options.separator or ",") if part.strip()]


def to_json(value: Any, _options: Options) -> Any:
    """Return what a text says as JSON."""
    if not isinstance(value, str):
        return value
    try:
        return plain(json.loads(value))
    except (ValueError, RecursionError) as error:
        raise Unusable(_("Give JSON.")) from error


def to_date(value: Any, options: Options) -> str:
    """Return a calendar day as ``"2026-11-22"``, of a time the day in the rule's zone."""
    if isinstance(value, str) and not options.form and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return _moment(value, options).date().isoformat()
    return _moment(value, options).astimezone(_zone(options.zone)).date().isoformat()


def to_time(value: Any, options: Options) -> str:
    """Return a moment as ISO 8601 in UTC; a time without a zone is of the rule's."""
    return _moment(value, options).astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment(value: Any, options: Options) -> datetime:
    try:
        if options.form in ("epoch_s", "epoch_ms"):
            number = to_number(value, Options())
            return datetime.fromtimestamp(number / (1000 if options.form == "epoch_ms" else 1), UTC)
        if not isinstance(value, str):
            raise Unusable(_('Give a time such as "2026-11-22T09:00:00Z".'))
        text = value.strip()
        read = datetime.strptime(text, options.form) if options.form else _iso(text)  # noqa: DTZ007
        return read if read.tzinfo else _placed(read, options.zone)
    except (ValueError, OverflowError, OSError) as error:
        wanted = options.form or "2026-11-22T09:00:00Z"
        raise Unusable(Filled(_('Give a time such as "{example}".'), example=wanted)) from error


def _iso(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _placed(local: datetime, zone: str) -> datetime:
    """Return a local time in its zone; of two the first.

    Raises:
        Unusable: clocks skip it there.
    """
    placed = local.replace(tzinfo=_zone(zone))
    if placed.astimezone(UTC).astimezone(placed.tzinfo).replace(tzinfo=None) != local:
        raise Unusable(
            Filled(_("Clocks in {zone} skip {time}."), zone=zone, time=local.isoformat(" "))
        )
    return placed


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Unusable(Filled(_("There is no time zone “{name}”."), name=name[:40])) from error


def is_zone(name: str) -> bool:
    """Say whether there is a time zone of this name."""
    try:
        _zone(name)
    except Unusable:
        return False
    return True


CASTS: Final[dict[str, Callable[[Any, Options], Any]]] = {
    "text": to_text,
    "number": to_number,
    "integer": to_integer,
    "boolean": to_boolean,
    "date": to_date,
    "time": to_time,
    "list": to_list,
    "json": to_json,
}
