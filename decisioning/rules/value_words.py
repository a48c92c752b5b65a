"""The only place that puts the values of conditions into words: numbers, texts, lists, spans and instants."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, Literal

from decisioning.rules.durations import UNITS
from decisioning.rules.phrases import Phrases
from decisioning.rules.values import parse_date

Joint = Literal["or", "and", "nor"]

# One word that nobody can take for a word of the sentence needs no quotes around it.
_BARE: Final = re.compile(r"\w([\w.@/+:-]*\w)?")
_WORDS: Final = frozenset(
    {"or", "and", "nor", "not", "neither", "set", "oder", "und", "noch", "nicht", "weder", "angegeben"}
)  # fmt: skip
_QUOTES: Final = frozenset('“”„"')


def text_words(text: str, phrases: Phrases) -> str:
    """Return a text, in quotes where it could be taken for words of the sentence."""
    if _BARE.fullmatch(text) and text.casefold() not in _WORDS:
        return text
    return quoted(text, phrases)


def quoted(text: str, phrases: Phrases) -> str:
    """Return a text in quotes; what would not show, or end them, is escaped as in JSON."""
    if not text.isprintable() or not _QUOTES.isdisjoint(text):
        return json.dumps(text, ensure_ascii=not text.isprintable())
    return phrases.gettext("“{text}”").format(text=text)


def one_value(value: Any, phrases: Phrases) -> str:
    """Return one text or number."""
    return text_words(value, phrases) if isinstance(value, str) else phrases.number(value)


def listed(values: Iterable[Any], phrases: Phrases, joint: Joint = "or") -> str:
    """Return values with a word before the last, e.g. "DE, AT or CH"."""
    return joined([one_value(value, phrases) for value in values], phrases, joint)


def joined(words: list[str], phrases: Phrases, joint: Joint = "and") -> str:
    """Return words as a list, e.g. "the offer, the segment and the campaign"."""
    *most, last = words
    if not most:
        return last
    together = {
        "or": phrases.gettext("{most} or {last}"),
        "and": phrases.gettext("{most} and {last}"),
        "nor": phrases.gettext("{most} nor {last}"),
    }
    return together[joint].format(most=", ".join(most), last=last)


def span_words(span: str, phrases: Phrases) -> str:
    """Return ``30d`` as "30 days" and ``1h`` as "1 hour"; after a preposition, where that matters."""
    return _counted(int(span[:-1]), span[-1], phrases)


def seconds_words(seconds: int, phrases: Phrases) -> str:
    """Return 43,200 as "12 hours", in the largest unit that divides it."""
    for unit, size in reversed(UNITS.items()):
        if seconds % size == 0:
            return _counted(seconds // size, unit, phrases)
    return _counted(seconds, "s", phrases)


def _counted(number: int, unit: str, phrases: Phrases) -> str:
    words = {
        "s": phrases.ngettext("{count} second", "{count} seconds", number),
        "m": phrases.ngettext("{count} minute", "{count} minutes", number),
        "h": phrases.ngettext("{count} hour", "{count} hours", number),
        "d": phrases.ngettext("{count} day", "{count} days", number),
    }
    return words[unit].format(count=phrases.number(number))


def last_words(span: str, phrases: Phrases) -> str:
    """Return ``30d`` as "in the last 30 days"."""
    number = int(span[:-1])
    words = {
        "m": phrases.ngettext("in the last minute", "in the last {count} minutes", number),
        "h": phrases.ngettext("in the last hour", "in the last {count} hours", number),
        "d": phrases.ngettext("in the last day", "in the last {count} days", number),
    }
    return words[span[-1]].format(count=phrases.number(number))


def next_words(span: str, phrases: Phrases) -> str:
    """Return ``30d`` as "in the next 30 days"."""
    number = int(span[:-1])
    words = {
        "m": phrases.ngettext("in the next minute", "in the next {count} minutes", number),
        "h": phrases.ngettext("in the next hour", "in the next {count} hours", number),
        "d": phrases.ngettext("in the next day", "in the next {count} days", number),
    }
    return words[span[-1]].format(count=phrases.number(number))


def date_words(value: str, phrases: Phrases) -> str:
    """Return a day or an instant with its zone, e.g. "22 November 2026, 08:30 UTC"."""
    seconds, whole_day = parse_date(value)
    moment = datetime.fromtimestamp(seconds, UTC)
    day = phrases.day(moment.date())
    if whole_day:
        return phrases.gettext("{day} (UTC)").format(day=day)
    return phrases.gettext("{day}, {time} UTC").format(day=day, time=_clock(moment))


def _clock(moment: datetime) -> str:
    if moment.microsecond:
        return f"{moment:%H:%M:%S.%f}".rstrip("0")
    return f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"
