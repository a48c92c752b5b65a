"""What a decision takes and gives: the request, a person's state, the answer with its explanation, the log row."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from consent.policy import ConsentView
from consent.signals.reading import NOBODY, read_signals
from consent.signals.said import Signals
from consent.signals.tcf import House
from decisioning.arbitration.caps import Shown
from decisioning.arbitration.scoring import Term

COUNTRY, REGION = re.compile("[A-Z]{2}"), re.compile("[A-Z0-9]{1,3}")
Key = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=10_000)]
Status = Literal["offers", "fallback", "suppressed", "error"]
Explain = Literal["none", "reasons", "trace"]

MAX_PLACEMENTS = 30
MAX_COUNT = 30
MAX_REQUEST_EVENTS = 50
MAX_VALUES = 100  # entries of `context`, of `attributes`


class PersonRef(Struct, frozen=True, forbid_unknown_fields=True):
    """Who is asked about; `user_id` wins."""

    user_id: Key | None = None
    anonymous_id: Key | None = None
    account_id: Key | None = None  # "c-7", or with its type "household:h-1"; where nobody is named
    proof: Annotated[str, Meta(max_length=2_000)] | None = (
        None  # a browser key needs it for `user_id`
    )


class PlacementAsk(Struct, frozen=True, forbid_unknown_fields=True):
    """One placement and how many offers it wants."""

    key: Key
    count: Annotated[int, Meta(ge=1, le=MAX_COUNT)] = 1


class ConsentAsk(Struct, frozen=True, forbid_unknown_fields=True):
    """What the request says about consent; it can only narrow."""

    gpc: bool = False
    tcf: Text = ""
    gpp: Text = ""
    denied: Annotated[tuple[Key, ...], Meta(max_length=100)] = ()  # purposes


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """How to answer."""

    explain: Explain = "none"
    dry_run: bool = False
    deadline_ms: Annotated[int, Meta(ge=1, le=10_000)] | None = None  # None: RTTS_DEADLINE_MS
    now: Annotated[datetime, Meta(tz=True)] | None = None
    preview: Annotated[str, Meta(max_length=200)] = ""  # token of a preview: shows its change


Values = Annotated[dict[Key, Any], Meta(max_length=MAX_VALUES)]


class DecisionRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of ``POST /v1/decisions``."""

    person: PersonRef
    placements: Annotated[tuple[PlacementAsk, ...], Meta(min_length=1, max_length=MAX_PLACEMENTS)]
    context: Values = {}
    attributes: Values = {}
    events: Annotated[tuple[dict[str, Any], ...], Meta(max_length=MAX_REQUEST_EVENTS)] = ()
    consent: ConsentAsk = ConsentAsk()
    options: Options = Options()


class Ask(Struct, frozen=True, array_like=True):
    """What the pure decision is asked, logged as it is."""

    person: str  # person id
    placements: tuple[PlacementAsk, ...]
    consent: ConsentAsk = ConsentAsk()
    explain: Explain = "none"
    signals: Signals | None = None  # what was read in `consent`; None: nobody has read it yet


def signals_of(ask: Ask, *, now: datetime) -> Signals:
    """Return what a question says about consent; strings that nobody has read yet deny."""
    return ask.signals or read_consent(ask.consent, house=NOBODY, now=now)


def sent_gpc(ask: Ask) -> bool:
    """Return whether the browser said no by Global Privacy Control, itself or inside its GPP string."""
    return ask.consent.gpc or (ask.signals is not None and ask.signals.gpc)


def read_consent(said: ConsentAsk, *, house: House, now: datetime) -> Signals:
    """Return what a request says about consent."""
    return read_signals(
        gpc=said.gpc, tcf=said.tcf, gpp=said.gpp, denied=said.denied, house=house, now=now
    )


def place_named(country: Any, region: Any) -> str:
    """Return a country and its region as ISO 3166-2; "" where they are nobody's codes."""
    if not isinstance(country, str) or not COUNTRY.fullmatch(country):
        return ""
    known = isinstance(region, str) and REGION.fullmatch(region)
    return f"{country}-{region}" if known else country


class PersonState(Struct, frozen=True, array_like=True):
    """All that is known of a person at a decision, and about how well it is known."""

    facts: dict[str, Any]  # attribute or aggregate key -> value; context values included
    consent: ConsentView
    shown: Shown = Shown()
    arms: dict[str, str] = {}  # experiment -> arm taken earlier
    last_event_ms: int | None = None
    position: str = ""  # stream position that the profile was read at
    redis: bool = True  # False: nothing could be read
    rates: dict[str, float] = {}  # "offer|placement" -> learned rate
    learned_version: int = 0
    closed: tuple[str, ...] = ()  # offers whose total cap is used up
    stopped: dict[str, str] = {}  # "offer:…" or "campaign:…" -> the id of its emergency stop
    belongs: dict[str, str] = {}  # type -> account that the person belongs to, of those that matter
    shown_to: dict[str, Shown] = {}  # type -> what all its members were shown


class Evidence(Struct, frozen=True, array_like=True):
    """One leaf of a condition that was not met: which fact, what it was, what was asked."""

    words: str  # "Loyalty tier is Gold"
    truth: Literal["false", "unknown"]
    actual: Any = None  # None: unknown, or not for this key to see


