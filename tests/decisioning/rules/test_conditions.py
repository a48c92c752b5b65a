"""Reading, judging and wording conditions."""

from datetime import UTC, datetime

import pytest

from decisioning.rules import limits
from decisioning.rules.conditions import (
    EVERYONE,
    Catalogue,
    ConditionError,
    Truth,
    aggregates,
    attributes,
    conform,
    evaluate,
    explain,
    facts_of_nobody,
    inline_segments,
    load,
    parse,
    property_facts,
    to_plain,
)
from decisioning.rules.visibility import Sight, without_hidden
from decisioning.rules.words import explanation_words, outline, sentence
from decisioning.specs import AttributeSpec, EventTypeSpec, PropertySpec, SegmentSpec

NOW = datetime(2026, 11, 22, 2, tzinfo=UTC).timestamp()
GOLD = {"attribute": "tier", "is": "eq", "value": "gold"}
SPENT = {"attribute": "spend", "is": "gt", "value": 500}
BOUGHT = {
    "event": "Order Completed",
    "count": {"is": "gte", "value": 1},
    "within": "30d",
    "where": {"attribute": "category", "is": "eq", "value": "outdoor"},
}


def shop(**segments):
    return Catalogue.of_parts(
        attributes=[
            AttributeSpec(key="country", name="Country", type="text"),
            AttributeSpec(key="tier", name="Loyalty tier", type="text"),
            AttributeSpec(key="spend", name="Total spend", type="number", unit="EUR"),
            AttributeSpec(key="seen", name="Last seen", type="date"),
            AttributeSpec(key="member", name="Member", type="boolean"),
            AttributeSpec(key="tags", name="Interests", type="list"),
            AttributeSpec(key="at", name="Position", type="place"),
            AttributeSpec(key="app", name="App version", type="version"),
        ],
        event_types=[
            EventTypeSpec(
                key="Order Completed",
                name="Order Completed",
                properties=(
                    PropertySpec(key="category", type="text"),
                    PropertySpec(key="total", type="number"),
                ),
            ),
            EventTypeSpec(key="cart", name="Cart Updated"),
        ],
        segments=[
            SegmentSpec(key=key, name=key.title(), condition=condition)
            for key, condition in segments.items()
        ],
    )


def nested(levels):
    return {"all": [nested(levels - 1)]} if levels else GOLD


def fault(condition, catalogue=None):
    with pytest.raises(ConditionError) as caught:
        parse(condition, catalogue or shop())
    return caught.value.path, caught.value.message


@pytest.mark.parametrize("condition", [{}, {"all": []}, {"any": []}, {"none": []}])
def test_a_condition_without_content_is_everyone(condition):
    assert parse(condition, shop()) == EVERYONE
    assert evaluate(EVERYONE, {}, NOW) is Truth.TRUE
    assert sentence(condition, shop()) == "Everyone"


