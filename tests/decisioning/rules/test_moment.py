"""What the filter of an event condition may ask of the moment the event happened at."""

from dataclasses import asdict

import pytest

from decisioning.ingestion.records import Record
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.folding import fold
from decisioning.profiles.windows import facts
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.conditions import ConditionError, aggregates, evaluate, parse
from decisioning.rules.moment import DAYPARTS, WEEKDAYS, kept_with_events, read_moment
from decisioning.rules.truth import Truth
from decisioning.rules.words import sentence
from decisioning.specs import (
    AttributeSpec,
    EventTypeSpec,
    PropertySpec,
    ReleaseSpec,
    SegmentSpec,
    TriggerSpec,
)

NOW_MS = 1_763_800_000_000
VIEWED = EventTypeSpec(
    key="Product Viewed",
    name="Product viewed",
    properties=(PropertySpec(key="price", type="number"),),
)
CATALOGUE = Catalogue.of_parts(
    attributes=(
        AttributeSpec(key="weather_condition", name="Weather", type="text", source="context"),
        AttributeSpec(key="position", name="Position", type="place", source="context"),
        AttributeSpec(key="cluster", name="Cluster", type="text"),
    ),
    event_types=(VIEWED,),
    segments=(SegmentSpec(key="loyal", name="Loyal", condition={}),),
)


def viewed(*where, how="all"):
    return {
        "event": "Product Viewed",
        "count": {"is": "gte", "value": 1},
        "within": "1h",
        "where": {how: list(where)},
    }


def on(key, value, how="eq"):
    return {"attribute": f"context.{key}", "is": how, "value": value}


def is_true(condition, **context):
    tree = parse(condition, CATALOGUE)
    kept = aggregates(tree)
    record = Record(
        message_id="m1",
        person="p000:ana",
        event="Product Viewed",
        context=context,
        event_time_ms=NOW_MS,
        received_at_ms=NOW_MS,
    )
    profile = fold(None, [record], Aggregates.of(kept))
    held = facts(profile, frozenset(), tuple(kept), NOW_MS / 1000)
    return evaluate(tree, held, NOW_MS / 1000) is Truth.TRUE


@pytest.mark.parametrize(
    ("asked", "context"),
    [
        (on("device_class", "mobile"), {"device_class": "mobile"}),
        (on("utm_campaign", "spring"), {"campaign": {"name": "spring"}}),
        (on("os", "iOS"), {"os_name": "iOS 17"}),
        (on("browser", "Mobile Safari"), {"browser": "Mobile Safari 17"}),
        (on("weekday", ["saturday", "sunday"], "any_of"), {"weekday": "sunday"}),
        (on("daypart", "afternoon"), {"daypart": "afternoon"}),
        (on("local_hour", 17, "lt"), {"local_hour": 9}),
        (on("effective_type", "3g"), {"network": {"effectiveType": "3g"}}),
        (on("weather_condition", "rain"), {"weather_condition": "rain"}),
        (on("segments", ["loyal"], "contains_any"), {"segments": ["loyal", "new"]}),
        (on("cluster", "c3"), {"cluster": "c3"}),
    ],
)
def test_an_event_is_filtered_by_its_moment(asked, context):
    assert is_true(viewed(asked), **context)
    assert not is_true(viewed(asked))
    assert not is_true(viewed(asked, how="none"))  # unknown is not false


def test_what_an_event_cannot_tell_is_no_filter():
    with pytest.raises(ConditionError):
        parse(viewed(on("position", {"lat": 1, "lon": 1, "km": 5}, "within_km")), CATALOGUE)
    with pytest.raises(ConditionError):
        parse(viewed(on("price", 1)), CATALOGUE)


def test_known_values_are_offered():
    inside = CATALOGUE.within(VIEWED).attributes

    assert inside["context.daypart"].values == DAYPARTS
    assert inside["context.weekday"].values == WEEKDAYS
    assert inside["context.segments"].values == ("loyal",)
    assert inside["price"].type == "number"


def test_the_sentence_names_what_the_moment_was_like():
    said = sentence(viewed(on("device_class", "mobile")), CATALOGUE)

    assert "only those where Device is mobile" in said


def test_a_release_says_which_segments_its_events_keep():
    release = ReleaseSpec(
        segments=(
            SegmentSpec(
                key="a",
                name="A",
                condition={"any": [viewed(on("segments", ["loyal"], "contains_any"))]},
            ),
        ),
        triggers=(
            TriggerSpec(
                key="t",
                name="T",
                on="absence",
                event="Cart Updated",
                then="Order",
                then_where=on("segments", None, "is_set"),
            ),
        ),
    )

    assert kept_with_events(asdict(release)) == {
        "Product Viewed": frozenset({"loyal"}),
        "Order": frozenset({"*"}),
    }
    assert kept_with_events(asdict(ReleaseSpec())) == {}


def test_what_nobody_said_is_unknown():
    assert read_moment({}, "utm_campaign") is None
    assert read_moment({"campaign": "spring"}, "utm_campaign") is None
