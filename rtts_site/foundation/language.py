"""The only place that gives pure code the language of the page: what `Phrases` of decisioning.rules asks for."""

from datetime import date
from decimal import Decimal
from typing import Final

from django.utils import formats, translation

from rtts_site.foundation import texts


class ActiveLanguage:
    """The language that is active while it is asked, English outside pages."""

    def gettext(self, message: str, /) -> str:
        return translation.gettext(message)

    def ngettext(self, singular: str, plural: str, number: int, /) -> str:
        return translation.ngettext(singular, plural, number)

    def pgettext(self, context: str, message: str, /) -> str:
        return translation.pgettext(context, message)

    def number(self, value: float, /) -> str:
        exact = Decimal(value) if isinstance(value, int) else Decimal(f"{value:.6f}").normalize()
        return formats.number_format(format(exact, "f"), force_grouping=True)

    def day(self, value: date, /) -> str:
        return formats.date_format(value, "DATE_FORMAT")


ACTIVE: Final = ActiveLanguage()


def told(error: Exception) -> str:
    """Return what an error says in the language of the page."""
    return texts.anew(texts.words_of(error), ACTIVE.gettext)
