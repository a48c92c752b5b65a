"""The golden cases hold in the reference evaluator, in the engine, and in words."""

import pytest

from decisioning.rules.compiler import AUDIENCE, compile_trees
from decisioning.rules.conditions import evaluate, explain
from decisioning.rules.engine import Engine
from decisioning.rules.words import sentence
from tests.golden.conditions import load_cases

CATALOGUE, NOW, CASES = load_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden_truth(case):
    for facts, truth in case.people:
        assert evaluate(case.tree, facts, NOW).name.lower() == truth, facts
        assert explain(case.tree, facts, NOW).truth.name.lower() == truth
    assert sentence(case.tree, CATALOGUE)


def test_golden_cases_match_together_in_one_engine():
    engine = Engine(compile_trees({case.name: case.tree for case in CASES}))
    for case in CASES:
        for facts, truth in case.people:
            matched = case.name in engine.match(AUDIENCE, facts, NOW)
            assert matched == (truth == "true"), (case.name, facts)
    engine.close()
