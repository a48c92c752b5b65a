"""The only place that puts into words that the events of a whole account count, and not those of a person alone."""

from typing import Final

from decisioning.rules.phrases import Phrases
from decisioning.rules.phrases import gettext_noop as _
from decisioning.rules.value_words import quoted

# What is said of a person, and of an account.
_SENTENCES: Final = {
    "the person has never {done}": _("{who} has never {done}"),
    "the person has not {done} {period}": _("{who} has not {done} {period}"),
    "the person has {done}": _("{who} has {done}"),
    "the person has {done} {period}": _("{who} has {done} {period}"),
    "the person has {done} {times}": _("{who} has {done} {times}"),
    "the person has {done} {times} {period}": _("{who} has {done} {times} {period}"),
    "the person first did {event} {ago}": _("{who} first did {event} {ago}"),
    "the person first {did} {ago}": _("{who} first {did} {ago}"),
    "the person last did {event} {ago}": _("{who} last did {event} {ago}"),
    "the person last {did} {ago}": _("{who} last {did} {ago}"),
    "the person has {first} and then {second} {period}": _(
        "{who} has {first} and then {second} {period}"
    ),
    "the person has {first} and then not {second} {period}": _(
        "{who} has {first} and then not {second} {period}"
    ),
}
_NAMES: Final = {
    "account": (_("the person's account"), _("of all members of the account")),
    "household": (_("the person's household"), _("of all members of the household")),
    "company": (_("the person's company"), _("of all members of the company")),
    "team": (_("the person's team"), _("of all members of the team")),
}
_OTHER: Final = (_("the person's account {type}"), _("of all members of the account {type}"))


def sentence_of(words: str, of: str) -> str:
    """Return what is said of an account, in English, in the place of what is said of a person."""
    return _SENTENCES[words] if of else words


def who(of: str, phrases: Phrases) -> str:
    """Return an account as the subject of a sentence, "the person's household"."""
    return _named(of, 0, phrases)


def whose(of: str, phrases: Phrases) -> str:
    """Return whose events count, "of all members of the household"."""
    return _named(of, 1, phrases)


def _named(of: str, place: int, phrases: Phrases) -> str:
    words = _NAMES.get(of, _OTHER)[place]
    return phrases.gettext(words).format(type=quoted(of, phrases))
