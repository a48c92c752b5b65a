"""How well a threshold would have told who reaches a goal; pure."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from campaigns.thresholds.questions import Question

CANDIDATES: Final = 12

Past = tuple[float | None, bool]  # the number at the past moment, and whether the goal followed


@dataclass(frozen=True, slots=True)
class Measured:
    """What one threshold would have done."""

    threshold: float
    found: int  # people
    right: int  # of them reached the goal
    reached: int  # people who reached the goal at all
    people: int

    @property
    def false_positives(self) -> int:
        """Return how many were found and did not reach the goal."""
        return self.found - self.right

    @property
    def precision(self) -> float | None:
        """Return the share of those found who reached the goal, None where nobody was found."""
        return self.right / self.found if self.found else None

    @property
    def recall(self) -> float | None:
        """Return the share of those who reached the goal that were found, None where nobody did."""
        return self.right / self.reached if self.reached else None


def measure(past: Collection[Past], question: Question) -> list[Measured]:
    """Return what each candidate threshold would have done, the one in the rule among them, in order.

    Source: precision and recall; van Rijsbergen, "Information Retrieval", 1979.
    """
    reached = sum(followed for _, followed in past)
    known = [(value, followed) for value, followed in past if value is not None]
    return [
        _measured(known, threshold, question, reached=reached, people=len(past))
        for threshold in candidates([value for value, _ in known], question)
    ]


def _measured(
    known: Sequence[tuple[float, bool]],
    threshold: float,
    question: Question,
    *,
    reached: int,
    people: int,
) -> Measured:
    found = [followed for value, followed in known if question.finds(value, threshold)]
    return Measured(threshold, len(found), sum(found), reached, people)


def candidates(values: Collection[float], question: Question) -> list[float]:
    """Return up to `CANDIDATES` round thresholds spread over the values, and the one in the rule."""
    ordered = sorted(values)
    own = set() if question.threshold is None else {question.threshold}
    if not ordered:
        return sorted(own)
    distinct = set(ordered)
    if len(distinct) <= CANDIDATES:
        return sorted(distinct | own)
    steps = (len(ordered) * rank // (CANDIDATES + 1) for rank in range(1, CANDIDATES + 1))
    return sorted({_rounded(ordered[step], question.scale) for step in steps} | own)


def _rounded(value: float, scale: int) -> float:
    """Return a value with two digits that count, spans of time in whole units of theirs."""
    shown = value / scale
    if shown == 0:
        return 0.0
    digits = 1 - math.floor(math.log10(abs(shown)))
    rounded = round(shown, digits)
    return max(1.0, round(rounded)) * scale if scale > 1 else rounded