@pytest.mark.parametrize(
    ("condition", "path", "words"),
    [
        ([], "", "write a condition as an object"),
        ({"all": [5]}, "/all/0", "write a condition as an object"),
        ({"all": [{"any": []}]}, "/all/0/any", "add at least one condition"),
        ({"all": GOLD}, "/all", "add at least one condition"),
        ({"all": [GOLD], "any": [GOLD]}, "/any", 'take "any" out'),
        ({"foo": 1}, "", "start a condition with"),
        ({"attribute": "age", "is": "eq", "value": 1}, "/attribute", '"age" is not in the cat'),
        ({"attribute": 7, "is": "eq", "value": 1}, "/attribute", '"7" is not in the catalogue'),
        ({"attribute": "tier", "is": "gt", "value": "a"}, "/is", '"gt" does not fit a text'),
        ({"attribute": "tier"}, "/is", "nothing does not fit a text: choose one of eq"),
        ({**GOLD, "value": 5}, "/value", "write a text"),
        ({**GOLD, "value": "x" * 1001}, "/value", "shorten the text to 1,000"),
        ({**GOLD, "value": "\ud800"}, "/value", "remove the characters"),
        ({**GOLD, "extra": 5}, "/extra", 'take "extra" out'),
        ({"attribute": "tier", "is": "is_set", "value": 1}, "/value", "takes no value"),
        ({"attribute": "tier", "is": "any_of", "value": []}, "/value", "at least one value"),
        ({"attribute": "tier", "is": "any_of", "value": ["x"] * 501}, "/value", "at most 500"),
        ({"attribute": "tier", "is": "matches", "value": "*" * 11}, "/value", "at most 10 stars"),
        ({**SPENT, "value": "5"}, "/value", "write a number"),
        ({**SPENT, "value": True}, "/value", "write a number"),
        ({**SPENT, "value": float("nan")}, "/value", "write a number"),
        ({**SPENT, "value": float("inf")}, "/value", "write a number"),
        ({**SPENT, "value": 1e16}, "/value", "write a number between"),
        ({**SPENT, "value": 10**400}, "/value", "write a number between"),
        ({**SPENT, "value": 1e-7}, "/value", "at most 6 decimals"),
        ({**SPENT, "is": "between", "value": [2, 1]}, "/value", "put the lower number first"),
        ({"attribute": "member", "is": "eq", "value": "yes"}, "/value", "choose true or false"),
        ({"attribute": "seen", "is": "before", "value": "22.11.26"}, "/value", "write a date such"),
        ({"attribute": "seen", "is": "on", "value": "2026-11-22T09:00"}, "/value", "add the time"),
        ({"attribute": "seen", "is": "within_last", "value": "1y"}, "/value", "write a whole numb"),
        ({"attribute": "tags", "is": "size_eq", "value": -1}, "/value", "whole number from 0 up"),
        ({"attribute": "at", "is": "within_km", "value": {"km": 1}}, "/value", "give lat, lon and"),
        ({"attribute": "app", "is": "gt", "value": "new"}, "/value", "write a version such as"),
        ({"segment": "loyal"}, "/segment", '"loyal" is not a segment'),
        ({"event": "Visit", "count": {}}, "/event", '"Visit" is not in the catalogue of events'),
        ({"event": "cart"}, "", "say what of the event counts"),
        ({"event": "cart", "count": 3}, "/count", "write a comparison such as"),
        ({**BOUGHT, "count": {"is": "eq", "value": "2"}}, "/count/value", "write a number"),
        ({**BOUGHT, "within": "59m59s"}, "/within", "or page, or session"),
        ({**BOUGHT, "within": "91d"}, "/within", "use a window from 1 minute"),
        ({**BOUGHT, "where": {**GOLD}}, "/where/attribute", '"tier" is not a property of Order'),
        ({**BOUGHT, "where": BOUGHT}, "/where", "compare properties of the event here"),
        ({"event": "cart", "then": {"event": "cart"}}, "/within", "write a whole number"),
        ({"event": "cart", "then": {"event": "x"}, "within": "1h"}, "/then/event", '"x" is not'),
        (
            {"event": "Order Completed", "sum": {"property": "category", "is": "gt", "value": 1}, "within": "1d"},
            "/sum/property",
            "choose a number property of Order Completed: total",
        ),
        (nested(7), "/all/0/all/0/all/0/all/0/all/0/all/0", "nest groups at most 6 deep"),
    ],
)  # fmt: skip
def test_a_fault_names_its_place_and_says_what_to_do(condition, path, words):
    found_path, message = fault(condition)

    assert found_path == path
    assert words in message


def test_every_fault_is_told_at_once():
    with pytest.raises(ConditionError) as caught:
        parse({"all": [{**GOLD, "value": 1}, {"any": [{"segment": "x"}, GOLD]}, {}]}, shop())

    assert [one.path for one in caught.value.faults] == ["/all/0/value", "/all/1/any/0/segment", "/all/2"]  # fmt: skip


def test_limits_hold_exactly():
    parse(nested(limits.MAX_DEPTH), shop())
    parse({"all": [GOLD] * limits.MAX_LEAVES}, shop())

    assert "at most 200 conditions" in fault({"all": [GOLD] * (limits.MAX_LEAVES + 1)})[1]
    assert "at most 200 conditions" in fault({"all": [BOUGHT] * 101})[1]  # filters count too
    hostile = GOLD
    for _ in range(100_000):
        hostile = {"all": [hostile]}
    assert "nest groups" in fault(hostile)[1]


def test_segments_are_put_in_place():
    catalogue = shop(gold=GOLD, best={"all": [{"segment": "gold"}, SPENT]})
    tree = parse({"none": [{"segment": "best"}]}, catalogue)

    assert evaluate(tree, {"tier": "gold", "spend": 501}, NOW) is Truth.FALSE
    assert to_plain(inline_segments(tree)) == to_plain(tree)
    assert attributes(tree) == {"tier", "spend"}
    assert sentence(tree, catalogue) == "The person is not in the segment “Best”"


