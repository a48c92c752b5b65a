"""The only place that says how sure a count on a sample is. Pure."""

from dataclasses import dataclass
from math import ceil, floor, sqrt
from typing import Final

Z: Final = 1.959964  # 95 in 100


@dataclass(frozen=True, slots=True)
class Estimate:
    """How many of all people, told from those sampled; exact where everybody was looked at."""

    people: int
    low: int  # 95 times in 100 the true count lies from here …
    high: int  # … to here
    population: int

    @property
    def is_exact(self) -> bool:
        return self.low == self.high

    @property
    def share(self) -> float:
        """Return the share of everybody, in [0, 1]."""
        return self.people / self.population if self.population else 0.0


def estimate(matched: int, *, sampled: int, population: int) -> Estimate:
    """Return the count in a population of which `sampled` people were drawn by chance and `matched` fit.

    Wilson's score interval with continuity correction, for a sample without replacement: the sample counts
    for more the larger its part of the population is. Never below what was seen, nor above what was not.

    Source: Newcombe, "Two-sided confidence intervals for the single proportion", method 4 (1998), with the
    finite population correction of Cochran, "Sampling Techniques", section 2.6.
    """
    population = max(population, sampled)
    if sampled == population or not sampled:
        return Estimate(matched, matched, matched if sampled else population, population)
    size = sampled * (population - 1) / (population - sampled)
    share = matched / sampled
    low, high = _wilson(share, size)
    return Estimate(
        people=round(share * population),
        low=max(matched, floor(low * population)),
        high=min(population - (sampled - matched), ceil(high * population)),
        population=population,
    )


def _wilson(share: float, size: float) -> tuple[float, float]:
    rest, scale = 1 - share, 2 * (size + Z * Z)
    middle = 2 * size * share + Z * Z
    below = Z * sqrt(max(0.0, Z * Z - 2 - 1 / size + 4 * share * (size * rest + 1)))
    above = Z * sqrt(max(0.0, Z * Z + 2 - 1 / size + 4 * rest * (size * share + 1)))
    low = 0.0 if share == 0 else (middle - 1 - below) / scale
    high = 1.0 if share == 1 else (middle + 1 + above) / scale
    return max(0.0, low), min(1.0, high)
