"""How many people a condition finds, and what a change does to audiences; on sampled profiles, by the same engine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from campaigns.candidates import Candidate, candidate_of
from campaigns.mapping import Refused
from campaigns.models import Change
from campaigns.models.items import Kind
from campaigns.sampling import sampled_facts
from decisioning.rules.compiler import AUDIENCE, compile_trees
from decisioning.rules.conditions import (
    Catalogue,
    ConditionError,
    Facts,
    Node,
    attributes,
    inline_segments,
    parse,
    to_plain,
)
from decisioning.rules.engine import Engine
from decisioning.specs import Condition
from rtts_site.foundation.redis_clients import redis_client


@dataclass(frozen=True, slots=True)
class Audience:
    """How many of the sampled people match, altogether and each part on its own."""

    matched: int
    sampled: int
    population: int
    reachable: int | None = None  # None: no purpose was asked about
    parts: tuple[int, ...] = ()

    @property
    def people(self) -> int:
        """Return how many of all people match, as far as the sample tells."""
        return round(self.matched / self.sampled * self.population) if self.sampled else 0

    @property
    def share(self) -> float:
        """Return the share of people who match, in [0, 1]."""
        return self.matched / self.sampled if self.sampled else 0.0

    @property
    def is_sample(self) -> bool:
        """Return whether the count is an estimate."""
        return self.sampled < self.population


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
) -> Audience:
    """Return how many people a condition finds, and each of its parts on its own.

    Raises:
        ConditionError: it cannot be read.
        CompileError: it is past what the engine can hold.
    """
    trees = {"whole": parse(condition, catalogue)}
    trees |= {f"part{number}": parse(part, catalogue) for number, part in enumerate(parts)}
    counts = count(trees, now=now)
    whole = counts.of("whole")
    each = tuple(counts.matched[f"part{number}"] for number in range(len(parts)))
    return Audience(whole.matched, whole.sampled, whole.population, parts=each)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of the sampled people each tree finds."""

    matched: Mapping[str, int]
    sampled: int
    population: int

    def of(self, name: str) -> Audience:
        """Return the audience of one tree."""
        return Audience(self.matched[name], self.sampled, self.population)


def count(trees: Mapping[str, Node], *, now: datetime) -> Counts:
    """Return how many of the sampled people each tree finds, all trees on the same people.

    Raises:
        CompileError: they are past what the engine can hold.
    """
    artifact = compile_trees(trees)
    needed = {key for tree in trees.values() for key in attributes(tree)}
    known, population = sampled_facts(
        redis_client(), attributes=needed, aggregates=artifact.aggregates, now=now
    )
    engine = Engine(artifact)
    try:
        return Counts(_tally(engine, trees, known.values(), now=now), len(known), population)
    finally:
        engine.close()


def _tally(
    engine: Engine, names: Iterable[str], known: Iterable[Facts], *, now: datetime
) -> dict[str, int]:
    counts = dict.fromkeys(names, 0)
    for facts in known:
        for name in engine.match(AUDIENCE, facts, now.timestamp()):
            counts[name] += 1
    return counts


Place = tuple[str, str]  # kind and key


def effect_of(change: Change, *, now: datetime) -> list[Effect]:
    """Return what a change does to the audiences of segments and offers, those that it moves indirectly too."""
    before, after = _trees(candidate_of(None)), _trees(candidate_of(change))
    moved = [
        place
        for place in sorted({*before, *after})
        if _plain(before.get(place)) != _plain(after.get(place))
    ]
    if not moved:
        return []
    asked = {f"{side}{number}": tree for side, number, tree in _sides(moved, before, after)}
    counts = count(asked, now=now)
    names = {**candidate_of(None).bodies, **candidate_of(change).bodies}

    def side(mark: str, number: int) -> Audience | None:
        name = f"{mark}{number}"
        return counts.of(name) if name in asked else None

    return [
        Effect(kind, key, names[kind, key]["name"], side("b", number), side("a", number))
        for number, (kind, key) in enumerate(moved)
    ]


def _sides(
    moved: list[Place], before: Mapping[Place, Node], after: Mapping[Place, Node]
) -> Iterable[tuple[str, int, Node]]:
    for number, place in enumerate(moved):
        if place in before:
            yield "b", number, before[place]
        if place in after:
            yield "a", number, after[place]


def _plain(tree: Node | None) -> Condition | None:
    return None if tree is None else to_plain(tree)


def _trees(candidate: Candidate) -> dict[Place, Node]:
    """Return the conditions of a candidate's segments and offers that can be read, segments put in place."""
    try:
        catalogue = Catalogue.of(candidate.spec)
    except Refused:
        return {}
    conditions = {
        **{(Kind.SEGMENT.value, one.key): one.condition for one in candidate.spec.segments},
        **{(Kind.OFFER.value, one.key): one.eligibility for one in candidate.spec.offers},
    }
    read = {place: _read(condition, catalogue) for place, condition in conditions.items()}
    return {place: tree for place, tree in read.items() if tree is not None}


def _read(condition: Condition, catalogue: Catalogue) -> Node | None:
    try:
        return inline_segments(parse(condition, catalogue))
    except ConditionError:
        return None
