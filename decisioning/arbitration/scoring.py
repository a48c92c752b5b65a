"""Scores: a campaign's weighted terms, each in [0, 1], and the reasons that the explanation shows; pure."""

from collections.abc import Iterable, Mapping
from math import isfinite

import msgspec

TERMS = ("priority", "value", "recency", "depth", "outcome_rate")
RECENCY_MS = (
    60_000  # Source: the catalogue's score, recency = max(0, 1 - ms since the last event / 60000)
)
DEPTH_PERCENT = "scroll_depth_percent"
DEPTH_PX = "scroll_depth_px"
DEPTH_ATTRIBUTES = (DEPTH_PERCENT, DEPTH_PX)


Weights = tuple[tuple[str, float], ...]  # term and its share of all weights, by term


# Hundreds are made for one decision and none can be part of a cycle: the collector need not look.
class Term(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One term of a score; `value` is None where it is not known, and then counts as 0."""

    key: str
    value: float | None
    weight: float  # share of all weights, in [0, 1]


class Score(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A score in [0, 1] with the terms it is the sum of."""

    total: float
    terms: tuple[Term, ...]


def shares(weights: Mapping[str, float]) -> Weights:
    """Return what is weighed at all, each weight as its share of their sum."""
    whole = sum(weights.values())
    if whole <= 0:
        return ()
    return tuple((key, weight / whole) for key, weight in sorted(weights.items()) if weight)


def score(values: Iterable[float | None], weights: Weights) -> Score:
    """Return the weighted mean of the terms' values, given in the order of `weights`; of none it is 0.

    A value is brought into [0, 1]; one that is no number is not known.
    """
    total, terms = 0.0, []
    for value, (key, share) in zip(values, weights, strict=True):
        known = None if value is None or not isfinite(value) else min(1.0, max(0.0, value))
        total += (known or 0.0) * share
        terms.append(Term(key, known, share))
    return Score(round(total, 6), tuple(terms))


def recency(last_event_ms: int | None, *, now_ms: int) -> float | None:
    """Return 1 just after an event, falling to 0 within a minute; None without events."""
    if last_event_ms is None:
        return None
    return max(0.0, 1 - max(0, now_ms - last_event_ms) / RECENCY_MS)


def depth(facts: Mapping[str, object]) -> float | None:
    """Return how far the page was scrolled, in [0, 1], from whichever attribute is known."""
    for key, whole in ((DEPTH_PERCENT, 100), (DEPTH_PX, 1000)):
        value = facts.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return min(1.0, value / whole)
    return None
