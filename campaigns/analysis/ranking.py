"""The only place that says, without a look at people, which of two offers in a placement ranks above the other; pure."""

from dataclasses import dataclass
from datetime import datetime

from campaigns.analysis.schedules import shared_span
from decisioning.arbitration.scoring import shares
from decisioning.specs import CampaignSpec, OfferSpec, PlacementSpec

FIXED = ("priority", "value")  # terms of a score that are the same for everybody


@dataclass(frozen=True, slots=True)
class Rule:
    """An offer of a campaign in a placement."""

    placement: PlacementSpec
    offer: OfferSpec
    campaign: CampaignSpec


def is_fixed(rule: Rule) -> bool:
    """Return whether a rule scores the same for everybody at any time."""
    return all(term in FIXED for term, weight in rule.campaign.weights.items() if weight)


def score_range(rule: Rule) -> tuple[float, float]:
    """Return the lowest and the highest score that a rule can have, in [0, 1]."""
    low = high = 0.0
    for term, share in shares(rule.campaign.weights):
        fixed = {"priority": rule.offer.priority, "value": rule.offer.value}.get(term)
        low += share * (fixed or 0.0)
        high += share * (1.0 if fixed is None else fixed)
    return round(low, 6), round(high, 6)


def _order(rule: Rule) -> tuple[str, str]:
    return rule.offer.key, rule.campaign.key


def ranks_above(one: Rule, other: Rule) -> bool:
    """Return whether a rule ranks above another, as far as their lowest scores tell; ties go by key."""
    mine, theirs = score_range(one)[0], score_range(other)[0]
    return (-mine, _order(one)) < (-theirs, _order(other))


def outlasts(one: Rule, other: Rule, now: datetime) -> bool:
    """Return whether a rule is sure to rank above another for whoever both find, for as long as the other runs."""
    if one.offer.key == other.offer.key or one.offer.caps or one.campaign.holdout_share:
        return False
    if not set(one.offer.purposes) <= set(other.offer.purposes):
        return False
    mine, theirs = score_range(one)[0], score_range(other)[1]
    if (-mine, _order(one)) > (-theirs, _order(other)):
        return False
    runs, wanted = shared_span(one.offer, one.campaign), shared_span(other.offer, other.campaign)
    if runs is None or wanted is None:
        return False
    return runs[0] <= max(wanted[0], now) and wanted[1] <= runs[1]
