"""The data set's coupons and its 27 campaigns as offers and campaigns."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from campaigns.demo.catalogue import EMAIL, OFFERS, PERSONALISATION, SERVICE
from campaigns.demo.journey import LAST_MS, Coupon, Journey, JourneyCampaign
from campaigns.demo.segments import segment_of_coupon
from decisioning.specs import (
    ArmSpec,
    CampaignSpec,
    CapSpec,
    Condition,
    ExperimentSpec,
    Json,
    OfferSpec,
    VariantSpec,
)

DAY_MS = 86_400_000
RECENT = 120 * DAY_MS  # campaigns that started since go on, so that the demo has something to show
EXTENSION = timedelta(weeks=8)
TAKEN = {"A": 12, "B": 4, "C": 4}  # coupons of a campaign that goes on; of one that ended, 1
BROAD = 1_000  # a coupon for more products than this is named by its department

SENSITIVE = frozenset(
    {"Feminine hygiene"}
)  # what such a coupon says of a person is not for a screen

TITLES = {"A": "Coupon book", "B": "Newsletter coupons", "C": "Till coupons"}
PURPOSES = {"A": (OFFERS,), "B": (EMAIL,), "C": (OFFERS,)}
PRIORITIES = {"A": 0.6, "B": 0.5, "C": 0.7}
SCREENS = ("app.home.card", "web.basket.nudge", "web.home.hero", "web.home.rail")
MAILS = ("email.newsletter.grid", "email.newsletter.top")
TILLS = ("till.receipt", "till.screen")

BIG = "journey-18"  # the last campaign of type A; the experiment is inside it


@dataclass(frozen=True, slots=True)
class Authored:
    """What the data set gives marketers to publish."""

    offers: tuple[OfferSpec, ...]
    campaigns: tuple[CampaignSpec, ...]
    experiments: tuple[ExperimentSpec, ...]


def slug(text: str) -> str:
    """Return a text as part of a key, e.g. ``Frozen meat / meat dinners`` -> ``frozen-meat-meat-dinners``."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def author(journey: Journey, *, now: datetime) -> Authored:
    """Return the offers and campaigns of the data set, its last day moved to `now`, and some of the store's own."""
    offers: list[OfferSpec] = []
    campaigns: list[CampaignSpec] = []
    for campaign in journey.campaigns:
        chosen = list(_chosen(campaign, journey.coupons))
        most = max(coupon.redeemed for coupon in chosen) or 1
        made = [_offer(campaign, coupon, most=most, now=now) for coupon in chosen]
        offers += made
        campaigns.append(_campaign(campaign, made, now=now))
    return Authored(
        offers=(*offers, *SERVICE_OFFERS, *CONTENT_OFFERS),
        campaigns=(*campaigns, *OWN_CAMPAIGNS),
        experiments=(_experiment([one for one in offers if one.key.startswith(f"{BIG}-")]),),
    )


def _goes_on(campaign: JourneyCampaign) -> bool:
    return campaign.starts_ms > LAST_MS - RECENT


def _label(coupon: Coupon) -> str:
    return coupon.department if coupon.products > BROAD else coupon.category or coupon.department


def _chosen(campaign: JourneyCampaign, coupons: list[Coupon]) -> Iterator[Coupon]:
    """Yield the campaign's most redeemed coupons, one for each kind of product."""
    taken: set[str] = set()
    room = TAKEN[campaign.type] if _goes_on(campaign) else 1
    for coupon in coupons:
        label = _label(coupon)
        if coupon.campaign != campaign.number or label in taken or label in SENSITIVE:
            continue
        if len(taken) < room:
            taken.add(label)
            yield coupon


def _moved(at_ms: int, now: datetime) -> datetime:
    moment = now + timedelta(milliseconds=at_ms - LAST_MS)
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _dates(campaign: JourneyCampaign, now: datetime) -> tuple[datetime, datetime]:
    ends = _moved(campaign.ends_ms, now)
    if _goes_on(campaign):
        ends = max(ends, _moved(LAST_MS, now) + EXTENSION)
    return _moved(campaign.starts_ms, now), ends


def _offer(campaign: JourneyCampaign, coupon: Coupon, *, most: int, now: datetime) -> OfferSpec:
    label = _label(coupon)
    starts_at, ends_at = _dates(campaign, now)
    return OfferSpec(
        key=f"journey-{campaign.number}-{slug(label)}",
        name=f"{label} coupon, book {campaign.number}",
        purposes=PURPOSES[campaign.type],
        variants=_variants(campaign.type, label, coupon.upc),
        eligibility={"all": [{"segment": segment_of_coupon(coupon)}]},
        starts_at=starts_at,
        ends_at=ends_at,
        caps=_caps(campaign.type),
        category=slug(coupon.department),
        priority=PRIORITIES[campaign.type],
        value=round(coupon.redeemed / most, 3),
    )


def _caps(type_: str) -> tuple[CapSpec, ...]:
    day, week = 86_400, 7 * 86_400
    return {
        "A": (CapSpec(scope="person", limit=20, window_s=day),),
        "B": (CapSpec(scope="channel", limit=2, window_s=week),),
        "C": (
            CapSpec(scope="person", limit=3, window_s=week),
            CapSpec(scope="total", limit=100_000, window_s=None),
        ),
    }[type_]


