"""The only place that finds days and amounts of money in running text, English and German; pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner", "february feb februar", "march mar märz", "april apr", "may mai",
            "june jun juni", "july jul juli", "august aug", "september sep sept", "october oct oktober okt",
            "november nov", "december dec dezember dez",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
_FORMS: Final = (
    re.compile(r"\b(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})\b"),
    re.compile(r"(?<![\d.])(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.(?:\s?(?P<year>\d{4}))?(?!\d)"),
    re.compile(
        rf"\b(?P<day>\d{{1,2}})(?:\.|st|nd|rd|th)?\s+(?:of\s+)?(?P<name>{_MONTH})\b\.?,?(?:\s+(?P<year>\d{{4}}))?",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b(?P<name>{_MONTH})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\s*[:%€$£])(?:,?\s+(?P<year>\d{{4}}))?",
        re.IGNORECASE,
    ),
)
_SIGN: Final = r"(?:€|\$|£|EUR|USD|GBP|CHF)"
_AMOUNT: Final = r"\d{1,3}(?:[.,\s]\d{3})*(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?"
_MONEY: Final = re.compile(
    rf"{_SIGN}\s?(?P<after>{_AMOUNT})(?!\d)|(?<![\d.,])(?P<before>{_AMOUNT})\s?{_SIGN}(?![A-Za-z])"
)


@dataclass(frozen=True, slots=True)
class Day:
    """A day that a text names."""

    date: date
    text: str  # as it stands there, e.g. "24 December"


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount of money that a text names."""

    value: float  # rounded to cents
    text: str


def days_in(text: str, *, near: date) -> Iterator[Day]:
    """Yield the days that a text names, in the order of their forms; one without a year is the one closest to `near`."""
    taken: list[range] = []
    for form in _FORMS:
        for found in form.finditer(text):
            if any(found.start() in one for one in taken):
                continue
            day = _day(found, near)
            if day is not None:
                taken.append(range(found.start(), found.end()))
                yield Day(day, found[0].strip())


def _day(found: re.Match[str], near: date) -> date | None:
    parts = found.groupdict()
    month = _MONTHS[parts["name"].lower()] if parts.get("name") else int(parts["month"])
    years = [int(parts["year"])] if parts["year"] else [near.year - 1, near.year, near.year + 1]
    days = [one for year in years if (one := _real(year, month, int(parts["day"])))]
    return min(days, key=lambda one: abs((one - near).days), default=None)


def _real(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def amounts_in(text: str) -> Iterator[Amount]:
    """Yield the amounts of money that a text names, e.g. "€12.50", "1.299,00 EUR"."""
    for found in _MONEY.finditer(text):
        yield Amount(_value(found["after"] or found["before"]), found[0].strip())


def _value(text: str) -> float:
    """Return a number whichever of comma and point begins its decimals: the last, with one or two digits behind it."""
    whole, mark, decimals = re.sub(r"\s", "", text), "", ""
    found = re.fullmatch(r"(.*)([.,])(\d{1,2})", whole)
    if found:
        whole, mark, decimals = found.groups()
    digits = re.sub(r"[.,]", "", whole)
    return round(float(f"{digits}.{decimals or 0}" if mark else digits), 2)
