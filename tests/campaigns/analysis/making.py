"""A small release to find things in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from campaigns.analysis.layout import Layout
from campaigns.analysis.whole import Surroundings, of_release, of_thing
from decisioning.specs import (
    ArmSpec,
    AttributeSpec,
    CampaignSpec,
    ChannelSpec,
    EventTypeSpec,
    ExperimentSpec,
    OfferSpec,
    PlacementSpec,
    ReleaseSpec,
    SegmentSpec,
    VariantSpec,
)

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def tier(value):
    return {"attribute": "tier", "is": "eq", "value": value}


def spends(operator, value):
    return {"attribute": "spend", "is": operator, "value": value}


def attribute(key, kind="text", **more):
    return AttributeSpec(key=key, name=key.capitalize(), type=kind, **{"purposes": ("ads",)} | more)


def variant(content=None, *, placements=("hero",), key="a", **more):
    return VariantSpec(key=key, placements=placements, content=content or {}, **more)


def offer(key="sale", content=None, **more):
    given = {"purposes": ("ads",), "variants": (variant(content),)} | more
    return OfferSpec(key=key, name=key.capitalize(), **given)


def campaign(key="winter", offers=("sale",), **more):
    return CampaignSpec(key=key, name=key.capitalize(), offers=offers, goal_event="Order", **more)


def arm(key, share=0.5, **more):
    return ArmSpec(key=key, share=share, **more)


def experiment(*arms, **more):
    return ExperimentSpec(key="test", name="Test", campaign="winter", salt="s", arms=arms, **more)


def release(**more):
    """Return a release in which nothing is odd, but for what is given."""
    given = {
        "attributes": (
            attribute("tier"),
            attribute("spend", "number"),
            attribute("secret", sensitive=True),
            attribute("device", source="context", purposes=()),
        ),
        "event_types": (EventTypeSpec(key="Order", name="Order", purposes=("ads",)),),
        "channels": (ChannelSpec(key="web", name="Web"),),
        "placements": (PlacementSpec(key="hero", name="Hero", channel="web"),),
        "segments": (SegmentSpec(key="gold", name="Gold", condition=tier("gold")),),
        "offers": (offer(eligibility={"segment": "gold"}),),
        "campaigns": (campaign(),),
    }
    return ReleaseSpec(**given | more)


def around(**more):
    return Surroundings(**{"now": NOW, "languages": frozenset({"de", "en"})} | more)


def odd(given=None, *, retired=(), **more):
    """Return (code, key) of everything odd in a release."""
    layout = Layout(given or release(), frozenset(retired))
    found = of_release(layout, around(**more), lambda done, total: None)
    return sorted((one.code, one.key) for one in found)


def odd_offer(given, *, campaigns=None, **more):
    """Return what is odd about one offer."""
    layout = Layout(
        release(offers=(given,), campaigns=campaigns or (campaign(offers=(given.key,)),))
    )
    return of_thing(layout, "offer", given.key, around(**more))


__all__ = ["DAY", "NOW", "Layout", "replace"]