def _variants(type_: str, label: str, upc: str) -> tuple[VariantSpec, ...]:
    lower = label[:1].lower() + label[1:]
    card = {"headline": f"Save on {lower}", "coupon": upc, "link": f"/coupons/{upc}"}
    if type_ == "A":
        story = {**card, "headline": f"Your {lower} costs less this week", "text": "Just for you."}
        return (
            VariantSpec(key="plain", placements=SCREENS, content=card),
            VariantSpec(key="personal", placements=("web.home.hero",), content=story),
        )
    if type_ == "B":
        return (VariantSpec(key="mail", placements=MAILS, content=card),)
    line: Json = {"text": f"Save on {lower}: coupon {upc}", "coupon": upc}
    return (
        VariantSpec(key="till", placements=TILLS, content_type="text/plain", content=line),
        VariantSpec(key="screen", placements=("app.home.card", "web.home.rail"), content=card),
    )


def _campaign(campaign: JourneyCampaign, offers: list[OfferSpec], *, now: datetime) -> CampaignSpec:
    key = f"journey-{campaign.number}"
    starts_at, ends_at = _dates(campaign, now)
    return CampaignSpec(
        key=key,
        name=f"{TITLES[campaign.type]} {campaign.number}",
        offers=tuple(offer.key for offer in offers),
        goal_event="Coupon Redeemed",
        starts_at=starts_at,
        ends_at=ends_at,
        eligibility=_audience(campaign),
        weights={"priority": 1.0, "value": 0.5, "outcome_rate": 2.0},
        fallback_offer="weekly-flyer" if campaign.type == "A" else "",
        owner="marketer",
        holdout_share=0.1 if key == BIG else 0.0,
    )


def _audience(campaign: JourneyCampaign) -> Condition:
    if campaign.type == "A":
        return {"all": [{"segment": "active-shoppers"}]}
    sent = {"attribute": "mailings", "is": "contains", "value": f"journey-{campaign.number}"}
    wanted = [{"segment": "newsletter-readers"}] if campaign.type == "B" else []
    return {"all": [sent, *wanted]}


def _experiment(offers: list[OfferSpec]) -> ExperimentSpec:
    return ExperimentSpec(
        key="hero-wording",
        name="Does a personal headline redeem more?",
        campaign=BIG,
        salt="hero-wording-1",
        arms=(
            ArmSpec(key="plain", share=0.5, variants={one.key: "plain" for one in offers}),
            ArmSpec(key="personal", share=0.5, variants={one.key: "personal" for one in offers}),
        ),
    )


RAIL = ("web.basket.nudge", "web.home.rail")
CARD = ("app.home.card",)


def _own(spec: OfferSpec, content: Json, placements: tuple[str, ...]) -> OfferSpec:
    return replace(
        spec,
        variants=(VariantSpec(key="card", placements=placements, content=content),),
        category="content",
    )


def _for(segment: str) -> Condition:
    return {"all": [{"segment": segment}]}


def _offer_of_ours(key: str, name: str, *purposes: str, **more: Any) -> OfferSpec:
    return OfferSpec(key=key, name=name, purposes=purposes, variants=(), **more)


SERVICE_OFFERS = (
    _own(
        _offer_of_ours("weekly-flyer", "Weekly flyer", priority=0.1),
        {"headline": "Our weekly flyer", "link": "/weekly"},
        ("app.home.card", "web.home.rail"),
    ),
    _own(
        _offer_of_ours(
            "update-the-app",
            "Update of the app",
            SERVICE,
            priority=0.9,
            eligibility=_for("outdated-app"),
        ),
        {"headline": "Update the app for faster checkout", "link": "/app"},
        CARD,
    ),
)
CONTENT_OFFERS = (
    _own(
        _offer_of_ours(
            "family-recipes",
            "Recipes for families",
            PERSONALISATION,
            priority=0.3,
            eligibility=_for("frequent-shoppers"),
        ),
        {"headline": "Dinner for everyone in 30 minutes", "link": "/recipes/family"},
        RAIL,
    ),
    _own(
        _offer_of_ours(
            "still-thinking",
            "Back to what was looked at",
            PERSONALISATION,
            priority=0.8,
            eligibility=_for("browsed-not-bought"),
        ),
        {"headline": "Still thinking about it?", "link": "/recently-viewed"},
        RAIL,
    ),
    _own(
        _offer_of_ours(
            "gold-thanks",
            "Thank-you for gold members",
            PERSONALISATION,
            priority=0.7,
            eligibility=_for("gold-members"),
        ),
        {"headline": "Thank you: free delivery all month", "link": "/gold"},
        RAIL,
    ),
)
OWN_CAMPAIGNS = (
    CampaignSpec(
        key="content",
        name="Recipes and reminders",
        offers=tuple(one.key for one in CONTENT_OFFERS),
        goal_event="Product Viewed",
        weights={"priority": 1.0, "recency": 0.5},
        owner="marketer",
    ),
    CampaignSpec(
        key="service",
        name="Service messages",
        offers=tuple(one.key for one in SERVICE_OFFERS),
        goal_event="Page Viewed",
        weights={"priority": 1.0},
        owner="marketer",
    ),
)
