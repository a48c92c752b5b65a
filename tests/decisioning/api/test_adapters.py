"""The ways in of other products' libraries: keys where they put them, what browsers need, limits, odd bodies."""

import base64
import gzip
import json
from dataclasses import replace

import pytest

from consent import people
from decisioning.enrichment import agents, stored
from decisioning.enrichment.fences import Fence
from decisioning.enrichment.terms import Terms, packed
from decisioning.ingestion.records import decode_record
from decisioning.specs import AttributeSpec
from tests.decisioning import making
from tests.decisioning.making import call

SHOP = "https://shop.example"
TP2 = "/com.snowplowanalytics.snowplow/tp2"


@pytest.fixture
def key(kept):
    return making.make_key(kept, "events")


@pytest.fixture
def browser_key(kept):
    return making.make_key(kept, "events", kind="browser", origins=(SHOP,))


def stored_records(redis):
    return sorted(
        (
            decode_record(fields[b"r"])
            for partition in range(people.PARTITIONS)
            for _, fields in redis.xrange(people.stream_key(partition))
        ),
        key=lambda record: record.message_id,
    )


def viewed(number=1, **more):
    return {"e": "pv", "url": f"{SHOP}/", "eid": f"e{number}", "duid": "d-9", **more}


async def test_a_trackers_key_is_its_app_id_and_is_not_kept(store, browser_key):
    sent = {"data": [viewed(aid=browser_key)]}

    reply = await call("POST", TP2, sent, headers={"origin": SHOP})

    assert (reply.status, reply.json["accepted"]) == (200, 1)
    assert reply.headers["access-control-allow-origin"] == SHOP
    assert reply.headers["access-control-allow-credentials"] == "true"
    (record,) = stored_records(store)
    assert record.identifiers == ("anonymous:d-9",)
    assert browser_key not in str(record)


@pytest.mark.parametrize("place", ["path", "query", "namespace"])
async def test_a_trackers_key_may_stand_elsewhere(store, key, place):
    path = {"path": f"/k/{key}{TP2}", "query": f"{TP2}?key={key}"}.get(place, TP2)
    payload = viewed(tna=key) if place == "namespace" else viewed()

    reply = await call("POST", path, {"data": [payload]})

    assert (reply.status, reply.json["accepted"]) == (200, 1)


async def test_any_protocol_takes_its_key_in_the_path(store, key):
    message = {"type": "track", "event": "Order", "userId": "ana"}

    assert (await call("POST", f"/k/{key}/v1/track", message)).status == 200
    assert (await call("POST", f"/k/{key}/v1/decisions", {})).answered is False
    assert (await call("POST", "/k/wrong/v1/track", message)).status == 401


async def test_a_pixel_answers_with_a_picture(store, key):
    reply = await call("GET", f"/i?e=pv&uid=ana&eid=e1&aid={key}")

    assert (reply.status, reply.headers["content-type"]) == (200, "image/gif")
    assert reply.content.startswith(b"GIF89a")
    assert stored_records(store)[0].identifiers == ("user:ana",)


async def test_a_pixel_of_an_allowed_page_counts(store, browser_key):
    path = f"/i?e=pv&duid=d-9&aid={browser_key}"
    image = {"sec-fetch-dest": "image"}

    ours = await call("GET", path, headers={**image, "referer": f"{SHOP}/hats"})
    foreign = await call("GET", path, headers={**image, "referer": "https://evil.example/"})

    assert (ours.status, foreign.status) == (200, 403)


async def test_an_event_of_a_tracker_without_ids_is_about_nobody(store, key):
    reply = await call("POST", TP2, {"data": [viewed(duid="", aid=key)]})

    assert reply.json["accepted"] == 1
    assert stored_records(store)[0].kind == "nobody"


async def test_one_bad_payload_does_not_fail_its_batch(store, key):
    payloads = [
        viewed(1, aid=key),
        viewed(2, e="zz"),
        viewed(3, e="ue", ue_px="not base64!"),
        viewed(4, dtm="soon"),
        viewed(5, uid="x" * 300),
        viewed(6, e="se"),
        viewed(7, e="se", se_ac="add", se_va="much"),
        viewed(8),
    ]

    reply = await call("POST", TP2, {"data": payloads})

    assert (reply.status, reply.json["accepted"]) == (200, 2)
    assert [one["pointer"] for one in reply.json["refused"]] == [
        "/e", "/ue_px", "/dtm", "/uid", "/se_ac", "/se_va",
    ]  # fmt: skip


def captured(**more):
    return {
        "event": "bought",
        "distinct_id": "ana",
        "uuid": "u1",
        "properties": {"total": 5},
        **more,
    }


