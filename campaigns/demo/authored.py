"""All that the demo's marketer writes, as drafts of one change."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from campaigns.demo import catalogue, coupons, segments, window
from campaigns.demo.journey import Journey
from campaigns.drafts import Draft
from campaigns.mapping import body_of
from campaigns.models.items import Kind
from campaigns.packs.places import JURISDICTIONS


def drafts(journey: Journey, *, now: datetime) -> list[Draft]:
    """Return the whole catalogue with the campaigns of the data set, its last day moved to `now`."""
    return [
        Draft(kind=kind, key=spec.key, body=body_of(spec), why="The demo")
        for kind, spec in _specs(journey, now)
    ]


def _specs(journey: Journey, now: datetime) -> Iterator[tuple[str, Any]]:
    made = coupons.author(journey, now=now)
    parts: dict[str, tuple[Any, ...]] = {
        Kind.PURPOSE: catalogue.PURPOSES,
        Kind.JURISDICTION: JURISDICTIONS,
        Kind.ATTRIBUTE: catalogue.ATTRIBUTES,
        Kind.EVENT_TYPE: catalogue.EVENT_TYPES,
        Kind.CHANNEL: catalogue.CHANNELS,
        Kind.PLACEMENT: catalogue.PLACEMENTS,
        Kind.SEGMENT: (*segments.SEGMENTS, *window.SEGMENTS),
        Kind.OFFER: (*made.offers, *window.OFFERS),
        Kind.CAMPAIGN: (*made.campaigns, window.CAMPAIGN),
        Kind.EXPERIMENT: made.experiments,
        Kind.TRIGGER: (window.TRIGGER,),
    }
    for kind, specs in parts.items():
        for spec in specs:
            yield kind, spec
