"""What must not be stored stands nowhere in the record, whatever call and client it came by."""

import base64

import msgspec
import pytest

from decisioning.enrichment import agents
from decisioning.enrichment.steps import Known, Preparing, places_of
from decisioning.enrichment.terms import Terms
from decisioning.ingestion.records import encode_record
from decisioning.ingestion.snowplow import read_payloads
from decisioning.ingestion.wire import Intake, read_messages
from decisioning.specs import AttributeSpec, EventTypeSpec, PropertySpec
from tests.decisioning.ingestion.people_and_records import NOW_MS

SECRET = "Hauptstrasse 1"
ATTRIBUTES = {
    "street": AttributeSpec(key="street", name="", type="text"),
    "billing": AttributeSpec(key="billing", name="", type="text", source="account"),
    "plan": AttributeSpec(key="plan", name="", type="text", purposes=("ads",)),
}
VISITED = EventTypeSpec(
    key="Visited", name="Visited", properties=(PropertySpec(key="shop", type="place"),)
)


@pytest.fixture(scope="module", autouse=True)
def patterns():
    agents.load()


def intake(undeclared="drop"):
    known = Known(
        terms=Terms(undeclared=undeclared),
        attributes=ATTRIBUTES,
        salt=b"salt",
        places=places_of([VISITED]),
    )
    return Intake(
        attributes=ATTRIBUTES,
        received_at_ms=NOW_MS,
        pepper=b"pepper",
        prepare=Preparing.by(known),
    )


def record_of(message, **terms):
    (record,), refusals = read_messages(
        [msgspec.Raw(msgspec.json.encode({"userId": "ana", "messageId": "m", **message}))],
        intake=intake(**terms),
    )
    assert not refusals
    return record


@pytest.mark.parametrize("undeclared", ["drop", "hash"])
@pytest.mark.parametrize(
    "message",
    [
        {"type": "track", "event": "A", "context": {"traits": {"street": SECRET}}},
        {"type": "track", "event": "A", "context": {"traits": {"unknown": SECRET}}},
        {"type": "track", "event": "A", "traits": {"street": SECRET, "unknown": SECRET}},
        {"type": "page", "traits": {"street": SECRET}},
        {"type": "identify", "traits": {"street": SECRET, "unknown": SECRET}},
        {"type": "identify", "context": {"traits": {"street": SECRET, "unknown": SECRET}}},
        {"type": "group", "groupId": "g", "traits": {"street": SECRET, "billing": SECRET}},
        {"type": "group", "groupId": "g", "traits": {"unknown": SECRET}},
        {"type": "track", "event": "A", "context": {"externalIds": [{"id": SECRET}]}},
    ],
)
def test_what_serves_no_purpose_or_is_undeclared_stands_nowhere(message, undeclared):
    packed = encode_record(record_of(message, undeclared=undeclared))

    assert SECRET.encode() not in packed


def test_what_has_a_purpose_stays():
    record = record_of(
        {
            "type": "group",
            "groupId": "g",
            "traits": {"plan": "pro"},
            "context": {"traits": {"plan": "pro"}},
        }
    )

    assert record.account_attributes == record.context["traits"] == record.traits == {"plan": "pro"}


def test_external_ids_name_people_and_are_then_gone():
    listed = [{"id": "ana@example.com", "type": "email"}]

    record = record_of({"type": "identify", "context": {"externalIds": listed}})

    assert [join.identifier.partition(":")[0] for join in record.joins] == ["email"]
    assert b"example.com" not in encode_record(record)


@pytest.mark.parametrize(
    "said",
    [
        {"context": {"latitude": 48.137154, "longitude": 11.576124}},
        {"context": {"location": {"lat": 48.137154, "lon": 11.576124, "accuracy": 5}}},
        {"context": {"device": {"ip": "203.0.113.77"}}},
        {"properties": {"latitude": 48.137154, "lng": "11.576124"}},
        {"properties": {"stops": [{"at": {"lat": 48.137154}, "ip": "203.0.113.77"}]}},
        {"properties": {"$geoip_latitude": 48.137154}},
        {"traits": {"lat": 48.137154}},
    ],
)
def test_no_point_and_no_whole_address_is_left_however_deep(said):
    record = record_of({"type": "track", "event": "A", **said}, undeclared="keep")

    packed = msgspec.json.encode([record.context, record.properties, record.traits])
    assert not [one for one in (b"48.137", b"11.576", b"113.77") if one in packed]


def test_a_place_that_the_catalogue_declares_stays():
    shop = {"lat": 48.1, "lon": 11.5}

    record = record_of(
        {"type": "track", "event": "Visited", "properties": {"shop": shop, "me": shop}}
    )

    assert record.properties == {"shop": shop, "me": {}}


def test_entities_of_snowplow_lose_their_point():
    data = {
        "schema": "iglu:com.snowplowanalytics.snowplow/geolocation_context/jsonschema/1-1-0",
        "data": {"latitude": 48.137154, "longitude": 11.576124, "altitude": 20},
    }
    event = {"data": {"schema": "iglu:com.acme/basket/jsonschema/1-0-0", "data": {}}}
    packed = base64.urlsafe_b64encode(msgspec.json.encode({"data": [data]})).decode()
    payload = {"e": "ue", "uid": "ana", "cx": packed, "ue_pr": msgspec.json.encode(event).decode()}

    (record,), _ = read_payloads([payload], intake=intake(), secret="")

    assert b"48.137" not in msgspec.json.encode(record.properties)
    assert record.properties["geolocation_context"][0] == {"altitude": 20}


def test_a_batch_shares_its_context_unharmed():
    shared = {"traits": {"street": SECRET, "plan": "pro"}, "device": {"ip": "203.0.113.77"}}
    raws = [
        msgspec.Raw(b'{"type":"track","event":"A","userId":"ana"}'),
        msgspec.Raw(b'{"type":"identify","userId":"ana"}'),
    ]

    (first, second), _ = read_messages(raws, intake=intake(), context=shared)

    assert shared["traits"]["street"] == SECRET
    assert second.attributes == {"plan": "pro"}
    assert first.context["device"] == {"ip": "203.0.113.0"}


def test_what_is_nested_too_deep_is_refused():
    deep = (
        b'{"type":"track","event":"A","userId":"a","properties":'
        + b'{"a":' * 980
        + b"1"
        + b"}" * 981
    )
    _, refusals = read_messages([msgspec.Raw(deep)], intake=intake())

    assert len(refusals) == 1
