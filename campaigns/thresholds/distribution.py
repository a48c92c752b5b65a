"""The only place that counts people by the number that a condition looks at."""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from campaigns.thresholds.questions import Question

BARS: Final = 20
_STEPS: Final = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Bar:
    """How many people have a value in [start, end); the last bar has its end too."""

    start: float
    end: float
    people: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """How a number is spread over the people of a sample."""

    bars: tuple[Bar, ...]
    known: int  # people of whom the number is known
    sampled: int
    found: int | None  # of the sampled, by the threshold; None while there is none

    @property
    def unknown(self) -> int:
        """Return of how many people the number is not known."""
        return self.sampled - self.known

    @property
    def share(self) -> float | None:
        """Return the share of the sampled people that the threshold finds, in [0, 1]."""
        return self.found / self.sampled if self.found is not None and self.sampled else None


def distribution(values: Collection[float | None], question: Question) -> Distribution:
    """Return the spread of a number; None is a person of whom it is not known.

    Bars begin and end at round numbers. The hundredth of people with the largest numbers share the last bar.
    """
    known = sorted(value for value in values if value is not None)
    threshold = question.threshold
    found = None
    if threshold is not None:
        found = sum(question.finds(value, threshold) for value in known)
    return Distribution(tuple(_bars(known, question.scale)), len(known), len(values), found)


def _bars(known: list[float], scale: int) -> Iterable[Bar]:
    if not known:
        return
    low, high = known[0], max(known[math.ceil(len(known) * 0.99) - 1], known[0])
    whole = all(value == int(value) for value in known)
    step = _step((high - low) / scale, whole=whole and scale == 1) * scale
    start = math.floor(low / step) * step
    count = max(1, math.floor((high - start) / step) + 1)
    people = [0] * count
    for value in known:
        people[min(count - 1, math.floor((value - start) / step))] += 1
    for index, number in enumerate(people):
        end = start + (index + 1) * step
        last = index == count - 1
        yield Bar(start + index * step, max(end, known[-1]) if last else end, number)


def _step(width: float, *, whole: bool) -> float:
    """Return a round width for at most `BARS` bars; counts go by whole numbers."""
    least = width / BARS
    if least <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(least))
    step = next(step * size for step in _STEPS if step * size >= least)
    return max(1.0, math.ceil(step)) if whole else step