class Considered(Struct, frozen=True, array_like=True, gc=False):
    """What became of one candidate; `code` is ``SHOWN`` or the reason why it was dropped."""

    placement: str
    campaign: str
    offer: str
    variant: str
    code: str
    detail: str = ""  # what the code is about: a purpose, a winner, a cap
    rank: int = 0  # 1..; 0 where dropped
    score: float | None = None
    terms: tuple[Term, ...] = ()
    experiment: str = ""
    arm: str = ""
    propensity: float | None = None


class Chosen(Struct, frozen=True, array_like=True):
    """An offer that a placement shows."""

    offer: str  # "" for the placement's own fallback
    variant: str
    campaign: str
    rank: int
    score: float | None
    experiment: str = ""
    arm: str = ""
    propensity: float | None = None
    purpose: str = ""
    basis: str = "none"
    record: str = ""
    expires_at: float | None = None  # when the consent lapses, epoch seconds


class Placed(Struct, frozen=True, array_like=True):
    """What a placement shows and why."""

    key: str
    channel: str
    status: Status
    reason: str
    chosen: tuple[Chosen, ...] = ()
    held_out: tuple[str, ...] = ()  # campaigns that the person is kept out of


class Decision(Struct, frozen=True, array_like=True):
    """The pure answer: what each placement shows, what became of every candidate, what it rested on."""

    placed: tuple[Placed, ...]
    considered: tuple[Considered, ...]
    used: dict[str, Any]  # the facts that were visible to some offer
    arms: dict[str, str]  # experiment -> arm newly taken
    contents: dict[
        str, dict[str, Any]
    ] = {}  # offer -> content filled in; not logged: a replay has it


def without_contents(decision: Decision) -> Decision:
    """Return a decision as it is logged: its contents are made again from facts and release."""
    return msgspec.structs.replace(decision, contents={}) if decision.contents else decision


class LogRow(Struct, frozen=True, kw_only=True, array_like=True):
    """A decision as it is logged: with these, its release and its policy it can be made again."""

    format: int = 1
    nonce: str
    at_ms: int
    ask: Ask
    state: PersonState
    decision: Decision
    release_version: int | None
    release_digest: str
    canary: bool
    policy_version: int | None
    policy_digest: str
    degraded: tuple[str, ...] = ()
    took_ms: float = 0.0
    unconfirmed: bool = False  # the last step had no answer; the fallback was shown
    preview: str = ""  # id of the preview that was decided under: a dry run


def place_of(row: LogRow) -> str:
    """Return where a logged request said that it comes from; "" where the decision did not need to know."""
    used = row.decision.used
    return place_named(used.get("country"), used.get("region"))


# The wire's answer.


class ExperimentOut(Struct, frozen=True):
    """The arm that shaped an offer."""

    key: str
    arm: str
    propensity: float | None


class ConsentOut(Struct, frozen=True):
    """What showing an offer rests on."""

    purpose: str
    basis: str
    record: str


class ReviewedOut(ConsentOut, frozen=True):
    """What a decision with a significant effect rests on, and where a person asks for a human's review of it."""

    review: str


class OfferOut(Struct, frozen=True):
    """One offer as a channel gets it; `offer` is null for the placement's own fallback."""

    offer: str | None
    variant: str | None
    rank: int
    score: float | None
    content: dict[str, Any]
    content_type: str
    tracking_token: str | None
    campaign: str | None = None
    experiment: ExperimentOut | None = None
    consent: ConsentOut | None = None


class PlacementOut(Struct, frozen=True):
    """One placement of the answer."""

    key: str
    status: Status
    reason: str
    offers: tuple[OfferOut, ...]


class TermOut(Struct, frozen=True):
    """One term of a score."""

    term: str
    value: float | None
    weight: float


class Explained(Struct, frozen=True):
    """Why one candidate was shown or dropped, as the API says it."""

    placement: str
    campaign: str
    offer: str
    variant: str | None
    outcome: Literal["shown", "dropped"]
    code: str
    words: str
    rank: int | None = None
    score: float | None = None
    terms: tuple[TermOut, ...] | UnsetType = UNSET
    conditions: tuple[dict[str, Any], ...] | UnsetType = UNSET  # those that were not met
    experiment: ExperimentOut | None = None


class ReleaseOut(Struct, frozen=True):
    """The release that decided."""

    version: int | None
    digest: str
    canary: bool = False


class PolicyOut(Struct, frozen=True):
    """The consent policy that decided."""

    version: int | None
    digest: str


class AsOf(Struct, frozen=True):
    """How far along what was read was."""

    profile: str | None
    consent_version: int | None


class Answer(Struct, frozen=True, kw_only=True):
    """The body of the answer."""

    decision_id: str
    release: ReleaseOut
    policy: PolicyOut
    person_id: str
    as_of: AsOf
    degraded: tuple[str, ...]
    took_ms: float
    ttl_s: int
    placements: tuple[PlacementOut, ...]
    explanation: tuple[Explained, ...] | UnsetType = UNSET
    preview: str | UnsetType = UNSET  # id of the preview that was decided under


request_decoder = msgspec.json.Decoder(DecisionRequest)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"a log row cannot hold {type(value).__name__}")


row_encoder = msgspec.msgpack.Encoder(enc_hook=_plain)
row_decoder = msgspec.msgpack.Decoder(LogRow)
