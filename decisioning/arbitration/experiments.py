"""Who takes part in what: holdouts and experiment arms by a stable hash of the person."""

from collections.abc import Mapping
from dataclasses import dataclass

import mmh3

from decisioning.specs import ExperimentSpec

SPACE = 2**32


@dataclass(frozen=True, slots=True)
class Assignment:
    """The arm that a person is in; `bucket` says how it came about and is logged."""

    experiment: str
    arm: str
    propensity: float  # the arm's share of the experiment's traffic
    bucket: float
    sticky: bool = False  # kept from an earlier decision


def bucket(salt: str, person: str) -> float:
    """Return a number in [0, 1), the same on every machine.

    >>> round(bucket("winter", "p0420123456789abcdef0123"), 6)
    0.386351

    Source: MurmurHash3 x86 32-bit of ``salt:person`` in UTF-8, seed 0, unsigned, over 2**32.
    """
    return mmh3.hash(f"{salt}:{person}", 0, signed=False) / SPACE


def is_held_out(salt: str, person: str, *, share: float) -> bool:
    """Return whether a person is kept out; raising `share` in [0, 1) keeps those already out."""
    return share > 0 and bucket(salt, person) < share


def assign_arm(
    experiment: ExperimentSpec, person: str, *, sticky: Mapping[str, str]
) -> Assignment | None:
    """Return the person's arm, or None where they do not take part.

    An arm once taken (`sticky`: experiment key -> arm key) is kept while it exists. Each arm owns
    ``[start, start + traffic * share)`` with `start` the sum of the shares before it, so raising the
    traffic moves nobody from one arm to another.
    """
    position = bucket(experiment.salt, person)
    kept = sticky.get(experiment.key)
    start = 0.0
    drawn: Assignment | None = None
    for arm in experiment.arms:
        if arm.key == kept:
            return Assignment(experiment.key, arm.key, arm.share, position, sticky=True)
        if start <= position < start + experiment.traffic * arm.share:
            drawn = Assignment(experiment.key, arm.key, arm.share, position)
        start += arm.share
    return drawn
