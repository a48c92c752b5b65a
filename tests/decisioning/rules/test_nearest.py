"""What is suggested really flips the condition, by the reference evaluator, and goes no further than it must."""

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from decisioning.rules.conditions import Catalogue, Truth, evaluate, facts_of_nobody, parse
from decisioning.rules.nearest import applied, nearest, nearest_time
from decisioning.rules.tree import aggregates, leaves
from decisioning.specs import AttributeSpec, EventTypeSpec, PropertySpec
from tests.decisioning.rules.strategies import CATALOGUE, NOW, conditions, facts_for

CALM = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
SHOP = Catalogue.of_parts(
    attributes=[
        AttributeSpec(key="spend", name="Total spend", type="number", unit="EUR"),
        AttributeSpec(key="tier", name="Tier", type="text", values=("gold", "silver")),
        AttributeSpec(key="tags", name="Tags", type="list"),
        AttributeSpec(key="app", name="App", type="version"),
        AttributeSpec(key="renewal", name="Renewal", type="date"),
        AttributeSpec(key="vip", name="VIP", type="boolean"),
    ],
    event_types=[
        EventTypeSpec(
            key="Order Completed",
            name="Order",
            properties=(PropertySpec(key="total", type="number"),),
        )
    ],
)
DAY = 86_400


def is_(key, operator, value=None):
    return {"attribute": key, "is": operator, **({} if value is None else {"value": value})}


def suggested(condition, facts, **how):
    tree = parse(condition, SHOP)
    return {one.fact: one.value for one in nearest(tree, facts, NOW, **how)}


@settings(max_examples=40, deadline=None, suppress_health_check=CALM)
@given(
    conditions().flatmap(
        lambda one: st.tuples(st.just(one), facts_for(list(leaves(parse(one, CATALOGUE)))))
    ),
    st.booleans(),
)
def test_applying_a_suggestion_flips_the_tree(case, untrue):
    condition, facts = case
    tree = parse(condition, CATALOGUE)
    wanted = Truth.FALSE if untrue else Truth.TRUE

    changes = nearest(tree, facts, NOW, untrue=untrue)

    event("suggests" if changes else "has nothing to suggest")
    if changes:
        assert evaluate(tree, facts, NOW) is not wanted
        assert evaluate(tree, applied(facts, changes), NOW) is wanted
        # Each is needed: without any one of them the tree is not flipped.
        for one in changes:
            rest = [other for other in changes if other is not one]
            assert evaluate(tree, applied(facts, rest), NOW) is not wanted


@pytest.mark.parametrize(
    ("condition", "facts", "expected"),
    [
        (is_("spend", "gte", 500), {"spend": 487.6}, {"spend": 500}),
        (is_("spend", "gt", 500), {"spend": 487.6}, {"spend": 500.01}),
        (is_("spend", "gt", 500), {"spend": 12}, {"spend": 501}),
        (is_("spend", "between", [10, 20]), {"spend": 25}, {"spend": 20}),
        ({"none": [is_("spend", "lt", 100)]}, {"spend": 50}, {"spend": 100}),
        # Two conditions on one number: what both allow is one interval.
        ({"all": [is_("spend", "gt", 10), is_("spend", "lt", 12)]}, {"spend": 50}, {"spend": 11}),
        (
            {"all": [is_("spend", "gte", 10), is_("spend", "none_of", [10, 11])]},
            {"spend": 5},
            {"spend": 12},
        ),
        (is_("tier", "any_of", ["gold", "silver"]), {}, {"tier": "gold"}),
        # The cheaper side of a choice.
        (
            {"any": [is_("spend", "gte", 500), is_("tier", "eq", "gold")]},
            {"spend": 499},
            {"spend": 500},
        ),
        ({"any": [is_("vip", "eq", True), is_("spend", "gte", 9)]}, {"vip": False, "spend": 9}, {}),
        (is_("tags", "contains_all", ["a", "b"]), {"tags": ["b", "z"]}, {"tags": ["b", "z", "a"]}),
        (is_("app", "gte", "2.10"), {"app": "2.9.1"}, {"app": "2.10"}),
        (is_("vip", "eq", True), {}, {"vip": True}),
        (is_("tier", "is_not_set"), {"tier": "gold"}, {"tier": None}),
        # Nothing helps.
        ({"all": [is_("spend", "gt", 5), is_("spend", "lt", 5)]}, {"spend": 5}, {}),
        ({"any": []}, {}, {}),
    ],
)
def test_the_smallest_change_is_suggested(condition, facts, expected):
    assert suggested(condition, facts) == expected


def test_a_true_condition_is_lost_by_the_smallest_change():
    rule = {"all": [is_("spend", "gte", 500), is_("tier", "eq", "gold")]}

    assert suggested(rule, {"spend": 510, "tier": "gold"}, untrue=True) == {"spend": 499}


def test_one_more_order_within_the_window():
    rule = {"event": "Order Completed", "count": {"is": "gte", "value": 3}, "within": "30d"}
    tree = parse(rule, SHOP)
    (spec,) = aggregates(tree)

    (change,) = nearest(tree, {spec.key: 2}, NOW)
    (from_nothing,) = nearest(tree, facts_of_nobody([spec]), NOW)

    assert (change.before, change.value) == (2, 3)
    assert from_nothing.value == 3


def test_nothing_is_counted_below_zero():
    rule = {"event": "Order Completed", "count": {"is": "lt", "value": 0}, "within": "30d"}

    assert nearest(parse(rule, SHOP), {}, NOW) == ()


@pytest.mark.parametrize(
    ("operator", "span", "fact", "due"),
    [
        ("within_next", "7d", NOW + 10 * DAY, NOW + 3 * DAY),
        ("more_than_ago", "30d", NOW - 29 * DAY, NOW + DAY + 1),
        ("within_last", "7d", NOW + DAY, NOW + DAY),
        ("more_than_ago", "30d", NOW - 31 * DAY, None),
    ],
)
def test_time_alone_makes_it_true(operator, span, fact, due):
    tree = parse(is_("renewal", operator, span), SHOP)

    at = nearest_time(tree, lambda moment: {"renewal": fact}, NOW)

    if due is None:
        assert evaluate(tree, {"renewal": fact}, NOW) is Truth.TRUE
    else:
        assert at == pytest.approx(due)


def test_time_since_the_last_order_grows_by_itself():
    rule = {"event": "Order Completed", "since_last": {"is": "gt", "value": "2d"}}
    tree = parse(rule, SHOP)
    (spec,) = aggregates(tree)

    at = nearest_time(tree, lambda moment: {spec.key: DAY + moment - NOW}, NOW)

    assert at == NOW + DAY + 1
