"""The only place that says what pure code needs of a language; English is built in, others are passed in."""

from datetime import date
from typing import Final, Protocol

from rtts_site.foundation import texts
from rtts_site.foundation.texts import Filled

__all__ = ["ENGLISH", "English", "Filled", "Phrases", "anew", "gettext_noop"]


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


def anew(text: str, phrases: Phrases) -> str:
    """Return an English text in another language, as it is where that has no words for it."""
    return texts.anew(text, phrases.gettext)
