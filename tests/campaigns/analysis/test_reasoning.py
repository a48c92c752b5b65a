import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.analysis.reasoning import examine
from decisioning.rules.conditions import (
    EVERYONE,
    ConditionError,
    Group,
    SegmentUse,
    Truth,
    evaluate,
    parse,
)
from decisioning.rules.tree import leaves
from tests.decisioning.rules.strategies import CATALOGUE, NOW, comparison, conditions, facts_for


def leaf(attribute, operator, value=None):
    given = {"attribute": attribute, "is": operator}
    return given if value is None else {**given, "value": value}


def number(operator, value):
    return leaf("number1", operator, value)


def text(operator, value):
    return leaf("text1", operator, value)


def ordered(operator, value, **more):
    return {"event": "Order Completed", "count": {"is": operator, "value": value}, **more}


def told(condition, now=NOW):
    return [(one.code, one.path) for one in examine(parse(condition, CATALOGUE), now=now)]


NEVER = {
    "numbers apart": {"all": [number("gt", 5), number("lt", 3)]},
    "edges": {"all": [number("gt", 5), number("lte", 5)]},
    "two texts": {"all": [text("eq", "a"), text("any_of", ["b", "c"])]},
    "letters do not help": {"all": [text("eq_ignoring_case", "Gold"), text("eq", "silver")]},
    "starts apart": {"all": [text("starts_with", "/shop"), text("starts_with", "/news")]},
    "pattern": {"all": [text("matches", "/shop/*"), text("starts_with", "/news")]},
    "between counts": {"all": [ordered("gt", 2), ordered("lt", 3)]},
    "count below nothing": {"all": [ordered("lt", 0)]},
    "yes and no": {"all": [leaf("boolean1", "eq", True), {"none": [leaf("boolean1", "eq", True)]}]},
    "set and not": {"all": [number("gt", 5), leaf("number1", "is_not_set")]},
    "unknown too": {"all": [number("gt", 5), {"none": [number("gt", 3)]}]},
    "versions": {"all": [leaf("version1", "gt", "2.0.0"), leaf("version1", "lt", "1.9")]},
    "dates": {"all": [leaf("date1", "before", "2026-01-01"), leaf("date1", "after", "2026-02-01")]},
    "over for good": {
        "all": [leaf("date1", "before", "2026-01-01"), leaf("date1", "within_last", "30d")]
    },
    "far places": {
        "all": [
            leaf("place1", "within_km", {"lat": 48.2, "lon": 16.4, "km": 5}),
            leaf("place1", "within_km", {"lat": 52.5, "lon": 13.4, "km": 5}),
        ]
    },
    "lists": {"all": [leaf("list1", "contains", "a"), leaf("list1", "contains_none", ["a", "b"])]},
    "empty list": {"all": [leaf("list1", "contains", "a"), leaf("list1", "size_lt", 1)]},
    "all branches": {
        "all": [number("gt", 5), {"any": [number("lt", 3), {"all": [number("eq", 4)]}]}]
    },
    "segment": {"all": [{"segment": "simple"}, text("eq", "b")]},
}


@pytest.mark.parametrize("name", NEVER)
def test_what_can_never_be_true_is_found(name):
    assert [code for code, _ in told(NEVER[name])] == ["never"]


def test_the_two_that_clash_are_named():
    condition = {"all": [text("eq", "a"), number("gt", 5), {"all": [number("lt", 3)]}]}

    (issue,) = examine(parse(condition, CATALOGUE), now=NOW)

    assert (issue.path, issue.node.value) == ("/all/1", 5)
    assert [one.value for one in issue.others] == [3]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"any": [number("gt", 5), number("lte", 5)]}, [("known", "")]),
        ({"any": [leaf("number1", "is_set"), leaf("number1", "is_not_set")]}, [("always", "")]),
        ({"any": [number("gt", 5), {"none": [number("gt", 5)]}]}, [("known", "")]),
        (
            {"any": [number("gt", 5), number("lte", 5), leaf("number1", "is_not_set")]},
            [("always", "")],
        ),
        ({"all": [ordered("gte", 0)]}, [("known", "")]),
        ({"any": [text("eq", "a"), text("ne", "a")]}, [("known", "")]),
        (
            {"all": [text("eq", "a"), {"any": [number("gt", 5), number("lt", 9)]}]},
            [("known", "/all/1")],
        ),
        (leaf("number1", "is_set"), []),
        ({"any": [number("gt", 5), number("lt", 5)]}, []),
        ({}, []),
    ],
)
def test_what_is_always_true_minds_the_unknown(condition, expected):
    assert told(condition) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"all": [number("gt", 500), number("gt", 200)]}, [("useless", "/all/1")]),
        ({"all": [number("gt", 200), number("gt", 500)]}, [("useless", "/all/0")]),
        ({"any": [number("gt", 500), number("gt", 200)]}, [("covered", "/any/0")]),
        ({"all": [text("eq", "a"), text("eq", "a")]}, [("useless", "/all/1")]),
        ({"all": [{"segment": "simple"}, text("eq", "a")]}, [("useless", "/all/1")]),
        ({"all": [text("any_of", ["a", "b"]), {"segment": "simple"}]}, [("useless", "/all/0")]),
        ({"all": [number("gt", 5), leaf("number1", "is_set")]}, [("useless", "/all/1")]),
        (
            {"all": [number("gt", 5), {"any": [number("lt", 3), text("eq", "a")]}]},
            [("dead", "/all/1/any/0")],
        ),
        ({"none": [number("gt", 5), number("gt", 3)]}, [("useless", "/none/0")]),
        (
            {"all": [leaf("list1", "contains_all", ["a", "b"]), leaf("list1", "contains", "a")]},
            [("useless", "/all/1")],
        ),
        (
            {"all": [text("starts_with", "/shop/x"), text("contains", "shop")]},
            [("useless", "/all/1")],
        ),
        (
            {"all": [text("eq", "a"), {"any": [text("eq", "a"), number("gt", 5)]}]},
            [("useless", "/all/1")],
        ),
        ({"all": [number("gt", 5), text("eq", "a")]}, []),
        (
            {"any": [number("gt", 5), {"none": [number("gt", 5)]}, text("eq", "a")]},
            [("known", "")],
        ),
    ],
)
def test_what_says_nothing_new_is_found(condition, expected):
    assert told(condition) == expected


