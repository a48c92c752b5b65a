"""The only place that says what pure code needs of a language; English is built in, others are passed in."""

from datetime import date
from typing import Final, Protocol


class Phrases(Protocol):
    """A language: translations of English sources, and how it writes numbers and dates.

    Sources are whole sentences with named places, e.g. "{name} is more than {value}": word order is the language's.
    """

    def gettext(self, message: str, /) -> str: ...
    def ngettext(self, singular: str, plural: str, number: int, /) -> str: ...
    def pgettext(self, context: str, message: str, /) -> str: ...
    def number(self, value: float, /) -> str:
        """Return a number with its separators and all its decimals, at most 6, e.g. "1,234.5"."""
        ...

    def day(self, value: date, /) -> str:
        """Return a day, e.g. "22 November 2026"."""
        ...


class English:
    """The language that sources are written in."""

    def gettext(self, message: str, /) -> str:
        return message

    def ngettext(self, singular: str, plural: str, number: int, /) -> str:
        return singular if number == 1 else plural

    def pgettext(self, context: str, message: str, /) -> str:
        return message

    def number(self, value: float, /) -> str:
        if isinstance(value, int):
            return f"{value:,}"
        return f"{value:,.6f}".rstrip("0").rstrip(".")

    def day(self, value: date, /) -> str:
        return f"{value.day} {value:%B %Y}"


ENGLISH: Final = English()


def gettext_noop(message: str) -> str:
    """Mark a source for translation where it stands; `Phrases.gettext` translates it where it is shown."""
    return message


class Filled(str):
    """An English text that keeps its source and what fills its places, so that a page can say it anew."""

    source: str
    places: dict[str, object]

    def __new__(cls, source: str, **places: object) -> "Filled":
        """Return the text of a source, e.g. ``Filled("use at most {most} values", most=500)``."""
        filled = super().__new__(cls, source.format(**places))
        filled.source, filled.places = source, places
        return filled


def anew(text: str, phrases: Phrases) -> str:
    """Return an English text in another language, as it is where that has no words for it."""
    if not isinstance(text, Filled):
        return phrases.gettext(text) if text else ""
    places = {
        key: anew(one, phrases) if isinstance(one, Filled) else one
        for key, one in text.places.items()
    }
    return phrases.gettext(text.source).format(**places)
