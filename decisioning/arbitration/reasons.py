"""The codes of what can become of a candidate, in the order in which they are checked, with their words."""

from typing import Final

SHOWN: Final = "SHOWN"
NOT_RUNNING: Final = "NOT_RUNNING"
QUIET_HOURS: Final = "QUIET_HOURS"
CONSENT: Final = "CONSENT"
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
    SHOWN: "Shown.",
    NOT_RUNNING: "The offer or its campaign is not running now.",
    CONSENT: "Consent does not allow it: {detail}.",
    NOT_ELIGIBLE: "The person does not meet its conditions.",
    CAPS_UNAVAILABLE: "How often it was shown cannot be read now, so it is not shown.",
    CAP_REACHED: "It has been shown as often as its cap allows: {detail}.",
    SOLD_OUT: "Its total is used up: {detail}.",
    HELD_OUT: "The person is in the holdout that all campaigns are measured against.",
    CAMPAIGN_HELD_OUT: "The person is in this campaign's holdout.",
    ARM_EXCLUDES: "The experiment's arm leaves it out: {detail}.",
    NO_VARIANT: "No variant is made for this context: {detail}.",
    MISSING_TOKEN: "Its content would have a hole: nothing is known for {detail}.",
    DUPLICATE: "This answer already shows it: {detail}.",
    CATEGORY: "{detail}, of the same category, ranks higher here.",
    OUTRANKED: "It ranks below {detail}.",
}
BY_ANOTHER_OFFER: Final = frozenset({CATEGORY, OUTRANKED})  # their detail is that offer's key
ORDER: Final = {code: place for place, code in enumerate(WORDS)}

# Why a placement shows what it shows.
WON: Final = "ELIGIBLE"
NO_CANDIDATES: Final = "NO_CANDIDATES"
UNKNOWN_PLACEMENT: Final = "UNKNOWN_PLACEMENT"
NO_RELEASE: Final = "NO_RELEASE"


def words(code: str, detail: str) -> str:
    """Return a code in English."""
    return WORDS[code].format(detail=detail or "no detail")


def furthest(codes: list[str]) -> str:
    """Return the reason of the candidates that came furthest, NO_CANDIDATES for none."""
    return max(codes, key=lambda code: ORDER[code], default=NO_CANDIDATES)
