"""The frozen values in which authoring hands a release to deciding; the only language both sides speak."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

ValueType = Literal["number", "text", "boolean", "date", "list", "place", "version"]
Enforcement = Literal["off", "watch", "enforce"]
Condition = dict[str, Any]  # the JSON of design section 3, e.g. {"all": [{"attribute": …}]}
Json = dict[str, Any]

# Raised when a reader of an older release could misread a newer one: a default that changes, a field that goes.
FORMAT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeSpec:
    """A typed entry of the catalogue."""

    key: str  # "loyalty_tier"
    name: str  # "Loyalty tier"
    type: ValueType
    # computed: built in; account: of the account that the person belongs to
    source: Literal["profile", "context", "computed", "account"] = "profile"
    unit: str = ""  # "EUR", "days"
    values: tuple[str, ...] = ()  # the known values of a text attribute, in display order
    purposes: tuple[str, ...] = ()  # it may serve these; a context attribute may serve any
    trusted: bool = False  # may not be set by a browser key
    inferred: bool = False  # concluded from behaviour, not told by the person
    sensitive: bool = False  # e.g. health, money, family: hearing it said would hurt or alarm
    sayable: bool | None = None  # may stand in content; None: unless inferred or sensitive
    special_category: bool = False  # health, belief, origin …: may serve only purposes that say so
    editable: bool = False  # people see and change it on their own page
    owner: str = ""  # who answers for it: "CRM team"
    data_class: str = ""  # "contact", "interest", "behaviour": for registers and the own page
    retention_days: int | None = None  # None is not said


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertySpec:
    """One property of an event type."""

    key: str  # "department"
    type: ValueType
    values: tuple[str, ...] = ()
    required: bool = False
    only_values: bool = False  # a text may be none but `values`
    minimum: float | None = None  # of a number, inclusive
    maximum: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTypeSpec:
    """A kind of event; its aggregates may serve `purposes` only."""

    key: str  # as sent, e.g. "Order Completed"
    name: str
    properties: tuple[PropertySpec, ...] = ()
    purposes: tuple[str, ...] = ()
    # What is done with an event that is not as `properties` say: nothing, count it, refuse it.
    enforcement: Enforcement = "off"
    only_properties: bool = False  # it may have none but `properties`


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursSpec:
    """Hours of some days of the week; one that does not end after it starts runs over midnight."""

    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)  # Monday is 0; of the day that it starts on
    starts: str = "00:00"  # inclusive
    ends: str = "00:00"  # exclusive


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpec:
    """Where placements live: web, app, e-mail, till."""

    key: str
    name: str
    # Nothing is shown then, on the person's clock where it is known, else in `time_zone`.
    quiet_hours: tuple[HoursSpec, ...] = ()
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementSpec:
    """A slot on a channel that asks for offers; `fallback` is what it shows when nothing else may be."""

    key: str  # "web.home.hero"
    name: str
    channel: str
    content_type: str = "application/json"
    max_count: int = 1  # most offers in one answer, 1..30
    fallback: Json = field(default_factory=dict)  # content, never personal, never capped
    cache_seconds: int = 0  # `ttl_s` allowed for offers that rest on consent
    picture_width: int = 0  # CSS pixels that a picture fills here; 0: not said


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentSpec:
    """A named condition tree; who is in it may leave otherwise than they entered."""

    key: str
    name: str
    condition: Condition
    # Who is in it leaves once this is true; {}: once `condition` is not.
    leaving: Condition = field(default_factory=dict)
    stay_s: int = 0  # and stays at least this long, in seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSpec:
    """The contexts that a variant is made for; what names nothing fits any."""

    languages: tuple[str, ...] = ()  # BCP 47, "de" or "de-AT"
    devices: tuple[str, ...] = ()  # as in the context's `device_class`, e.g. "mobile"
    networks: tuple[str, ...] = ()  # as in `effective_type`: "slow-2g", "2g", "3g", "4g"
    save_data: bool | None = None  # whether the person asked to save data


ANY_FIT = FitSpec()


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantSpec:
    """One rendering of an offer for a placement."""

    key: str  # unique within the offer, e.g. "a"
    placements: tuple[str, ...]
    content_type: str = "application/json"
    content: Json = field(default_factory=dict)  # texts may hold tokens, e.g. "Hi {{ first_name }}"
    fit: FitSpec = ANY_FIT


@dataclass(frozen=True, slots=True, kw_only=True)
class CapSpec:
    """A limit on showing; `window_s` is a rolling window, None is for ever."""

    # channel: per person and channel; account: of all members of the account that the person belongs to
    scope: Literal["person", "total", "channel", "account"]
    counts: Literal["decision", "impression", "click", "conversion"] = "impression"
    limit: int = 1
    window_s: int | None = 86_400
    of: str = "account"  # scope account: its type, e.g. "household"; who has none counts alone


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferSpec:
    """What can be shown, to whom, when, how often, and for which purposes (all are needed)."""

    key: str
    name: str
    purposes: tuple[str, ...]
    variants: tuple[VariantSpec, ...]
    eligibility: Condition = field(default_factory=dict)  # {} is everyone
    starts_at: datetime | None = None  # aware; inclusive
    ends_at: datetime | None = None  # aware; exclusive
    caps: tuple[CapSpec, ...] = ()
    category: str = ""  # diversity: at most one offer of a category in a placement
    priority: float = 0.5  # term "priority", [0, 1]
    value: float = 0.0  # term "value", [0, 1]
    significant_effect: bool = False  # decides on credit, insurance, price
    review_route: str = ""  # where a person asks for a human's review of such a decision


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignSpec:
    """Offers with a goal, a schedule and weights; an offer is live only inside a live campaign."""

    key: str
    name: str
    offers: tuple[str, ...]
    goal_event: str  # the conversion, e.g. "Order Completed"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    eligibility: Condition = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=lambda: {"priority": 1.0})  # by term, >= 0
    fallback_offer: str = ""  # shown in its placements when no other offer is; needs no consent
    owner: str = ""
    holdout_share: float = 0.0  # [0, 1) of people kept out to measure against
    time_zone: str = "UTC"  # its clock: of its hours and, where it follows people, of its dates
    # "person": 9 o'clock is 9 o'clock wherever a person is, where their zone is known.
    clock: Literal["zone", "person"] = "zone"
    hours: tuple[HoursSpec, ...] = ()  # none: at any hour
    in_quiet_hours: bool = False  # is shown in a channel's quiet hours too


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSpec:
    """One side of an experiment."""

    key: str
    share: float  # of the experiment's traffic; the shares of all arms add up to 1
    variants: dict[str, str] = field(default_factory=dict)  # offer key -> variant key
    weights: dict[str, float] = field(default_factory=dict)  # replaces the campaign's
    excluded_offers: tuple[str, ...] = ()
    eligibility: dict[str, Condition] = field(
        default_factory=dict
    )  # offer key -> in place of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentSpec:
    """A randomised comparison inside a campaign; `salt` is never reused."""

    key: str
    name: str
    campaign: str
    salt: str
    arms: tuple[ArmSpec, ...]
    traffic: float = 1.0  # share of people who take part, [0, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySpec:
    """What identifiers of one namespace may say about who is who."""

    namespace: str  # "email"
    identifies: bool = True  # alone it says whom a message is about
    joins: bool = True  # whoever identifies with it becomes one person with it
    people: int = 0  # that one value joins at most, later ones stay apart; 0: any number
    users: int = 0  # with more of them a value is shared and joins nobody any more; 0: never
    unique: bool = False  # a person has one of them, a second one stays apart
    ignored: tuple[str, ...] = ()  # values that name nobody, lower case, e.g. "null"


NO_ID = ("[object object]", "nan", "nil", "null", "undefined")  # what broken clients send
NO_DEVICE = ("00000000-0000-0000-0000-000000000000", "unknown")
IDENTITY = (
    IdentitySpec(namespace="anonymous", users=3, ignored=NO_ID),
    IdentitySpec(namespace="crm", unique=True, people=20, ignored=NO_ID),
    IdentitySpec(namespace="device", people=20, users=3, ignored=(*NO_DEVICE, *NO_ID)),
    IdentitySpec(namespace="email", people=20, users=3, ignored=NO_ID),
    IdentitySpec(namespace="phone", people=20, users=3, ignored=NO_ID),
    IdentitySpec(namespace="user", ignored=NO_ID),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerSpec:
    """What starts an action for one person, at most once in a while, and which."""

    key: str
    name: str
    # "absence": `event` came, and then `then` did not within `within`.
    on: Literal["entered", "left", "event", "absence"]
    segment: str = ""  # entered, left
    event: str = ""  # event, absence
    where: Condition = field(default_factory=dict)  # filter on its properties
    then: str = ""
    then_where: Condition = field(default_factory=dict)
    within: str = ""  # "30m"
    condition: Condition = field(default_factory=dict)  # must be true then; {} is everyone
    act: Literal["webhook", "push", "email"] = "webhook"
    destination: str = ""  # webhook, email: key of who is sent to
    placement: str = ""  # push, email: whose offer is decided
    purposes: tuple[str, ...] = ()  # the person has to permit all when it is sent
    every_s: int = 86_400  # at most once per person in this many seconds
    in_quiet_hours: bool = False  # push, email: also in those of the placement's channel


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseSpec:
    """Everything live together; tuples are sorted by key, so that equal content has an equal digest."""

    format: int = FORMAT
    attributes: tuple[AttributeSpec, ...] = ()
    event_types: tuple[EventTypeSpec, ...] = ()
    channels: tuple[ChannelSpec, ...] = ()
    placements: tuple[PlacementSpec, ...] = ()
    segments: tuple[SegmentSpec, ...] = ()
    offers: tuple[OfferSpec, ...] = ()
    campaigns: tuple[CampaignSpec, ...] = ()
    experiments: tuple[ExperimentSpec, ...] = ()
    holdout_salt: str = "holdout"
    holdout_share: float = 0.0  # global; taken before all campaigns
    triggers: tuple[TriggerSpec, ...] = ()
    identity: tuple[IdentitySpec, ...] = IDENTITY  # a namespace that is not named does nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateSpec:
    """What an event leaf of a condition needs to be kept per person while events arrive.

    `key` is a stable hash of the other fields, so equal leaves share one aggregate.
    """

    key: str
    event: str
    function: Literal[
        "count", "sum", "min", "max", "average", "distinct", "since_first", "since_last", "sequence",
        "recent_average", "first", "last", "sessions", "share", "days_since", "session_number",
        "session_duration", "session_intent", "cart_value", "cart_age",
    ]  # fmt: skip
    property: str = ""  # what sum, min, max, averages, distinct, first and last read
    # "1m".."90d", "page", "session", "5 sessions" (sessions only); "" is for ever (count, since_* only)
    within: str = ""
    where: Condition | None = field(default=None, hash=False)  # filter on event properties
    then: str = ""  # sequence: the later event
    then_where: Condition | None = field(default=None, hash=False)
    without: bool = False  # sequence: true where `then` did NOT follow
    type: Literal["", "number", "text", "version", "date", "boolean"] = ""  # of first and last
    of: str = ""  # type of the account whose members' events count, e.g. "household"; "": the person's own
