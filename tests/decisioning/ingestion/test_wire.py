"""Segment messages and CloudEvents as records, or as refusals that name the field."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.people import Identifier
from decisioning.ingestion import cloudevents
from decisioning.ingestion.wire import Intake, read_messages, records_from_request_events
from decisioning.specs import AttributeSpec
from tests.decisioning.ingestion.people_and_records import NOW_MS, PEPPER, person

DATA = Path(__file__).parents[4] / "shared" / "data"
ATTRIBUTES = {
    spec.key: spec
    for spec in (
        AttributeSpec(key="plan", name="Plan", type="text"),
        AttributeSpec(key="spend", name="Spend", type="number", trusted=True),
        AttributeSpec(key="born", name="Born", type="date"),
        AttributeSpec(key="home", name="Home", type="place"),
        AttributeSpec(key="tags", name="Tags", type="list"),
        AttributeSpec(key="device_class", name="Device", type="text", source="context"),
    )
}
INTAKE = Intake(attributes=ATTRIBUTES, received_at_ms=NOW_MS, pepper=PEPPER, source="k1")
BROWSER = Intake(
    attributes=ATTRIBUTES,
    received_at_ms=NOW_MS,
    pepper=PEPPER,
    source="k2",
    is_browser=True,
    proven=frozenset({"ana"}),
)


def read(*messages, intake=INTAKE, **kwargs):
    raws = [msgspec.Raw(msgspec.json.encode(one)) for one in messages]
    return read_messages(raws, intake=intake, **kwargs)


def track(**fields):
    return {"type": "track", "event": "Order", "userId": "ana", "messageId": "m1", **fields}


def test_reads_a_track_call():
    (record,), refusals = read(track(properties={"value": 5}, anonymousId=None))

    assert refusals == []
    assert (record.event, record.properties, record.message_id) == ("Order", {"value": 5}, "m1")
    assert record.person == person("user:ana")
    assert record.identifiers == ("user:ana",)
    assert record.event_time_ms == record.received_at_ms == NOW_MS
    assert record.joins == ()


def test_identify_with_both_ids_joins_them():
    (record,), _ = read({"type": "identify", "userId": "ana", "anonymousId": "d-1"})

    assert [join.identifier for join in record.joins] == ["anonymous:d-1"]
    assert record.person == person("user:ana")


def test_a_track_call_with_both_ids_joins_nobody():
    (record,), _ = read(track(anonymousId="d-1"))

    assert record.joins == ()
    assert record.identifiers == ("user:ana", "anonymous:d-1")


def test_alias_joins_whatever_the_previous_id_was():
    (record,), _ = read({"type": "alias", "userId": "ana", "previousId": "old"})

    assert [join.identifier for join in record.joins] == ["anonymous:old", "user:old"]


def test_traits_of_the_catalogue_become_facts_and_others_stay_in_history():
    traits = {
        "plan": "pro",
        "born": "1990-01-02",
        "home": {"lat": 48.2, "lon": 16.4},
        "tags": ["a"],
        "device_class": "phone",
        "shoe_size": 43,
    }
    (record,), _ = read({"type": "identify", "userId": "ana", "traits": traits})

    assert record.attributes == {
        "plan": "pro",
        "born": 631238400.0,
        "home": (48.2, 16.4),
        "tags": ["a"],
    }
    assert record.traits == {"device_class": "phone", "shoe_size": 43}


@pytest.mark.parametrize(
    ("message", "pointer"),
    [
        ({"type": "track", "event": "Order"}, "/userId"),
        ({"type": "track", "event": "Order", "userId": ""}, "/userId"),
        ({"type": "track", "userId": "ana"}, "/event"),
        ({"type": "nonsense", "userId": "ana"}, "/type"),
        ({"userId": "ana", "name": "Home"}, "/type"),
        (track(userId="x" * 201), "/userId"),
        (track(userId="a\x00b"), "/userId"),
        (track(userId=["a"]), "/userId"),
        (track(properties=[1]), "/properties"),
        (track(properties={"n": 2**80}), "/properties"),
        (track(timestamp="yesterday"), "/timestamp"),
        (track(timestamp="1900-01-01"), "/timestamp"),
        (track(timestamp=5), "/timestamp"),
        ({"type": "alias", "userId": "ana"}, "/previousId"),
        ({"type": "identify", "userId": "ana", "traits": {"spend": "much"}}, "/traits/spend"),
        ({"type": "identify", "userId": "ana", "traits": {"plan": "p" * 1001}}, "/traits/plan"),
        (track(properties={"text": "x" * 33_000}), ""),
    ],
)
def test_refuses_by_name_of_the_field(message, pointer):
    good = track()

    records, (refusal,) = read(good, message, good)

    assert len(records) == 2
    assert (refusal.item, refusal.pointer) == (1, pointer)
    assert refusal.reason


def test_skew_of_the_senders_clock_is_taken_out():
    hour_behind = {"timestamp": "2026-11-18T09:06:40Z", "sentAt": "2026-11-18T09:06:45Z"}

    (record,), _ = read(track(**hour_behind))

    assert NOW_MS - record.event_time_ms == 5_000


def test_an_old_event_keeps_its_time():
    (record,), _ = read(track(timestamp="2015-2-02T00:30:12.984Z"))

    assert record.event_time_ms == 1_422_837_012_984


def test_an_event_from_the_future_is_kept_apart():
    records, (refusal,) = read(track(timestamp="2036-01-01T00:00:00Z"))

    assert records == []
    assert refusal.pointer == "/timestamp"
    assert refusal.quarantined.event == "Order"


def test_a_little_ahead_counts_as_now():
    (record,), _ = read(track(timestamp="2026-11-18T11:07:00+00:00"), intake=INTAKE)

    assert record.event_time_ms <= NOW_MS


def test_without_a_message_id_a_retry_is_still_recognised():
    message = {"type": "track", "event": "Order", "userId": "ana", "timestamp": "2026-11-01"}

    (first,), _ = read(message)
    (again,), _ = read(message)
    two, _ = read(message, message)

    assert first.message_id == again.message_id
    assert two[0].message_id != two[1].message_id


# Browser keys


def test_a_browser_may_name_its_anonymous_id_only():
    records, (refusal,) = read(
        track(userId=None, anonymousId="d-1"), track(userId="ben"), intake=BROWSER
    )

    assert [one.identifiers for one in records] == [("anonymous:d-1",)]
    assert (refusal.pointer, refusal.item) == ("/userId", 1)


def test_a_browser_with_a_proof_may_name_that_user():
    (record,), _ = read(track(context={"proof": "p", "ip": "1"}), intake=BROWSER)

    assert record.identifiers == ("user:ana",)
    assert record.context == {"ip": "1"}


def test_a_browser_may_not_set_trusted_attributes():
    identify = {"type": "identify", "anonymousId": "d-1", "traits": {"spend": 5}}

    records, (refusal,) = read(identify, intake=BROWSER)

    assert (records, refusal.pointer) == ([], "/traits/spend")


def test_a_browsers_alias_cannot_take_a_user():
    (record,), _ = read({"type": "alias", "userId": "ana", "previousId": "ben"}, intake=BROWSER)

    assert [join.identifier for join in record.joins] == ["anonymous:ben"]


# Events with a decision


def test_events_of_a_decision_are_about_its_person():
    records, refusals = records_from_request_events(
        [{"event": "Order", "userId": "ben"}, {"type": "page"}, {"event": 5}],
        identifiers=[Identifier("user", "ana")],
        intake=INTAKE,
    )

    assert [one.person for one in records] == [person("user:ana")] * 2
    assert [one.event for one in records] == ["Order", "Page Viewed"]
    assert [one.item for one in refusals] == [2]


# CloudEvents


def cloud_event(**fields):
    return {"specversion": "1.0", "id": "e1", "source": "/shop", "type": "order", **fields}


@pytest.mark.parametrize(
    ("fields", "identifiers"),
    [
        ({"subject": "ana"}, ("user:ana",)),
        ({"subject": "user:ana"}, ("user:ana",)),
        ({"subject": "anonymous:d-1"}, ("anonymous:d-1",)),
        ({"userid": "ana", "anonymousid": "d-1"}, ("user:ana", "anonymous:d-1")),
    ],
)
def test_reads_a_cloud_event(fields, identifiers):
    (record,), _ = cloudevents.read_events([cloud_event(data={"v": 1}, **fields)], intake=INTAKE)

    assert record.identifiers == identifiers
    assert (record.event, record.properties, record.message_id) == ("order", {"v": 1}, "/shop e1")


def test_a_cloud_event_about_nobody_is_kept_and_belongs_to_no_profile():
    (record,), refusals = cloudevents.read_events([cloud_event(data={"v": 1})], intake=INTAKE)

    assert refusals == []
    assert (record.kind, record.identifiers, record.joins) == ("nobody", (), ())
    assert record.properties == {"v": 1}


@pytest.mark.parametrize(
    ("event", "pointer"),
    [
        (cloud_event(subject="a\x00"), "/subject"),
        (cloud_event(subject="ana", specversion="0.3"), "/specversion"),
        (cloud_event(subject="ana", id=""), "/id"),
        (cloud_event(subject="ana", time="soon"), "/time"),
        (cloud_event(subject=5), "/subject"),
        (7, ""),
    ],
)
def test_refuses_a_cloud_event_by_name_of_the_field(event, pointer):
    good = cloud_event(subject="ana")

    records, (refusal,) = cloudevents.read_events([good, event], intake=INTAKE)

    assert len(records) == 1
    assert (refusal.item, refusal.pointer) == (1, pointer)


def test_binary_mode_without_a_content_type_is_json():
    headers = {"ce-id": "e1", "ce-type": "a%20b", "ce-source": "/s", "ce-specversion": "1.0"}

    event = cloudevents.from_headers(headers, b'{"v": 1}')

    assert event == {"id": "e1", "type": "a b", "source": "/s", "specversion": "1.0"} | {
        "data": {"v": 1}
    }
    assert cloudevents.from_headers(headers, b"<x/>")["data"] == "<x/>"


# Anything at all


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["type", "userId", "anonymousId", "event", "properties", "traits", "context", "timestamp"]


@given(st.dictionaries(st.sampled_from([*FIELDS, "sentAt", "messageId", "previousId"]), ANYTHING))
def test_any_message_becomes_a_record_or_a_reason(message):
    raw = msgspec.Raw(json.dumps(message).encode())

    records, refusals = read_messages([raw], intake=INTAKE, kind="track")

    assert len(records) + len(refusals) == 1


@given(st.dictionaries(st.sampled_from(["id", "source", "subject", "type", "time"]), ANYTHING))
def test_any_cloud_event_becomes_a_record_or_a_reason(event):
    records, refusals = cloudevents.read_events([{"specversion": "1.0", **event}], intake=INTAKE)

    assert len(records) + len(refusals) == 1


# What real clients sent


def lines(*parts):
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{'/'.join(parts)} is not here")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_segment_messages_captured_from_clients_are_read():
    seen = 0
    for request in lines("client_captures", "requests.jsonl"):
        body = request["body"]
        kind = {"/v1/i": "identify", "/v1/t": "track", "/v1/p": "page"}.get(request["path"])
        if kind:
            items = [body]
        elif request["path"].endswith(("/v1/batch", "/v1/b")):
            items = body["batch"]
        else:
            continue  # another product's protocol
        records, refusals = read(*items, kind=kind, sent_at=body.get("sentAt"))
        assert refusals == []
        seen += len(records)
    assert seen >= 12


def test_cloud_events_captured_from_a_client_are_read():
    for request in lines("client_captures", "requests.jsonl"):
        if request["path"] != "/events":
            continue
        event = request["body"]
        if "specversion" not in event:
            headers = {name.lower(): value for name, value in request["headers"].items()}
            event = cloudevents.from_headers(headers, json.dumps(event).encode())
        intake = replace(INTAKE, received_at_ms=NOW_MS + 30 * 86_400_000)
        (record,), _ = cloudevents.read_events([event], intake=intake)
        assert record.identifiers == ("user:user-1",)
        assert record.properties == {"order_id": "o1", "revenue": 20}


def test_examples_of_the_segment_spec_are_read():
    refused = []
    for example in lines("segment_spec_payloads", "payloads.jsonl"):
        payload = example["payload"]
        items = payload.get("batch", [payload])
        for item in items:
            if not ("type" in item and ({"userId", "anonymousId"} & set(item))):
                continue  # a fragment
            _, refusals = read(item)
            refused += [(item, one) for one in refusals]
    assert refused == []
