"""What offers need, compiled to bits: a person's permissions are found once, an offer is then one comparison. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from consent.policy.gate import Judge

Purposes = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Masks:
    """The purposes of a release as bits; `required` has the bits of each set of purposes that an offer names."""

    places: Mapping[str, int]  # purpose -> its bit
    required: Mapping[Purposes, int]

    @classmethod
    def of(cls, needs: Iterable[Purposes]) -> "Masks":
        """Return the masks of all sets of purposes that a release needs."""
        needs = set(needs)
        named = sorted({purpose for purposes in needs for purpose in purposes})
        places = {purpose: 1 << place for place, purpose in enumerate(named)}
        required = {purposes: sum(places[one] for one in set(purposes)) for purposes in needs}
        return cls(places, required)

    def granted(self, judge: Judge) -> int:
        """Return the bits of what a person permits; an offer is allowed where it needs no others."""
        if judge.doubt():
            return 0
        return sum(bit for purpose, bit in self.places.items() if judge.verdict(purpose).allowed)
