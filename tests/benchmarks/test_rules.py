"""How long a match takes beside the least that any answer costs: reading and writing its facts as JSON."""

import json
import time
from statistics import median

import pytest

from decisioning.rules.check import expected_matches
from decisioning.rules.compiler import AUDIENCE, compile_trees
from decisioning.rules.conditions import Catalogue, parse
from decisioning.rules.engine import Engine
from decisioning.specs import AttributeSpec
from tests.golden.conditions import load_cases

pytestmark = pytest.mark.benchmark
ROUNDS = 300


def microseconds(work):
    """Return the median of single runs, microseconds."""
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter_ns()
        work()
        taken.append(time.perf_counter_ns() - start)
    return median(taken) / 1000


def compare(title, trees, facts, now):
    engine = Engine(compile_trees(trees))
    expected = expected_matches(trees, facts, now)
    assert engine.match(AUDIENCE, facts, now) == expected
    floor = microseconds(lambda: json.loads(json.dumps(facts)))
    match = microseconds(lambda: engine.match(AUDIENCE, facts, now))
    reference = microseconds(lambda: expected_matches(trees, facts, now))
    engine.close()
    print(
        f"\n{title}: {len(trees)} rules, {len(expected)} match, {len(facts)} facts: "
        f"match {match:.0f} us = {match / floor:.1f} x JSON floor ({floor:.1f} us) "
        f"= {match / reference:.2f} x reference ({reference:.0f} us)"
    )


def test_golden_conditions():
    _, now, cases = load_cases()
    facts = {}
    for case in cases:
        facts |= case.people[0][0]

    compare("golden conditions", {case.name: case.tree for case in cases}, facts, now)


@pytest.mark.parametrize("rules", [5, 60, 1000])
def test_comparisons(rules):
    attributes = [AttributeSpec(key=f"n{one}", name="N", type="number") for one in range(20)]
    catalogue = Catalogue.of_parts(attributes=attributes)
    trees = {
        f"rule {number}": parse(
            {
                "all": [
                    {"attribute": f"n{number % 20}", "is": "gte", "value": number % 10},
                    {"attribute": f"n{(number + 7) % 20}", "is": "lt", "value": 8},
                ]
            },
            catalogue,
        )
        for number in range(rules)
    }

    compare("two comparisons", trees, {f"n{one}": one % 10 for one in range(20)}, 0.0)