def test_segments_may_not_go_round_or_be_wrong_or_grow_without_end():
    circle = shop(a={"segment": "b"}, b={"all": [{"segment": "a"}]})
    assert "circle (a > b > a)" in fault({"segment": "a"}, circle)[1]

    wrong = shop(a={**GOLD, "value": 5})
    assert 'correct the segment "a" first: /value write a text' in fault({"segment": "a"}, wrong)[1]

    doubling = {f"s{n}": {"any": [{"segment": f"s{n - 1}"}] * 2} for n in range(1, 23)}
    assert "more than 1,000 conditions" in fault({"segment": "s22"}, shop(s0=GOLD, **doubling))[1]


@pytest.mark.parametrize("first", ["s1", "s40"])
def test_too_long_a_chain_of_segments_is_refused_in_any_order(first):
    chain = shop(s0=GOLD, **{f"s{n}": {"segment": f"s{n - 1}"} for n in range(1, 41)})
    for number in range(1, 20):
        parse({"segment": f"s{number}"}, chain)

    assert "too deep" in fault({"segment": "s40"}, chain)[1]


def test_equal_event_conditions_share_one_aggregate():
    other = {"event": "cart", "count": {"is": "gte", "value": 1}}
    twice = {**BOUGHT, "count": {"is": "lt", "value": 9}}
    found = aggregates(parse({"all": [BOUGHT, {"none": [twice]}, other]}, shop()))

    assert sorted((one.event, one.function, one.within) for one in found) == [
        ("Order Completed", "count", "30d"),
        ("cart", "count", ""),
    ]
    assert {one.key for one in found} == {"agg:3b48981f8a76699a6c97", "agg:9ef8d33ceef2cd4b6967"}


def test_a_filter_travels_without_a_catalogue():
    (spec,) = aggregates(parse(BOUGHT, shop()))
    node = load(spec.where)

    def passes(**properties):
        return evaluate(node, property_facts(node, properties), NOW)

    assert passes(category="outdoor", total=1) is Truth.TRUE
    assert passes(category="indoor") is Truth.FALSE
    assert passes(category=5) is Truth.UNKNOWN
    assert passes() is Truth.UNKNOWN


def test_a_newcomer_has_bought_nothing():
    never = parse({"none": [BOUGHT]}, shop())
    average = {"property": "total", "is": "gt", "value": 0}
    mean = parse({"event": "Order Completed", "average": average, "within": "1d"}, shop())
    left = parse({"event": "cart", "without": {"event": "cart"}, "within": "1h"}, shop())

    assert evaluate(never, facts_of_nobody(aggregates(never)), NOW) is Truth.TRUE
    assert evaluate(never, {}, NOW) is Truth.UNKNOWN
    assert evaluate(mean, facts_of_nobody(aggregates(mean)), NOW) is Truth.UNKNOWN
    assert evaluate(left, facts_of_nobody(aggregates(left)), NOW) is Truth.FALSE


