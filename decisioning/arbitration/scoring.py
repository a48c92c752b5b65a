"""Scores: a campaign's weighted terms, each in [0, 1], and the reasons that the explanation shows; pure."""

from collections.abc import Mapping
from math import isfinite

import msgspec

TERMS = ("priority", "value", "recency", "depth", "outcome_rate")
RECENCY_MS = (
    60_000  # Source: the catalogue's score, recency = max(0, 1 - ms since the last event / 60000)
)
DEPTH_PERCENT = "scroll_depth_percent"
DEPTH_PX = "scroll_depth_px"
DEPTH_ATTRIBUTES = (DEPTH_PERCENT, DEPTH_PX)


class Term(msgspec.Struct, frozen=True, array_like=True):
    """One term of a score; `value` is None where it is not known, and then counts as 0."""

    key: str
    value: float | None
    weight: float  # share of all weights, in [0, 1]


class Score(msgspec.Struct, frozen=True, array_like=True):
    """A score in [0, 1] with the terms it is the sum of."""

    total: float
    terms: tuple[Term, ...]


def bounded(values: Mapping[str, float | None]) -> dict[str, float]:
    """Return the values that are known, each brought into [0, 1]; one that is no number is not known."""
    return {
        key: min(1.0, max(0.0, value))
        for key, value in values.items()
        if value is not None and isfinite(value)
    }


def score(values: Mapping[str, float], weights: Mapping[str, float]) -> Score:
    """Return the weighted mean of the terms, in the order of their keys; no weights is a score of 0."""
    whole = sum(weights.values())
    if whole <= 0:
        return Score(0.0, ())
    terms = tuple(
        Term(key, values.get(key), weight / whole)
        for key, weight in sorted(weights.items())
        if weight
    )
    return Score(round(sum((term.value or 0.0) * term.weight for term in terms), 6), terms)


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