@pytest.mark.parametrize("path", ["/batch/", "/capture/", "/e/", "/i/v0/e/", "/batch"])
async def test_posthog_events_come_alone_or_in_batches(store, key, path):
    alone = await call("POST", path, {"api_key": key, **captured()})
    batch = await call("POST", path, {"token": key, "batch": [captured(), captured(uuid="u2")]})
    listed = await call("POST", path, [captured(uuid="u3", properties={"token": key})])

    counts = [(one.json["accepted"], one.json["duplicates"]) for one in (alone, batch, listed)]
    assert counts == [(1, 0), (1, 1), (1, 0)]
    assert key not in str(stored_records(store))


async def test_posthog_in_a_browser_packs_without_saying_so(store, browser_key):
    event = captured(properties={"$is_identified": False, "$device_id": "ana", "$groups": {"a": 1}})
    body = json.dumps({"api_key": browser_key, "batch": [event]}).encode()
    text = {"content-type": "text/plain", "origin": SHOP}
    form = {"content-type": "application/x-www-form-urlencoded", "origin": SHOP}
    data = b"data=" + base64.b64encode(body).replace(b"+", b"%2B").replace(b"=", b"%3D")

    squeezed = await call("POST", "/e/?compression=gzip-js", raw=gzip.compress(body), headers=text)
    encoded = await call("POST", "/e/?compression=base64", raw=data, headers=form)

    assert (squeezed.status, squeezed.json["accepted"]) == (200, 1)
    assert (encoded.status, encoded.json["duplicates"]) == (200, 1)
    assert stored_records(store)[0].identifiers == ("anonymous:ana",)


async def test_posthog_meanings(store, key):
    events = [
        captured(
            uuid="1", event="$identify", properties={"$anon_distinct_id": "d-1", "$set": {"a": 1}}
        ),
        captured(
            uuid="2", event="$create_alias", properties={"distinct_id": "ana", "alias": "old"}
        ),
        captured(
            uuid="3", event="$pageview", properties={"$current_url": f"{SHOP}/", "title": "T"}
        ),
        captured(uuid="4", event="$screen", properties={"$screen_name": "Cart"}),
        captured(uuid="5", properties={"$set": {"tier": "gold"}, "$unset": ["city"]}),
        captured(
            uuid="6",
            event="$groupidentify",
            properties={"$group_type": "company", "$group_key": "acme", "$group_set": {"n": 1}},
        ),
    ]

    reply = await call("POST", "/batch/", {"api_key": key, "batch": events})

    assert reply.json["refused"] == []
    identify, alias, page, screen, track, group = stored_records(store)
    assert (identify.type, identify.traits) == ("identify", {"a": 1})
    assert "anonymous:d-1" in {join.identifier for join in identify.joins}
    assert {"user:old", "anonymous:old"} <= {join.identifier for join in alias.joins}
    assert (page.event, page.properties["url"]) == ("Page Viewed", f"{SHOP}/")
    assert (screen.event, screen.properties["name"]) == ("Screen Viewed", "Cart")
    assert (track.event, track.traits) == ("bought", {"city": None, "tier": "gold"})
    assert (group.type, group.kind, group.properties["groupId"]) == ("group", "nobody", "acme")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/batch/", b"nonsense"),
        ("/batch/", b"\x1f\x8bnonsense"),
        ("/e/", b"data=nonsense"),
        ("/batch/", b'{"batch": 5}'),
        (TP2, b"[]"),
        (TP2, b'{"data": [5]}'),
        (TP2, b'{"data": 5}'),
    ],
)
async def test_odd_bodies_are_client_errors(store, key, path, body):
    reply = await call("POST", path, raw=body, key=key)

    assert reply.status in (400, 422)


@pytest.mark.parametrize(
    "path", ["/v1/t", "/v1/b", "/batch/", "/e/", TP2, "/beacon/v1/batch", "/v1/events"]
)
async def test_a_browser_may_ask_first(store, path):
    headers = {
        "origin": SHOP,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
        "access-control-request-private-network": "true",
    }

    reply = await call("OPTIONS", path, headers=headers)

    assert reply.status == 204
    assert reply.headers["access-control-allow-origin"] == SHOP
    assert "authorization" in reply.headers["access-control-allow-headers"]
    assert reply.headers["access-control-allow-private-network"] == "true"


