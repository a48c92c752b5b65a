"""What a starter pack is, and the parts that most packs share."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from django.utils.functional import Promise

from campaigns.models.items import Kind
from campaigns.packs.places import JURISDICTIONS
from consent.policy import PurposeSpec
from decisioning.specs import (
    AttributeSpec,
    CampaignSpec,
    ChannelSpec,
    Condition,
    EventTypeSpec,
    HoursSpec,
    OfferSpec,
    PlacementSpec,
    PropertySpec,
    SegmentSpec,
    ValueType,
    VariantSpec,
)

SERVICE: Final = "service"
PERSONALISATION: Final = "personalisation"
OFFERS: Final = "personalised_offers"
EMAIL: Final = "email_marketing"
ANALYTICS: Final = "analytics"
MARKETING: Final = (PERSONALISATION, OFFERS, EMAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """The catalogue, conditions, placements and purposes of a field, and a campaign to look at."""

    key: str
    name: str | Promise
    about: str | Promise
    attributes: tuple[AttributeSpec, ...]
    event_types: tuple[EventTypeSpec, ...]
    placements: tuple[PlacementSpec, ...]
    segments: tuple[SegmentSpec, ...]
    offers: tuple[OfferSpec, ...]
    campaign: CampaignSpec  # of all its offers

    def parts(self) -> Iterator[tuple[Kind, Any]]:
        """Yield everything in it, what others refer to first."""
        keys = tuple(one.key for one in self.offers)
        for kind, specs in (
            (Kind.PURPOSE, PURPOSES),
            (Kind.JURISDICTION, JURISDICTIONS),
            (Kind.ATTRIBUTE, (*self.attributes, *CONTEXT)),
            (Kind.EVENT_TYPE, self.event_types),
            (Kind.CHANNEL, CHANNELS),
            (Kind.PLACEMENT, self.placements),
            (Kind.SEGMENT, self.segments),
            (Kind.OFFER, self.offers),
            (Kind.CAMPAIGN, (replace(self.campaign, offers=keys),)),
        ):
            for spec in specs:
                yield kind, spec


PURPOSES: Final = (
    PurposeSpec(
        key=ANALYTICS,
        name="Measuring what works",
        description="We count what is shown and clicked to make our offers better.",
        dpv="dpv:ServiceOptimisation",
        basis="legitimate_interest",
    ),
    PurposeSpec(
        key=EMAIL,
        name="Newsletter",
        description="We send you a newsletter with offers picked for you.",
        dpv="dpv:DirectMarketing",
        validity_days=730,
    ),
    PurposeSpec(
        key=OFFERS,
        name="Offers picked for you",
        description="We use what you did here and told us to pick offers for you.",
        dpv="dpv:PersonalisedAdvertising",
        validity_days=390,
        gpc=True,
        tcf=(3, 4),
        gpp=("TargetedAdvertisingOptOut",),
    ),
    PurposeSpec(
        key=PERSONALISATION,
        name="Pages that fit you",
        description="We arrange our pages by what you looked at.",
        dpv="dpv:ServicePersonalisation",
        validity_days=390,
    ),
    PurposeSpec(
        key=SERVICE,
        name="Running your account",
        description="We tell you what your account needs.",
        dpv="dpv:ServiceProvision",
        basis="contract",
        objectable=False,
    ),
)
CHANNELS: Final = (
    ChannelSpec(key="app", name="App"),
    ChannelSpec(key="email", name="E-mail", quiet_hours=(HoursSpec(starts="21:00", ends="08:00"),)),
    ChannelSpec(key="web", name="Website"),
)


def context(
    key: str, name: str, type_: ValueType = "text", values: tuple[str, ...] = ()
) -> AttributeSpec:
    """Return an attribute that each request tells."""
    return AttributeSpec(key=key, name=name, type=type_, source="context", values=values)


CONTEXT: Final = (
    context("country", "Country"),
    context("device_class", "Device", values=("desktop", "mobile", "tablet")),
    context("language", "Language"),
    context("time_zone", "Time zone"),
)


def profile(  # noqa: PLR0913 - as many as an attribute says
    key: str,
    name: str,
    type_: ValueType = "text",
    *,
    values: tuple[str, ...] = (),
    purposes: tuple[str, ...] = MARKETING,
    inferred: bool = False,
    sensitive: bool = False,
) -> AttributeSpec:
    """Return an attribute that is kept of people."""
    return AttributeSpec(
        key=key,
        name=name,
        type=type_,
        values=values,
        purposes=purposes,
        trusted=True,
        inferred=inferred,
        sensitive=sensitive,
    )


def event(key: str, name: str, **properties: ValueType) -> EventTypeSpec:
    """Return a kind of event whose counts serve marketing."""
    return EventTypeSpec(
        key=key,
        name=name,
        properties=tuple(PropertySpec(key=one, type=type_) for one, type_ in properties.items()),
        purposes=MARKETING,
    )


def placement(key: str, name: str, *, count: int = 1, **fallback: str) -> PlacementSpec:
    """Return a placement; its channel is how its key begins."""
    return PlacementSpec(
        key=key, name=name, channel=key.partition(".")[0], max_count=count, fallback=fallback
    )


def segment(key: str, name: str, *conditions: Condition) -> SegmentSpec:
    """Return a segment of those who meet all conditions."""
    return SegmentSpec(key=key, name=name, condition={"all": list(conditions)})


def did(name: str, times: int = 1, *, within: str = "", **more: Any) -> Condition:
    """Return the condition that an event happened at least so often."""
    span = {"within": within} if within else {}
    return {"event": name, "count": {"is": "gte", "value": times}, **span, **more}


def spent(name: str, property_: str, amount: float, *, within: str) -> Condition:
    """Return the condition that a property of events sums up to more than an amount."""
    return {
        "event": name,
        "sum": {"property": property_, "is": "gt", "value": amount},
        "within": within,
    }


def idle(name: str, span: str) -> Condition:
    """Return the condition that the last event of a kind lies further back than a span."""
    return {"event": name, "since_last": {"is": "gt", "value": span}}


def none_of(*conditions: Condition) -> Condition:
    """Return the condition that none of these is met."""
    return {"none": list(conditions)}


def unfollowed(name: str, by: str, *, within: str) -> Condition:
    """Return the condition that an event was not followed by another."""
    return {"event": name, "without": {"event": by}, "within": within}


def is_(attribute: str, operator: str, value: Any) -> Condition:
    """Return a condition on an attribute."""
    return {"attribute": attribute, "is": operator, "value": value}


def offer(key: str, name: str, *placements: str, to: str = "", **content: str) -> OfferSpec:
    """Return an offer to a segment, or to everybody without any use of personal data."""
    return OfferSpec(
        key=key,
        name=name,
        purposes=(OFFERS,) if to else (),
        variants=(VariantSpec(key="a", placements=placements, content=dict(content)),),
        eligibility={"all": [{"segment": to}]} if to else {},
        priority=0.7 if to else 0.3,
    )


def campaign(key: str, name: str, *, goal: str) -> CampaignSpec:
    """Return a campaign that keeps some people out, to measure against; the pack gives it its offers."""
    return CampaignSpec(key=key, name=name, offers=(), goal_event=goal, holdout_share=0.05)