@pytest.mark.parametrize(
    ("kind", "parts", "truth"),
    [
        ("all", (2, 2), 2), ("all", (2, 1), 1), ("all", (0, 1), 0), ("any", (0, 0), 0), ("any", (0, 1), 1),
        ("any", (2, 1), 2), ("none", (0, 0), 2), ("none", (0, 1), 1), ("none", (2, 1), 0),
    ],
)  # fmt: skip
def test_groups_follow_three_valued_logic(kind, parts, truth):
    leaf = {
        0: {"attribute": "tier", "is": "eq", "value": "silver"},
        1: {"attribute": "country", "is": "ne", "value": "DE"},
        2: GOLD,
    }
    tree = parse({kind: [leaf[part] for part in parts]}, shop())

    assert evaluate(tree, {"tier": "gold"}, NOW) == truth
    assert explain(tree, {"tier": "gold"}, NOW).truth == truth


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"attribute": "country", "is": "any_of", "value": ["DE", "AT"]}, "Country is DE or AT"),
        ({"attribute": "tier", "is": "contains_ignoring_case", "value": "Go"}, "Loyalty tier contains Go (ignoring case)"),
        ({"attribute": "tier", "is": "eq", "value": ""}, "Loyalty tier is “”"),
        ({"attribute": "spend", "is": "gte", "value": 1234567.5}, "Total spend is at least 1,234,567.5 EUR"),
        ({"attribute": "spend", "is": "between", "value": [1, 2]}, "Total spend is between 1 and 2 EUR"),
        ({"attribute": "member", "is": "eq", "value": True}, "Member: yes"),
        ({"attribute": "member", "is": "is_not_set"}, "Member is not set"),
        ({"attribute": "seen", "is": "after", "value": "2026-11-02"}, "Last seen is after 2 November 2026 (UTC)"),
        ({"attribute": "seen", "is": "before", "value": "2026-11-22T09:30:00+01:00"}, "Last seen is before 22 November 2026, 08:30 UTC"),
        ({"attribute": "seen", "is": "within_last", "value": "1h"}, "Last seen was in the last hour"),
        ({"attribute": "tags", "is": "contains_all", "value": ["a", "b", "c"]}, "Interests contains a, b and c"),
        ({"attribute": "tags", "is": "size_gte", "value": 3}, "Interests has at least 3 values"),
        ({"attribute": "at", "is": "within_km", "value": {"lat": 48.2, "lon": 16.4, "km": 5}}, "Position is within 5 km of 48.2, 16.4"),
        ({"attribute": "app", "is": "gt", "value": "2.10.0"}, "App version is newer than 2.10.0"),
        (BOUGHT, "The person has bought in the last 30 days (only those where Category is outdoor; counted in steps of 12 hours)"),
        ({"event": "cart", "count": {"is": "between", "value": [2, 4]}, "within": "session"}, "The person has done “Cart Updated” 2 to 4 times in the current session"),
        ({"event": "cart", "since_last": {"is": "gt", "value": "2h"}}, "The person last did “Cart Updated” more than 2 hours ago"),
        (
            {"event": "Order Completed", "sum": {"property": "total", "is": "gt", "value": 100}, "within": "1d"},
            "The sum of total over “Order Completed” in the last day is more than 100 (counted in steps of 15 minutes)",
        ),
        (
            {"event": "cart", "without": {"event": "Order Completed"}, "within": "page"},
            "The person has done “Cart Updated” and then not bought on the current page view",
        ),
        ({"all": [GOLD, {"any": [SPENT, GOLD]}]}, "Loyalty tier is gold, and (Total spend is more than 500 EUR, or Loyalty tier is gold)"),
        ({"none": [GOLD, SPENT]}, "Loyalty tier is not gold, and Total spend is at most 500 EUR"),
    ],
)  # fmt: skip
def test_conditions_read_as_sentences(condition, words):
    assert sentence(condition, shop()) == words


def test_what_may_not_be_seen_is_said_so():
    tree = parse({"none": [{"attribute": "spend", "is": "is_set"}]}, shop())
    hidden = without_hidden(tree, Sight(frozenset({"spend"}), frozenset()))

    assert evaluate(hidden, {}, NOW) is Truth.UNKNOWN
    assert sentence(hidden, shop()) == "Total spend may not be seen for these purposes"


def test_an_outline_indents_groups():
    assert outline({"all": [GOLD, {"none": [SPENT]}]}, shop()) == (
        (0, "All of these must be true"),
        (1, "Loyalty tier is gold"),
        (1, "None of these may be true"),
        (2, "Total spend is more than 500 EUR"),
    )


def test_an_explanation_tells_truth_and_actual_values():
    tree = parse({"any": [GOLD, SPENT]}, shop())

    assert explanation_words(explain(tree, {"tier": "silver"}, NOW), shop()) == {
        "words": "At least one of these must be true",
        "truth": "unknown",
        "parts": [
            {"words": "Loyalty tier is gold", "truth": "false", "actual": "silver"},
            {"words": "Total spend is more than 500 EUR", "truth": "unknown", "actual": None},
        ],
    }


@pytest.mark.parametrize(
    ("value", "kind", "fact"),
    [
        (3, "number", 3), (True, "number", None), ("3", "number", None), (1e16, "number", None),
        (0.1 + 0.2, "number", 0.3), ("a", "text", "a"), (1, "boolean", None), (True, "boolean", True),
        ("2026-11-22T02:00:00Z", "date", NOW), ("2026-11-22", "date", NOW - 7200), ("soon", "date", None),
        (NOW, "date", NOW), (["a"], "list", ["a"]), ([1], "list", None), ("a", "list", None),
        ({"lat": 48, "lon": 16}, "place", (48, 16)), ([48, 16], "place", (48, 16)), ([91, 0], "place", None),
        ({"lat": 48}, "place", None), ("1.2", "version", "1.2"), ("1." + "9" * 300, "version", None),
        (None, "text", None), ("01.2", "version", None),
    ],
)  # fmt: skip
def test_json_becomes_a_typed_fact_or_none(value, kind, fact):
    assert conform(value, kind) == fact
