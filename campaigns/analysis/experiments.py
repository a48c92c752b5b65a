"""The only place that examines experiments: whether they can show anything, and whom their arms find; pure."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from campaigns.analysis.conditions import Place, of_shown
from campaigns.analysis.findings import Oddity
from campaigns.analysis.layout import Layout, arm_conditions
from decisioning.specs import ArmSpec, CampaignSpec, ExperimentSpec


def of_experiment(experiment: ExperimentSpec, layout: Layout, *, now: datetime) -> Iterator[Oddity]:
    """Yield what is odd about an experiment, its arms' own conditions, and those beside it."""
    yield from _of_comparison(experiment, layout)
    yield from _of_arms(experiment, layout, now=now)
    yield from _beside(experiment, layout)


def _of_comparison(experiment: ExperimentSpec, layout: Layout) -> Iterator[Oddity]:
    """Yield that an experiment can show nothing."""
    if experiment.traffic <= 0:
        yield Oddity("experiment_idle", "experiment", experiment.key, "traffic")
        return
    running = [arm for arm in experiment.arms if arm.share > 0]
    if len(running) == 1:
        args = {"arm": running[0].key}
        yield Oddity("one_arm", "experiment", experiment.key, "arms", args)
        return
    campaign = layout.thing("campaign", experiment.campaign)
    if campaign is not None and _alike(running, campaign, layout):
        yield Oddity("arms_alike", "experiment", experiment.key, "arms")


def _of_arms(experiment: ExperimentSpec, layout: Layout, *, now: datetime) -> Iterator[Oddity]:
    campaign = layout.thing("campaign", experiment.campaign)
    beside = () if campaign is None else (campaign,)
    for one in arm_conditions(experiment):
        offer = layout.offers.get(one.offer)
        # What is odd about the offer's own condition is said there.
        if offer is not None and one.condition != offer.eligibility:
            place = Place("experiment", experiment.key, one.field, one.condition)
            for odd in of_shown(place, offer, beside, layout.catalogue, now=now):
                yield replace(odd, args={**odd.args, **one.named})


def _beside(experiment: ExperimentSpec, layout: Layout) -> Iterator[Oddity]:
    """Yield that what is shown in a campaign counts for one of its experiments only."""
    if experiment.traffic <= 0:
        return
    for other in layout.release.experiments:
        if other.key == experiment.key or other.campaign != experiment.campaign:
            continue
        # Where only conditions differ, each counts what is shown of its own offers.
        if other.traffic > 0 and not (_only_conditions(experiment) and _only_conditions(other)):
            args = {"experiment": other.name}
            yield Oddity("experiment_beside", "experiment", experiment.key, "campaign", args)


def _only_conditions(experiment: ExperimentSpec) -> bool:
    return not any(arm.variants or arm.weights or arm.excluded_offers for arm in experiment.arms)


def _alike(arms: list[ArmSpec], campaign: CampaignSpec, layout: Layout) -> bool:
    """Return whether all arms do the same; what an arm leaves out is as the campaign has it."""
    others = [name for name in ArmSpec.__slots__ if name not in ("key", "share")]
    said = [_effect(arm, campaign, layout, others) for arm in arms]
    return all(one == said[0] for one in said)


def _effect(
    arm: ArmSpec, campaign: CampaignSpec, layout: Layout, fields: list[str]
) -> dict[str, Any]:
    effect = {name: getattr(arm, name) for name in fields}
    weights = {key: weight for key, weight in (arm.weights or campaign.weights).items() if weight}
    whole = sum(weights.values()) or 1
    excluded = sorted(set(arm.excluded_offers) & set(campaign.offers))
    shown = {
        offer.key: arm.variants.get(offer.key, offer.variants[0].key)
        for offer in layout.offers_of(campaign)
        if offer.variants and offer.key not in excluded
    }
    who = {
        offer.key: arm.eligibility.get(offer.key, offer.eligibility)
        for offer in layout.offers_of(campaign)
        if offer.key not in excluded
    }
    return effect | {
        "eligibility": who,
        "weights": {key: round(weight / whole, 9) for key, weight in weights.items()},
        "excluded_offers": excluded,
        "variants": shown,
    }