def test_whose_value_has_to_be_known_is_named():
    tree = parse({"any": [number("gt", 5), text("eq", "a"), number("lte", 5)]}, CATALOGUE)

    (issue,) = examine(tree, now=NOW)

    assert [one.fact for one in issue.others] == ["number1", "number1"]


def test_the_condition_that_makes_another_useless_is_named():
    tree = parse({"all": [text("eq", "a"), number("gt", 500), number("gt", 200)]}, CATALOGUE)

    (issue,) = examine(tree, now=NOW)

    assert issue.node.value == 200
    assert [one.value for one in issue.others] == [500]


def possible(fact, leaf):
    """Say whether a fact is one that the profile can hold: counts are whole, spans not below 0."""
    if isinstance(fact, bool) or not isinstance(fact, int | float):
        return True
    if leaf.aggregate and leaf.aggregate.function in ("count", "distinct"):
        return fact >= 0 and fact % 1 == 0
    return leaf.family != "since" or fact >= 0


def without(node, path):
    """Return a tree without the node at a path of steps; None where nothing is left."""
    if not path:
        return None
    kept = [
        without(child, path[1:]) if number == path[0] else child
        for number, child in enumerate(node.children)
    ]
    return Group(node.kind, tuple(one for one in kept if one is not None))


def holds(issue, tree, facts):
    """Say whether what is claimed of a tree is so for these facts."""
    steps = [int(step) for step in issue.path.split("/")[2::2]]
    whole = evaluate(tree, facts, NOW)
    truth = evaluate(issue.node, facts, NOW)
    match issue.code:
        case "never":
            return whole is not Truth.TRUE
        case "always" if not steps:
            return whole is Truth.TRUE
        case "known":
            return truth is not Truth.FALSE
        case "excludes nobody":
            return truth is not Truth.TRUE
        case _:
            without_it = evaluate(without(tree, steps), facts, NOW)
            return (whole is Truth.TRUE) == (without_it is Truth.TRUE)


# Few facts and values, so that conditions meet.
near = st.one_of(
    comparison("number", attribute="number1"),
    comparison("text", attribute="text1"),
    st.sampled_from(
        [
            *(number(key, value) for key in ("gt", "lte", "eq", "ne") for value in (1, 2)),
            *(text(key, "a") for key in ("eq", "ne", "contains", "starts_with")),
            *(text(f"{key}_ignoring_case", "A") for key in ("eq", "ne", "contains")),
            *(ordered(key, value) for key in ("gt", "lt", "eq") for value in (0, 1)),
            *(leaf("date1", key, "1d") for key in ("within_last", "more_than_ago")),
            *(leaf("date1", key, "2026-11-22") for key in ("before", "after", "on")),
            leaf("number1", "is_set"),
            leaf("text1", "is_not_set"),
            leaf("list1", "contains_any", ["a", "b"]),
            leaf("list1", "contains_all", ["a", "b"]),
            leaf("list1", "contains_none_ignoring_case", ["A"]),
            leaf("list1", "size_lte", 1),
            {"segment": "simple"},
            {"segment": "nested"},
        ]
    ),
)


def groups(inner):
    kinds = st.sampled_from(("all", "any", "none"))
    return st.builds(
        lambda kind, found: {kind: found}, kinds, st.lists(inner, min_size=1, max_size=4)
    )


close = groups(st.one_of(near, groups(st.one_of(near, groups(near)))))


def parsed(condition):
    try:
        return parse(condition, CATALOGUE)
    except ConditionError:  # e.g. one condition too many
        return EVERYONE


@given(st.data(), st.one_of(close, conditions()))
@settings(max_examples=250)
def test_every_finding_holds_for_every_person(data, condition):
    tree = parsed(condition)
    issues = examine(tree, now=NOW)
    if not issues:
        return
    found = list(leaves(tree))
    for _ in range(8):
        facts = data.draw(facts_for(found))
        known = {
            key: fact
            for key, fact in facts.items()
            if all(possible(fact, one) for one in found if one.fact == key)
        }
        for issue in issues:
            assert holds(issue, tree, known), issue


def test_segments_are_never_taken_apart():
    condition = {"all": [number("gt", 5), {"segment": "nested"}]}

    for issue in examine(parse(condition, CATALOGUE), now=NOW):
        assert isinstance(issue.node, SegmentUse) or issue.path.count("/") <= 2
