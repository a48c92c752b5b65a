"""The engine gives the reference's answers at every edge, and survives its own failures."""

import durable_rules_engine
import pytest

from decisioning.rules.artifact import GroupKey
from decisioning.rules.check import expected_matches
from decisioning.rules.compiler import AUDIENCE, compile_trees
from decisioning.rules.conditions import parse
from decisioning.rules.constants import CONSTANTS
from decisioning.rules.engine import Engine, EngineError
from decisioning.rules.operators.registry import OPERATORS
from decisioning.rules.tree import Group, make_leaf
from tests.decisioning.rules.strategies import (
    CATALOGUE,
    HOSTILE,
    NOW,
    NUMBERS,
    WRONG,
    around,
)

EVERY_OPERATOR = [
    (family, operator) for family, found in OPERATORS.items() for operator in found.values()
]


def text_is(value):
    return {"attribute": "text1", "is": "eq", "value": value}


def engine_of(**conditions):
    return Engine(compile_trees({name: parse(one, CATALOGUE) for name, one in conditions.items()}))


@pytest.mark.parametrize(
    ("family", "operator"), EVERY_OPERATOR, ids=lambda one: str(getattr(one, "key", one))
)
def test_every_operator_agrees_at_its_edges_and_denied(family, operator):
    value = CONSTANTS[operator.constant].example
    one = make_leaf("fact", family, operator.key, value)
    trees = {"asserted": one, "denied": Group("none", (one,))}
    engine = Engine(compile_trees(trees))
    for fact in (*around(operator.constant, value), *WRONG, *NUMBERS, *HOSTILE):
        facts = {"fact": fact}
        expected = expected_matches(trees, facts, NOW)
        assert engine.match(AUDIENCE, facts, NOW) == expected, facts
    nothing = {"asserted"} if operator.presence is False else set()
    nothing |= {"denied"} if operator.presence is True else set()
    assert engine.match(AUDIENCE, {}, NOW) == nothing
    engine.close()


@pytest.mark.parametrize(
    "value", [one for one in HOSTILE if len(one) <= 1000 and "\ud800" not in one]
)
def test_hostile_text_equals_itself_only(value):
    engine = engine_of(same=text_is(value), other={"none": [text_is(value)]})
    for fact in HOSTILE:
        expected = {"same"} if fact == value else {"other"}
        assert engine.match(AUDIENCE, {"text1": fact}, NOW) == expected
    engine.close()


@pytest.mark.parametrize("value", [one for one in NUMBERS if round(one, 6) == one])
def test_numbers_compare_exactly_and_without_exponents(value):
    compare = {"attribute": "number1", "value": value}
    engine = engine_of(eq={**compare, "is": "eq"}, gt={**compare, "is": "gt"})
    for fact in NUMBERS:
        rounded = round(fact, 6)
        expected = {"eq"} if rounded == value else {"gt"} if rounded > value else set()
        assert engine.match(AUDIENCE, {"number1": fact}, NOW) == expected, fact
    engine.close()


@pytest.mark.parametrize(
    ("condition", "facts"),
    [
        ({"attribute": "number1", "is": "eq", "value": 1}, {"number1": True}),
        ({"attribute": "number1", "is": "eq", "value": 10}, {"number1": "10"}),
        ({"attribute": "text1", "is": "eq", "value": "10"}, {"text1": 10}),
        ({"attribute": "boolean1", "is": "eq", "value": True}, {"boolean1": 1}),
        ({"attribute": "text1", "is": "ne", "value": "a"}, {"text1": None}),
        ({"attribute": "text1", "is": "ne", "value": "a"}, {}),
        ({"none": [{"attribute": "text1", "is": "ne", "value": "a"}]}, {}),
        ({"none": [{"attribute": "number1", "is": "between", "value": [1, 2]}]}, {"number1": "3"}),
    ],
)
def test_a_fact_of_another_type_is_unknown(condition, facts):
    engine = engine_of(rule=condition)

    assert engine.match(AUDIENCE, facts, NOW) == frozenset()
    engine.close()


def test_a_match_leaves_nothing_behind():
    engine = engine_of(gold=text_is("gold"), other={"attribute": "text2", "is": "eq", "value": "b"})

    assert engine.match(AUDIENCE, {"text1": "gold"}, NOW) == {"gold"}
    assert engine.match(AUDIENCE, {"text2": "b"}, NOW) == {"other"}
    assert engine.match(AUDIENCE, {}, NOW) == frozenset()
    engine.close()


def delete(handle):
    durable_rules_engine.delete_ruleset(handle)


def leave_a_fact_behind(handle):
    durable_rules_engine.assert_fact(handle, '{"a0":"gold"}')


@pytest.mark.parametrize("harm", [delete, leave_a_fact_behind])
def test_a_failed_match_is_reported_and_the_next_is_right(harm):
    engine = engine_of(gold=text_is("gold"))
    harm(engine._groups[AUDIENCE].loaded[0].handle)

    with pytest.raises(EngineError):
        engine.match(AUDIENCE, {"text1": "gold"}, NOW)

    assert engine.match(AUDIENCE, {"text1": "gold"}, NOW) == {"gold"}
    assert engine.match(AUDIENCE, {"text1": "silver"}, NOW) == frozenset()
    engine.close()


def test_a_closed_engine_and_an_unknown_group_say_so():
    engine = engine_of(gold=text_is("gold"))
    with pytest.raises(KeyError):
        engine.match(GroupKey("nowhere", ()), {}, NOW)
    engine.close()
    engine.close()

    with pytest.raises(EngineError, match="closed"):
        engine.match(AUDIENCE, {}, NOW)


def test_many_rules_match_at_once():
    engine = engine_of(**{f"r{number}": text_is("gold") for number in range(300)})

    assert len(engine.match(AUDIENCE, {"text1": "gold"}, NOW)) == 300
    assert engine.match(AUDIENCE, {"text1": "silver"}, NOW) == frozenset()
    engine.close()