async def test_a_beacon_needs_no_header_but_its_origin(store, browser_key):
    message = {"type": "track", "event": "Left", "anonymousId": "d-9", "messageId": "m1"}
    headers = {"origin": SHOP, "content-type": "text/plain;charset=UTF-8"}
    body = json.dumps({"batch": [message], "writeKey": browser_key}).encode()

    reply = await call("POST", "/v1/batch", raw=body, headers=headers)
    rudder = await call(
        "POST", f"/beacon/v1/batch?writeKey={browser_key}", {"batch": [message]}, headers=headers
    )
    elsewhere = await call(
        "POST", "/v1/batch", raw=body, headers={"origin": "https://evil.example"}
    )

    assert (reply.status, reply.json["accepted"]) == (200, 1)
    assert (rudder.status, rudder.json["duplicates"]) == (200, 1)
    assert elsewhere.status == 403


async def test_settings_lead_browser_libraries_here(store, browser_key):
    headers = {"origin": SHOP, "host": "rtts.example", "x-forwarded-proto": "https"}

    segment = await call("GET", f"/v1/projects/{browser_key}/settings", headers=headers)
    rudder = await call("GET", f"/sourceConfig/?writeKey={browser_key}", headers=headers)

    integration = segment.json["integrations"]["Segment.io"]
    assert (integration["apiHost"], integration["protocol"]) == ("rtts.example/v1", "https")
    assert segment.headers["access-control-allow-origin"] == SHOP
    assert rudder.json["source"]["enabled"] is True
    assert (await call("GET", "/v1/projects/none/settings", headers=headers)).status == 401


@pytest.mark.parametrize(("size", "accepted"), [(32 * 1024, 1), (32 * 1024 + 1, 0)])
async def test_an_event_may_have_32_kib(store, key, size, accepted):
    message = {"type": "track", "event": "Order", "userId": "ana", "properties": {"text": ""}}
    message["properties"]["text"] = "x" * (size - len(json.dumps(message)))

    reply = await call(
        "POST", "/v1/batch", {"batch": [message, {**message, "properties": {}}]}, key=key
    )

    assert reply.status == 200
    assert reply.json["accepted"] == 1 + accepted


@pytest.mark.parametrize(("count", "status"), [(2_500, 200), (2_501, 422)])
async def test_a_batch_may_have_2500_events(store, key, count, status):
    batch = [
        {"type": "track", "event": "E", "userId": "a", "messageId": str(n)} for n in range(count)
    ]

    reply = await call("POST", "/v1/batch", {"batch": batch}, key=key)

    assert reply.status == status


@pytest.mark.parametrize(("spare", "status"), [(0, 200), (-1, 413)])
async def test_a_body_may_have_512_kib(store, key, spare, status):
    body = json.dumps({"batch": [], "context": {}}).encode()
    body += b" " * (512 * 1024 - len(body) - spare)

    plain = await call("POST", "/v1/batch", raw=body, key=key)
    packed_up = gzip.compress(body)
    squeezed = await call(
        "POST", "/v1/batch", raw=packed_up, key=key, headers={"content-encoding": "gzip"}
    )

    assert (plain.status, squeezed.status) == (status, status)


async def test_nothing_precise_about_a_browser_is_stored(store, browser_key):
    agents.load()
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.6778.86 Safari/537.36"
    message = {
        "type": "page",
        "anonymousId": "d-9",
        "context": {"userAgent": agent, "ip": "203.0.113.77"},
    }
    headers = {"origin": SHOP, "user-agent": agent, "cf-ipcountry": "DE"}

    await call("POST", "/v1/page", message, key=browser_key, headers=headers)

    (record,) = stored_records(store)
    assert record.context["country"] == "DE"
    assert (record.context["browser"], record.context["ip"]) == ("Chrome 131", "203.0.113.0")
    assert "6778" not in str(record)


async def test_geofences_are_entered_and_left_over_the_api(store, key):
    fence = Fence(key="store", name="Store", centre=(52.52, 13.405))
    store.set(stored.TERMS_KEY, packed(Terms(fences=(fence,))))
    spec, purposeful = (
        making.release(),
        AttributeSpec(
            key="geofences", name="Geofences", type="list", purposes=("personalised_ads",)
        ),
    )
    attributes = sorted((*spec.attributes, purposeful), key=lambda one: one.key)
    making.publish(store, replace(spec, attributes=tuple(attributes)))
    message = {"type": "track", "event": "Moved", "userId": "ana", "messageId": "m1"}
    inside = {"context": {"location": {"latitude": 52.52, "longitude": 13.405}}}

    first = await call("POST", "/v1/track", {**message, **inside}, key=key)
    again = await call("POST", "/v1/track", {**message, **inside}, key=key)

    assert [one.json["accepted"] for one in (first, again)] == [1, 0]
    records = stored_records(store)
    assert [record.event for record in records] == ["Geofence Entered", "Moved"]
    assert records[1].attributes["geofences"] == ["store"]
    assert "52.5" not in str(records)
