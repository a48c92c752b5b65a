"""The codes of what can become of a candidate, in the order in which they are checked, with their words."""

import re
from collections.abc import Callable
from typing import Final

from consent.policy import REASONS
from decisioning.content.fitting import context_words
from decisioning.rules.phrases import ENGLISH, Phrases
from decisioning.rules.phrases import gettext_noop as _
from decisioning.rules.value_words import seconds_words

SHOWN: Final = "SHOWN"
STOPPED: Final = "STOPPED"
NOT_RUNNING: Final = "NOT_RUNNING"
QUIET_HOURS: Final = "QUIET_HOURS"
CONSENT: Final = "CONSENT"
UNWANTED: Final = "UNWANTED"
NOT_ELIGIBLE: Final = "NOT_ELIGIBLE"
CAPS_UNAVAILABLE: Final = "CAPS_UNAVAILABLE"
CAP_REACHED: Final = "CAP_REACHED"
SOLD_OUT: Final = "SOLD_OUT"
HELD_OUT: Final = "HELD_OUT"
CAMPAIGN_HELD_OUT: Final = "CAMPAIGN_HELD_OUT"
ARM_EXCLUDES: Final = "ARM_EXCLUDES"
NO_VARIANT: Final = "NO_VARIANT"
MISSING_TOKEN: Final = "MISSING_TOKEN"  # noqa: S105 - a token of content, no secret
DUPLICATE: Final = "DUPLICATE"
CATEGORY: Final = "CATEGORY"
OUTRANKED: Final = "OUTRANKED"

WORDS: Final[dict[str, str]] = {
    SHOWN: _("Shown."),
    STOPPED: _("It was stopped in an emergency."),
    NOT_RUNNING: _("The offer or its campaign is not running now."),
    QUIET_HOURS: _("The channel is quiet at this hour."),
    CONSENT: _("Consent does not allow it: {detail}."),
    UNWANTED: _("The person asked for less like this."),
    NOT_ELIGIBLE: _("The person does not meet its conditions."),
    CAPS_UNAVAILABLE: _("How often it was shown cannot be read now, so it is not shown."),
    CAP_REACHED: _("It has been shown as often as its cap allows: {detail}."),
    SOLD_OUT: _("Its total for everyone is used up."),
    HELD_OUT: _("The person is in the holdout that all campaigns are measured against."),
    CAMPAIGN_HELD_OUT: _("The person is in this campaign's holdout."),
    ARM_EXCLUDES: _("The experiment's arm leaves it out: {detail}."),
    NO_VARIANT: _("No variant is made for this context: {detail}."),
    MISSING_TOKEN: _("Its content would have a hole: nothing is known for {detail}."),
    DUPLICATE: _("This answer already shows it: {detail}."),
    CATEGORY: _("{detail}, of the same category, ranks higher here."),
    OUTRANKED: _("It ranks below {detail}."),
}
BY_ANOTHER_OFFER: Final = frozenset({CATEGORY, OUTRANKED})  # their detail is that offer's key
ORDER: Final = {code: place for place, code in enumerate(WORDS)}

# Why a placement shows what it shows.
WON: Final = "ELIGIBLE"
NO_CANDIDATES: Final = "NO_CANDIDATES"
UNKNOWN_PLACEMENT: Final = "UNKNOWN_PLACEMENT"
NO_RELEASE: Final = "NO_RELEASE"


def words(code: str, detail: str, phrases: Phrases = ENGLISH) -> str:
    """Return a code and what it is about in words."""
    tell = _DETAILS.get(code)
    told = tell(detail, phrases) if tell and detail else detail
    return phrases.gettext(WORDS[code]).format(detail=told or phrases.gettext("no detail"))


def consent_words(detail: str, phrases: Phrases) -> str:
    """Return the consent gate's reasons, e.g. "email: consent was withdrawn" of ``CONSENT_WITHDRAWN:email``."""
    told = []
    for one in detail.split(";"):
        code, _colon, purpose = one.partition(":")
        reason = phrases.gettext(REASONS[code]) if code in REASONS else one
        told.append(f"{purpose}: {reason}" if purpose and code in REASONS else reason)
    return "; ".join(told)


def limit_words(limit: int, counts: str, window_s: int | None, phrases: Phrases = ENGLISH) -> str:
    """Return a limit, e.g. "3 impressions in 7 days", or "1 click ever"."""
    counted = {
        "decision": phrases.ngettext("{count} decision", "{count} decisions", limit),
        "impression": phrases.ngettext("{count} impression", "{count} impressions", limit),
        "click": phrases.ngettext("{count} click", "{count} clicks", limit),
        "conversion": phrases.ngettext("{count} conversion", "{count} conversions", limit),
    }
    shows = counted[counts].format(count=phrases.number(limit))
    if window_s is None:
        return phrases.gettext("{shows} ever").format(shows=shows)
    span = seconds_words(window_s, phrases)
    return phrases.gettext("{shows} in {span}").format(shows=shows, span=span)


_LIMIT: Final = re.compile(r"(\d+) (decision|impression|click|conversion) (\d+|ever)", re.ASCII)


def _limit(detail: str, phrases: Phrases) -> str:
    said = _LIMIT.fullmatch(detail)
    if said is None:  # as rows of the log say it that are older than this form
        return detail
    limit, counts, window = said.groups()
    return limit_words(int(limit), counts, None if window == "ever" else int(window), phrases)


def _arm(detail: str, phrases: Phrases) -> str:
    experiment, _slash, arm = detail.partition("/")
    return phrases.gettext("{experiment}, arm {arm}").format(experiment=experiment, arm=arm)


_DETAILS: Final[dict[str, Callable[[str, Phrases], str]]] = {
    CONSENT: consent_words,
    CAP_REACHED: _limit,
    ARM_EXCLUDES: _arm,
    NO_VARIANT: context_words,
}


def furthest(codes: list[str]) -> str:
    """Return the reason of the candidates that came furthest, NO_CANDIDATES for none."""
    return max(codes, key=lambda code: ORDER[code], default=NO_CANDIDATES)
