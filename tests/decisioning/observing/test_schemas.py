"""What the schema of an event type says of an event, and what becomes of a batch by it."""

import pytest

from decisioning.ingestion.refusals import Refusal
from decisioning.observing.schemas import Schemas, judge, violations
from decisioning.specs import EventTypeSpec, PropertySpec
from tests.decisioning.ingestion.people_and_records import make_record

TOTAL = PropertySpec(key="total", type="number", required=True, minimum=0, maximum=1000)
TIER = PropertySpec(key="tier", type="text", values=("gold", "silver"), only_values=True)
TAGS = PropertySpec(key="tags", type="list", values=("a", "b"), only_values=True)
ORDER = EventTypeSpec(key="Order", name="Order", properties=(TOTAL, TIER, TAGS))


def order(number=1, **properties):
    return make_record(number, "user:ana", event="Order", properties=properties)


def enforced(enforcement="enforce", **fields):
    spec = EventTypeSpec(key="Order", name="Order", properties=(TOTAL,), enforcement=enforcement)
    return Schemas([spec])


@pytest.mark.parametrize(
    ("properties", "wrong"),
    [
        ({"total": 5}, []),
        ({"total": 0, "tier": "gold", "other": 1}, []),
        ({"total": 1000.0, "tier": None, "tags": ["a", "b"]}, []),
        ({}, ["total"]),
        ({"total": None}, ["total"]),
        ({"total": "5"}, ["total"]),
        ({"total": True}, ["total"]),
        ({"total": -0.01}, ["total"]),
        ({"total": 1000.01, "tier": "bronze"}, ["total", "tier"]),
        ({"total": 1, "tags": ["a", "c"]}, ["tags"]),
        ({"total": float("nan")}, ["total"]),
    ],
)
def test_violations_name_the_property(properties, wrong):
    found = violations(order(**properties), ORDER)

    assert [one.pointer for one in found] == [f"/properties/{key}" for key in wrong]


def test_reasons_tell_no_value():
    found = violations(order(total="4111 1111", tier="secret tier"), ORDER)

    assert "4111" not in str(found)
    assert "secret" not in str(found)


def test_properties_that_are_not_listed():
    closed = EventTypeSpec(
        key="Order", name="Order", properties=(TOTAL,), only_properties=True, enforcement="watch"
    )

    found = violations(order(total=1, extra=2), closed)

    assert [one.pointer for one in found] == ["/properties/extra"]


def test_enforced_schemas_refuse_and_quarantine_at_the_items_own_place():
    records = [order(1, total=1), order(2), order(3, total=3), order(4, total="x")]
    refusals = [Refusal(0, "/userId", "Send it."), Refusal(3, "/type", "Send one.")]

    judged = judge(records, refusals, enforced())

    assert [one.message_id for one in judged.records] == ["m1", "m3"]
    assert [one.item for one in judged.refusals] == [0, 2, 3, 5]
    assert [one.quarantined for one in judged.refusals] == [None, records[1], None, records[3]]
    assert judged.watched == []


def test_watched_schemas_take_and_tell():
    records = [order(1, total=1), order(2)]

    judged = judge(records, [], enforced("watch"))

    assert judged.records == records
    assert [(record.message_id, one.pointer) for record, one in judged.watched] == [
        ("m2", "/properties/total")
    ]


def test_other_events_pass_untouched():
    records = [
        make_record(1, "user:ana", event="View"),
        make_record(2, "user:ana", type="identify"),
    ]

    for schemas in (Schemas(), enforced("off"), enforced()):
        assert judge(records, [], schemas).records is records
