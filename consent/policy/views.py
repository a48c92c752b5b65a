"""What is known of a person when consent is asked for: what they last said, how old they are, where they live. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

EVERY_CHANNEL = "*"

AgeBracket = Literal["unknown", "under_13", "13_15", "16_17", "adult"]
AGES: tuple[AgeBracket, ...] = ("unknown", "under_13", "13_15", "16_17", "adult")
FROM_AGE: dict[str, int] = {"under_13": 0, "13_15": 13, "16_17": 16, "adult": 18}

# How clearly consent was said, the words of the Data Privacy Vocabulary; later ones say more.
EventType = Literal["implied", "expressed", "explicit"]
EVENT_TYPES: tuple[EventType, ...] = ("implied", "expressed", "explicit")


class Status(StrEnum):
    """Where a person stands on a purpose; the words of the Data Privacy Vocabulary, and objection."""

    UNKNOWN = "unknown"
    REQUESTED = "requested"
    DEFERRED = "deferred"
    GIVEN = "given"
    RENEWED = "renewed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    TERMINATED = "terminated"
    INVALIDATED = "invalidated"
    OBJECTED = "objected"


GRANTING = frozenset({Status.GIVEN, Status.RENEWED})


def _(source: str) -> str:
    """Mark words for translation; whoever shows them translates them."""
    return source


# What pages say of where a person stands, and of how old they are.
STATUSES = (
    *(_("unknown"), _("requested"), _("deferred"), _("given"), _("renewed"), _("refused")),
    *(_("withdrawn"), _("expired"), _("terminated"), _("invalidated"), _("objected")),
)
AGE_WORDS = {
    "unknown": _("age not known"),
    "under_13": _("under 13"),
    "13_15": _("13 to 15"),
    "16_17": _("16 or 17"),
    "adult": _("adult"),
}


@dataclass(frozen=True, slots=True)
class State:
    """What a person last said about one purpose on one channel, and how."""

    status: Status
    since: float  # epoch seconds from which it holds
    expires_at: float | None = None  # epoch seconds; the first instant at which it no longer holds
    record: str = ""  # id of the consent event
    event_type: EventType = "expressed"
    by_guardian: bool = False  # said for a child by whoever is responsible for them
    over_gpc: bool = False  # said explicitly while the browser sent Global Privacy Control
    notice: str = ""  # the notice that was shown, "privacy@3"; "" is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentView:
    """A person's consent as a reader found it; `states` has (purpose, channel), channel ``"*"`` being all others."""

    version: int  # rises with every change; 0: nothing was ever recorded
    fenced: bool  # a change is under way
    trusted: bool  # the store that was read has every change that was acknowledged
    states: Mapping[tuple[str, str], State] = field(default_factory=lambda: MappingProxyType({}))
    restricted: bool = False  # only storage is allowed (restriction, erasure, merged away)
    run_id: str = ""  # of the Redis process that was read
    age: AgeBracket = "unknown"
    age_turns_at: float | None = None  # epoch seconds; from then on they are in the next bracket
    jurisdiction: str = ""  # ISO 3166-2, several as "DE US-TX": the strictest holds; "" not known
    resident: bool = False  # they live there for certain: where a request comes from says nothing
    suppressed: tuple[str, ...] = ()  # channels on which they are left alone, "*" is all

    @property
    def usable(self) -> bool:
        return self.trusted and not self.fenced

    def said(self, purpose: str, channel: str) -> State | None:
        """Return what holds for a purpose on a channel, None where nothing was ever said."""
        return self.states.get((purpose, channel)) or self.states.get((purpose, EVERY_CHANNEL))

    def age_at(self, now: float) -> AgeBracket:
        """Return the bracket at a time, epoch seconds; nobody leaves it by more than one without being asked."""
        if self.age_turns_at is None or now < self.age_turns_at or self.age in ("unknown", "adult"):
            return self.age
        return AGES[AGES.index(self.age) + 1]


UNAVAILABLE = ConsentView(version=-1, fenced=False, trusted=False)
