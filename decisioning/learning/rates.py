"""Learns outcome rates: the mean of a Beta posterior per offer and placement, from closed windows only; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

PRIOR_STRENGTH: Final = 30.0  # impressions that the prior is worth; a new offer starts at it


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of an offer in a placement."""

    offer: str
    placement: str
    shown: int  # times shown, whose window has closed or that already converted
    converted: int  # of these


def learn_rates(tallies: Iterable[Tally]) -> dict[str, float]:
    """Return ``"offer|placement"`` -> rate in (0, 1).

    The prior is the rate of the placement, so a new offer is neither punished nor favoured there. With
    nothing shown at all there is nothing to say.

    Source: conjugate Beta-binomial, posterior mean (a + converted) / (a + b + shown).
    """
    known = list(tallies)
    shown: dict[str, int] = {}
    converted: dict[str, int] = {}
    for tally in known:
        shown[tally.placement] = shown.get(tally.placement, 0) + tally.shown
        converted[tally.placement] = converted.get(tally.placement, 0) + tally.converted
    rates: dict[str, float] = {}
    for tally in known:
        prior = (converted[tally.placement] + 1) / (shown[tally.placement] + 2)
        mean = (PRIOR_STRENGTH * prior + tally.converted) / (PRIOR_STRENGTH + tally.shown)
        rates[f"{tally.offer}|{tally.placement}"] = round(mean, 6)
    return rates
