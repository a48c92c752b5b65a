import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.rule_builder.meaning import complete
from campaigns.rule_builder.stored import read_condition
from campaigns.rule_builder.translation import check, to_number, write_condition
from decisioning.rules.conditions import FOR_EVER, FUNCTIONS, READS, parse
from decisioning.rules.constants import CONSTANTS
from decisioning.rules.operators.registry import OPERATORS
from tests.campaigns.rule_builder.catalogue import CATALOGUE, FIRST

ATTRIBUTES = [
    {"attribute": spec.key, "is": operator.key}
    | ({} if operator.constant == "none" else {"value": CONSTANTS[operator.constant].example})
    for spec in CATALOGUE.attributes.values()
    for operator in OPERATORS[spec.type].values()
]
WHERE = {"attribute": "department", "is": "eq", "value": "Garden"}
EVENTS = [
    {
        "event": "Order Completed",
        function: {"is": operator.key, "value": CONSTANTS[operator.constant].example}
        | ({"property": "total"} if function in READS else {}),
        "within": "5 sessions" if function == "sessions" else "30d",
    }
    for function in FUNCTIONS
    for operator in OPERATORS[
        "since"
        if function.startswith("since")
        else "number"
        if function in ("first", "last")
        else "aggregate"
    ].values()
    if operator.constant != "none"
]
SPECIAL = [
    {"segment": "gold"},
    {"event": "Order Completed", "then": {"event": "Product Viewed"}, "within": "7d"},
    {
        "event": "Product Viewed",
        "without": {"event": "Order Completed", "where": {"any": [WHERE, WHERE]}},
        "within": "session",
    },
    {"event": "Order Completed", "count": {"is": "gte", "value": 1}, "where": WHERE},
    {
        "event": "Order Completed",
        "count": {"is": "lt", "value": 2},
        "within": "page",
        "where": {"none": [WHERE]},
    },
    {"attribute": "spend", "is": "eq", "value": 0.000001},
    {"attribute": "spend", "is": "gt", "value": -1000000000000000},
    {"attribute": "country", "is": "any_of", "value": ["DE", "no longer known"]},
    {"attribute": "birthday", "is": "before", "value": "2026-11-22T09:00:00+01:00"},
    {"attribute": "city", "is": "eq", "value": "30d"},
    *({"event": "Order Completed", one: {"is": "gt", "value": "2h"}} for one in FOR_EVER[1:]),
]
LEAVES = st.sampled_from([*ATTRIBUTES, *EVENTS, *SPECIAL])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda kind, children: {kind: children},
        st.sampled_from(["all", "any", "none"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=12,
)


def written(condition):
    tree = read_condition(condition)
    complete(tree, CATALOGUE)
    return write_condition(tree, CATALOGUE)


@pytest.mark.parametrize("leaf", [*ATTRIBUTES, *EVENTS, *SPECIAL], ids=str)
def test_every_condition_survives_the_page(leaf):
    assert written({"all": [leaf]}).condition == {"all": [leaf]}
    assert check(written({"all": [leaf]}), CATALOGUE) == []


@given(TREES)
def test_every_tree_survives_the_page(tree):
    wrapped = {"all": [tree]}

    assert written(wrapped).condition == wrapped
    assert parse(written(tree).condition, CATALOGUE) is not None


def test_everyone_stays_everyone():
    assert written({}).condition == {}


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("500", 500),
        (" 1,200 ", 1200),
        ("1,200,000.5", 1200000.5),
        ("-3", -3),
        ("1e9", "1e9"),
        ("Infinity", "Infinity"),
        ("1,5", "1,5"),
        ("٣", "٣"),
        ("9" * 400, "9" * 400),
        ("", ""),
    ],
)
def test_numbers_are_digits_as_people_write_them(typed, number):
    assert to_number(typed) == number


def test_a_fault_is_said_at_the_row_and_the_input():
    tree = read_condition(FIRST)
    spend = next(node for node in tree.walk() if node.text("subject") == "attribute:spend")
    spend.fields["value"] = ["lots"]

    (message,) = check(write_condition(tree, CATALOGUE), CATALOGUE)

    assert (message.node, message.part) == (spend.id, "value")
    assert message.text == "Write a number, for example 500."


def test_a_fault_in_a_filter_is_said_at_its_row():
    tree = read_condition(FIRST)
    inner = next(node for node in tree.walk() if node.text("subject") == "attribute:department")
    inner.fields["is"] = ["gt"]

    (message,) = check(write_condition(tree, CATALOGUE), CATALOGUE)

    assert (message.node, message.part) == (inner.id, "is")


def test_a_condition_about_nothing_asks_what_to_look_at():
    tree = read_condition({"all": [{"attribute": "", "is": ""}]})
    tree.children[0].fields = {}

    (message,) = check(write_condition(tree, CATALOGUE), CATALOGUE)

    assert message.text == "Choose what to look at."


def test_what_left_the_catalogue_is_named():
    tree = read_condition({"all": [{"attribute": "shoe_size", "is": "gt", "value": 40}]})
    complete(tree, CATALOGUE)

    (message,) = check(write_condition(tree, CATALOGUE), CATALOGUE)

    assert "shoe_size" in message.text
