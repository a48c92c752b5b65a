"""The compiled rules and the reference evaluator are two ways to one answer."""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decisioning.rules.check import expected_matches
from decisioning.rules.compiler import AUDIENCE, MAX_PROPERTIES, MAX_RULESET_PATHS, compile_trees
from decisioning.rules.conditions import Denied, Group, Leaf, Truth, evaluate, parse, to_nnf
from decisioning.rules.engine import Engine
from decisioning.rules.tree import leaves
from tests.decisioning.rules.strategies import CATALOGUE, NOW, conditions, facts_for

PAIRS = int(os.environ.get("RTTS_RULE_PAIRS", "100000"))
CALM = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

cases = st.lists(conditions(), min_size=1, max_size=8).flatmap(
    lambda found: st.tuples(
        st.just(found), st.lists(facts_for(leaves_of(found)), min_size=8, max_size=8)
    )
)


def trees_of(found):
    return {f"rule {number}": parse(one, CATALOGUE) for number, one in enumerate(found)}


def leaves_of(found):
    return [leaf for tree in trees_of(found).values() for leaf in leaves(tree)]


def compare(found, samples, seen):
    trees = trees_of(found)
    artifact = compile_trees(trees)
    engine = Engine(artifact)
    try:
        for facts in samples:
            expected = expected_matches(trees, facts, NOW)
            assert engine.match(AUDIENCE, facts, NOW) == expected
            seen["pairs"] += len(trees)
            seen["matches"] += len(expected)
    finally:
        engine.close()
    for ruleset in artifact.groups[0].rulesets:
        assert ruleset.definition.count('"$and":') <= MAX_RULESET_PATHS
        assert len(ruleset.properties) <= MAX_PROPERTIES


@settings(max_examples=100, deadline=None, suppress_health_check=CALM)
@given(cases)
def test_compiled_rules_agree_with_the_reference(case):
    compare(*case, Counter())


@pytest.mark.long
def test_compiled_rules_agree_on_100_000_pairs():
    seen = Counter()

    @settings(max_examples=PAIRS // 16, deadline=None, suppress_health_check=CALM, database=None)
    @given(cases)
    def run(case):
        if seen["pairs"] < PAIRS:
            compare(*case, seen)

    run()

    print(f"{seen['pairs']:,} pairs agree, {seen['matches']:,} of them match")
    assert seen["pairs"] >= PAIRS
    assert 0.05 < seen["matches"] / seen["pairs"] < 0.95


def holds(node, facts):
    """Judge normal form with two values only: a comparison with something missing is false."""
    match node:
        case Leaf():
            return evaluate(node, facts, NOW) is Truth.TRUE
        case Denied():
            return evaluate(node.leaf, facts, NOW) is Truth.FALSE
        case Group(kind="all"):
            return all(holds(child, facts) for child in node.children)
        case Group(kind="any"):
            return any(holds(child, facts) for child in node.children)


@settings(max_examples=100, deadline=None, suppress_health_check=CALM)
@given(cases)
def test_normal_form_with_missing_as_false_is_the_three_valued_answer(case):
    found, samples = case
    for tree in trees_of(found).values():
        for facts in samples:
            assert holds(to_nnf(tree), facts) == (evaluate(tree, facts, NOW) is Truth.TRUE)


@settings(max_examples=100, deadline=None, suppress_health_check=CALM)
@given(cases)
def test_knowing_more_never_turns_a_match_around(case):
    found, samples = case
    for tree in trees_of(found).values():
        for facts in samples:
            known = evaluate(tree, facts, NOW)
            for key in facts:
                fewer = {other: facts[other] for other in facts if other != key}
                less = evaluate(tree, fewer, NOW)
                presence = any(
                    one.operator.presence is not None for one in leaves(tree) if one.fact == key
                )
                assert presence or less in (known, Truth.UNKNOWN)
