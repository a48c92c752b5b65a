"""What the demo shop shows its visitors: segments of what they look at, and an offer for each."""

from dataclasses import replace
from typing import Any

from campaigns.demo.catalogue import PERSONALISATION
from campaigns.demo.shelf import SHELVES, Shelf
from decisioning.specs import (
    CampaignSpec,
    Condition,
    OfferSpec,
    SegmentSpec,
    TriggerSpec,
    VariantSpec,
)

HERO = "web.shop.hero"
BASKET = "web.shop.basket"
VIEWS = 3  # of one department, within the window
WINDOW = "1h"


def _count(event: str, least: int, **more: Any) -> Condition:
    return {
        "event": event,
        "count": {"is": "gte", "value": least},
        "within": WINDOW,
        **more,
    }


def _looks_at(shelf: Shelf) -> SegmentSpec:
    where = {"attribute": "department", "is": "eq", "value": shelf.name}
    return SegmentSpec(
        key=f"looks-at-{shelf.slug}",
        name=f"Viewed {VIEWS} products of {shelf.name}",
        condition={"all": [_count("Product Viewed", VIEWS, where=where)]},
    )


SEGMENTS = (
    *(_looks_at(shelf) for shelf in SHELVES),
    SegmentSpec(
        key="has-a-basket",
        name="Has something in the basket",
        condition={
            "event": "Product Added",
            "without": {"event": "Order Completed"},
            "within": WINDOW,
        },
    ),
)

_HEADLINES = {
    "produce": "A fifth off all fruit and vegetables today",
    "bakery": "Buy two from the oven, get the third",
    "deli": "Free side dish with every deli order",
    "seafood": "Fresh fish delivered on ice, free of charge",
}


def _offer(segment: str, name: str, placement: str, content: dict[str, str]) -> OfferSpec:
    return OfferSpec(
        key=f"shop-{segment}",
        name=name,
        purposes=(PERSONALISATION,),
        variants=(VariantSpec(key="card", placements=(placement,), content=content),),
        eligibility={"all": [{"segment": segment}]},
        category="shop",
        priority=0.5,
    )


OFFERS = (
    *(
        _offer(
            f"looks-at-{shelf.slug}",
            f"Shop: {shelf.name}",
            HERO,
            {
                "headline": _HEADLINES[shelf.slug],
                "text": f"Because you looked at {VIEWS} products of {shelf.name}.",
                "link": f"/shop/{shelf.slug}/",
            },
        )
        for shelf in SHELVES
    ),
    replace(
        _offer(
            "has-a-basket",
            "Shop: free delivery",
            BASKET,
            {
                "headline": "Free delivery if you order within the hour",
                "text": "Because there is something in your basket.",
                "link": "/shop/checkout/",
            },
        ),
        priority=0.8,
    ),
)
CAMPAIGN = CampaignSpec(
    key="shop-window",
    name="The shop's window",
    offers=tuple(one.key for one in OFFERS),
    goal_event="Order Completed",
    # What was looked at last wins where two departments qualify.
    weights={"priority": 1.0, "recency": 0.5},
    owner="marketer",
)

TRIGGER = TriggerSpec(
    key="basket-left",
    name="Basket left for half an hour",
    on="absence",
    event="Product Added",
    then="Order Completed",
    within="30m",
    act="push",
    placement=BASKET,
    purposes=(PERSONALISATION,),
)
