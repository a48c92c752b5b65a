"""How many people a condition finds, and what a change does to audiences; on sampled people, by the same engine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from campaigns.audiences.counting import Found, find, text_of
from campaigns.audiences.estimates import Estimate, estimate
from campaigns.audiences.exact import newest_of
from campaigns.audiences.people import People
from campaigns.audiences.reach import PurposeReach, reach_of
from campaigns.audiences.stock import Overlap, overlaps_of
from campaigns.candidates import Candidate, candidate_of
from campaigns.mapping import Refused
from campaigns.models import Change, ExactCount
from campaigns.models.items import Kind
from campaigns.sampling import load_people
from consent.policy import PolicySpec
from consent.policy_store import PolicyRefused, load_live_policy
from decisioning.rules.conditions import (
    Catalogue,
    ConditionError,
    Node,
    aggregates,
    inline_segments,
    parse,
)
from decisioning.specs import Condition
from rtts_site.foundation.redis_clients import redis_client

SECONDS: Final = 0.15  # of counting for who waits at a keyboard: the whole, then its parts
EFFECT_SECONDS: Final = 2.0
PARTS: Final = 60  # counted on their own


@dataclass(frozen=True, slots=True)
class Audience:
    """How many of the sampled people match, altogether, each part on its own, and for which purposes."""

    matched: int
    sampled: int
    population: int
    parts: "tuple[Audience, ...]" = ()
    reach: tuple[PurposeReach, ...] = ()
    overlaps: tuple[Overlap, ...] | None = None  # None: not counted
    from_history: bool = False  # fewer people, as events had to be read again

    @classmethod
    def of(cls, found: Found) -> "Audience":
        """Return the audience that was found."""
        return cls(found.matched, found.sampled, found.population)

    @property
    def estimate(self) -> Estimate:
        """Return how many of all people match, and how sure that is."""
        return estimate(self.matched, sampled=self.sampled, population=self.population)

    @property
    def people(self) -> int:
        """Return how many of all people match, as far as the sample tells."""
        return self.estimate.people

    @property
    def share(self) -> float:
        """Return the share of people who match, in [0, 1]."""
        return self.matched / self.sampled if self.sampled else 0.0

    @property
    def is_sample(self) -> bool:
        """Return whether the count is an estimate."""
        return self.sampled < self.population


@dataclass(frozen=True, slots=True)
class DraftAudience(Audience):
    """What is told beside a rule while it is written."""

    exact: ExactCount | None = None  # under way, or made lately


@dataclass(frozen=True, slots=True)
class Effect:
    """The audience of one segment or offer before and after a change; None where it was or is not there."""

    kind: str
    key: str
    name: str
    before: Audience | None
    after: Audience | None

    @property
    def difference(self) -> int:
        """Return how many people more are found."""
        return (self.after.people if self.after else 0) - (self.before.people if self.before else 0)


def audience(
    condition: Condition, catalogue: Catalogue, *, now: datetime, parts: tuple[Condition, ...] = ()
) -> DraftAudience:
    """Return how many people a condition finds, and each of its parts on its own, in well under a second.

    Raises:
        ConditionError: it cannot be read.
        CompileError: it is past what the engine can hold.
    """
    client, moment = redis_client(), now.timestamp()
    tree = parse(condition, catalogue)
    each = {str(number): parse(part, catalogue) for number, part in enumerate(parts[:PARTS])}
    people = load_people(client, aggregates=aggregates(tree), now=now, hasty=True)
    whole = find(people, {"": tree}, now=moment, seconds=SECONDS)[""]
    found = find(people, each, now=moment, seconds=SECONDS)
    overlaps = overlaps_of(client, whole, people, catalogue=catalogue)
    return DraftAudience(
        whole.matched,
        whole.sampled,
        whole.population,
        parts=tuple(map(Audience.of, found.values())),
        reach=_reach(whole, people, _policy(), now=moment),
        overlaps=overlaps,
        from_history=people.is_refolded,
        exact=newest_of(tree, now=now),
    )


def _policy() -> PolicySpec | None:
    """Return the policy in force; None where none can be verified, so that nobody is said to be reachable."""
    try:
        return load_live_policy(redis_client(), known=None)
    except PolicyRefused:
        return None


def _reach(
    found: Found, people: People, policy: PolicySpec | None, *, now: float
) -> tuple[PurposeReach, ...]:
    if policy is None:
        return ()
    channels = {one.key: one.name for one in candidate_of(None).spec.channels}
    return reach_of(found, people, policy, channels=channels, now=now)


Place = tuple[str, str]  # kind and key
_FIELDS: Final = {Kind.SEGMENT.value: "condition", Kind.OFFER.value: "eligibility"}
_CATALOGUE: Final = (Kind.ATTRIBUTE, Kind.EVENT_TYPE)


def effect_of(change: Change, *, now: datetime) -> list[Effect]:
    """Return what a change does to the audiences of segments and offers, those that it moves indirectly too.

    Takes about EFFECT_SECONDS at most: where there is much to count, fewer people are looked at.
    """
    sides = candidate_of(None), candidate_of(change)
    before, after = (_trees(side, _touched(*sides)) for side in sides)
    moved = [
        place
        for place in sorted({*before, *after})
        if _text(before.get(place)) != _text(after.get(place))
    ]
    asked = {f"b:{kind}:{key}": before[kind, key] for kind, key in moved if (kind, key) in before}
    asked |= {f"a:{kind}:{key}": after[kind, key] for kind, key in moved if (kind, key) in after}
    found = _audiences(asked, now=now) if asked else {}
    names = {**sides[0].bodies, **sides[1].bodies}
    return [
        Effect(
            kind,
            key,
            names[kind, key]["name"],
            found.get(f"b:{kind}:{key}"),
            found.get(f"a:{kind}:{key}"),
        )
        for kind, key in moved
    ]


def _audiences(trees: Mapping[str, Node], *, now: datetime) -> dict[str, Audience]:
    needed = {one for tree in trees.values() for one in aggregates(tree)}
    people = load_people(redis_client(), aggregates=needed, now=now)
    found = find(people, trees, now=now.timestamp(), seconds=EFFECT_SECONDS)
    policy, moment = _policy(), now.timestamp()
    return {
        name: replace(
            Audience.of(one),
            reach=_reach(one, people, policy, now=moment),
            from_history=people.is_refolded,
        )
        for name, one in found.items()
    }


def _touched(before: Candidate, after: Candidate) -> set[Place]:
    """Return the segments and offers that may find other people: edited, or resting on what was."""
    places = {*before.bodies, *after.bodies}
    edited = {place for place in places if before.bodies.get(place) != after.bodies.get(place)}
    own = {place for place in places if place[0] in _FIELDS}
    if any(kind in _CATALOGUE for kind, _ in edited):
        return own
    touched = edited & own
    uses = {
        place: {
            key
            for side in (before, after)
            if place in side.bodies
            for field in (_FIELDS[place[0]], "leaving")
            for key in _segments_in(side.bodies[place].get(field))
        }
        for place in own
    }
    waiting = [key for kind, key in touched if kind == Kind.SEGMENT]
    while waiting:
        key = waiting.pop()
        more = {place for place, used in uses.items() if key in used} - touched
        touched |= more
        waiting += [other for kind, other in more if kind == Kind.SEGMENT]
    return touched


def _segments_in(condition: object) -> Iterable[str]:
    """Yield the keys of the segments that a stored condition names."""
    match condition:
        case {"segment": str(key)}:
            yield key
        case {"all": list(parts)} | {"any": list(parts)} | {"none": list(parts)}:
            for part in parts:
                yield from _segments_in(part)


def _text(tree: Node | None) -> str:
    return "" if tree is None else text_of(tree)


def _trees(candidate: Candidate, places: Iterable[Place]) -> dict[Place, Node]:
    """Return those of the conditions that can be read, segments put in place."""
    try:
        catalogue = Catalogue.of(candidate.spec)
    except Refused:
        return {}
    bodies = {place: candidate.bodies[place] for place in places if place in candidate.bodies}
    read = {place: _read(_condition_of(place, body), catalogue) for place, body in bodies.items()}
    return {place: tree for place, tree in read.items() if tree is not None}


def _condition_of(place: Place, body: Mapping[str, Any]) -> Condition:
    kind, key = place
    remembered = kind == Kind.SEGMENT and (body.get("leaving") or body.get("stay_s"))
    return {"segment": key} if remembered else body.get(_FIELDS[kind]) or {}


def _read(condition: Condition, catalogue: Catalogue) -> Node | None:
    try:
        return inline_segments(parse(condition, catalogue))
    except ConditionError:
        return None
