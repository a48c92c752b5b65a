"""The only place that holds the compiled form of a release against the reference evaluator."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from decisioning.rules.artifact import Artifact, GroupKey
from decisioning.rules.compiler import Rules, rules_of
from decisioning.rules.conditions import Facts, Node, Truth, evaluate
from decisioning.rules.engine import Engine
from decisioning.specs import ReleaseSpec


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One sample that compiled rules and reference judge differently: the release must not go live."""

    group: GroupKey
    rule: str
    sample: int  # its place in the samples
    compiled: bool
    reference: bool


def self_test(
    artifact: Artifact, release: ReleaseSpec, samples: Iterable[Facts], now: float
) -> list[Disagreement]:
    """Return where the artifact and the reference evaluator differ on sampled facts; none is right.

    Raises:
        CompileError: the release itself cannot be read.
    """
    rules = rules_of(release)
    engine = Engine(artifact)
    try:
        return [
            one
            for number, facts in enumerate(samples)
            for one in _differences(engine, rules, facts, number, now)
        ]
    finally:
        engine.close()


def _differences(
    engine: Engine, rules: Rules, facts: Facts, number: int, now: float
) -> Iterable[Disagreement]:
    for group, trees in rules.items():
        matched = engine.match(group, facts, now)
        expected = expected_matches(trees, facts, now)
        for rule in sorted(matched ^ expected):
            yield Disagreement(group, rule, number, rule in matched, rule in expected)


def expected_matches(trees: Mapping[str, Node], facts: Facts, now: float) -> frozenset[str]:
    """Return the names of the trees that the reference evaluator finds definitely true."""
    return frozenset(
        name for name, tree in trees.items() if evaluate(tree, facts, now) is Truth.TRUE
    )
