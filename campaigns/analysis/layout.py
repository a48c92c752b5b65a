"""The only place that looks a release up by what belongs together: campaigns of an offer, offers of a placement; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from decisioning.rules.catalogue import Catalogue
from decisioning.specs import CampaignSpec, Condition, ExperimentSpec, OfferSpec, ReleaseSpec


@dataclass(frozen=True, slots=True)
class ArmCondition:
    """The condition that stands in for an offer's own in an arm."""

    experiment: ExperimentSpec
    arm: str
    offer: str
    condition: Condition
    field: str  # "arms[0].eligibility"
    row: int  # among those of the arm

    @property
    def named(self) -> dict[str, Any]:
        """Return what a finding about it has to name."""
        return {"row": self.row, "in_arm": self.arm, "for_offer": self.offer}


def arm_conditions(experiment: ExperimentSpec) -> Iterator[ArmCondition]:
    """Yield the conditions of an experiment's arms as its page lists them."""
    for index, arm in enumerate(experiment.arms):
        for row, (offer, condition) in enumerate(arm.eligibility.items()):
            field = f"arms[{index}].eligibility"
            yield ArmCondition(experiment, arm.key, offer, condition, field, row)


@dataclass(frozen=True)
class Layout:
    """A release, with its parts found by key."""

    release: ReleaseSpec
    retired: frozenset[str] = frozenset()  # purposes that nothing may be done for any more

    @cached_property
    def catalogue(self) -> Catalogue:
        """Return what its conditions may name."""
        return Catalogue.of(self.release)

    @cached_property
    def offers(self) -> dict[str, OfferSpec]:
        """Return the offers by key."""
        return {one.key: one for one in self.release.offers}

    def thing(self, kind: str, key: str) -> Any:
        """Return the spec of a thing, None where there is none."""
        return self._things.get((kind, key))

    @cached_property
    def _things(self) -> dict[tuple[str, str], Any]:
        kinds = ("attribute", "placement", "segment", "offer", "campaign", "experiment", "trigger")
        return {(kind, one.key): one for kind in kinds for one in getattr(self.release, f"{kind}s")}

    @cached_property
    def arm_conditions(self) -> list[ArmCondition]:
        """Return the conditions of all arms."""
        return [
            one for experiment in self.release.experiments for one in arm_conditions(experiment)
        ]

    @cached_property
    def _campaigns(self) -> dict[str, list[CampaignSpec]]:
        found: dict[str, list[CampaignSpec]] = {}
        for campaign in self.release.campaigns:
            for key in dict.fromkeys((*campaign.offers, campaign.fallback_offer)):
                found.setdefault(key, []).append(campaign)
        return found

    @cached_property
    def _shown(self) -> dict[str, list[tuple[OfferSpec, CampaignSpec]]]:
        types = {one.key: one.content_type for one in self.release.placements}
        found: dict[str, list[tuple[OfferSpec, CampaignSpec]]] = {}
        for campaign in self.release.campaigns:
            for offer in self.offers_of(campaign):
                for placement in _placements(offer, types):
                    found.setdefault(placement, []).append((offer, campaign))
        return found

    def campaigns_of(self, offer: str) -> list[CampaignSpec]:
        """Return the campaigns that have an offer, as their fallback too."""
        return self._campaigns.get(offer, [])

    def offers_of(self, campaign: CampaignSpec) -> list[OfferSpec]:
        """Return the offers of a campaign that are there; its fallback is none of them."""
        return [self.offers[key] for key in campaign.offers if key in self.offers]

    def shown_in(self, placement: str) -> list[tuple[OfferSpec, CampaignSpec]]:
        """Return what a placement can show, its campaigns' fallbacks left out."""
        return self._shown.get(placement, [])


def _placements(offer: OfferSpec, types: dict[str, str]) -> Iterator[str]:
    found = {
        key: None
        for variant in offer.variants
        for key in variant.placements
        if types.get(key) == variant.content_type
    }
    yield from found
