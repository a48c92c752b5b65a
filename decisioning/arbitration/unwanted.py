"""What a person does not want to see: offers, campaigns and categories that they objected to. Pure."""

import hashlib
from typing import Final, Literal

from consent.policy import ConsentView, Status
from decisioning.specs import CampaignSpec, OfferSpec

Kind = Literal["offer", "campaign", "category"]
LONGEST: Final = 100  # characters of what consent is said about
KINDS: Final[tuple[Kind, ...]] = ("offer", "campaign", "category")


def name_of(kind: Kind, key: str) -> str:
    """Return what consent knows a thing by, e.g. ``offer:winter-sale``; no purpose has a colon."""
    name = f"{kind}:{key}"
    if len(name) <= LONGEST:
        return name
    return f"{kind}:~{hashlib.sha256(key.encode()).hexdigest()[:40]}"


def unwanted_of(view: ConsentView) -> frozenset[str]:
    """Return the names of what a person objected to."""
    return frozenset(
        purpose
        for (purpose, _), state in view.states.items()
        if ":" in purpose and state.status is Status.OBJECTED
    )


def is_unwanted(unwanted: frozenset[str], offer: OfferSpec, campaign: CampaignSpec) -> bool:
    """Say whether an offer, its campaign or its category is among what a person does not want to see."""
    return (
        name_of("offer", offer.key) in unwanted
        or name_of("campaign", campaign.key) in unwanted
        or (bool(offer.category) and name_of("category", offer.category) in unwanted)
    )
