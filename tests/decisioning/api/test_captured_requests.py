"""Requests that public libraries really sent, replayed here: the answer is 200 and what is stored means the same."""

import base64
import gzip
import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from consent import people
from decisioning.ingestion.records import decode_record
from tests.decisioning import making
from tests.decisioning.making import call

DATA = Path(__file__).parents[4] / "shared" / "data"
CAPTURES = DATA / "client_captures/requests.jsonl"
PAYLOADS = DATA / "segment_spec_payloads/payloads.jsonl"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is absent")

# Not events: what they ask for is another product's, and there is nothing to be stored.
NOT_OURS = {
    r"/flags/.*": "PostHog's feature flags are evaluated by PostHog; OFREP is our way to ask",
    r"/api/features/.*": "GrowthBook's features",
    r"/api/v1/(flags|identities)/": "Flagsmith's flags",
    r"/api/client/.*": "Unleash's toggles",
}
DECISIONS = re.compile(r"(/api/proj1)?/ofrep/v1/evaluate/flags.*")
SETTINGS = re.compile(r"/v1/projects/.+/settings")


def captures():
    if not CAPTURES.exists():
        return []
    return [json.loads(line) for line in CAPTURES.read_text().splitlines()]


def payloads():
    if not PAYLOADS.exists():
        return []
    return [json.loads(line) for line in PAYLOADS.read_text().splitlines()]


def is_event(capture):
    path = capture["path"]
    others = any(re.fullmatch(pattern, path) for pattern in NOT_OURS)
    return not others and not DECISIONS.match(path) and not SETTINGS.match(path)


EVENTS = [one for one in captures() if is_event(one)]
OTHERS = [one for one in captures() if not is_event(one)]


def numbered(some):
    return [f"{number} {one['path'][:30]}" for number, one in enumerate(some)]


@pytest.fixture
def key(kept):
    return making.make_key(kept, "events", "decisions")


def stored(redis):
    """Return every record in the streams, by message id."""
    found = {}
    for partition in range(people.PARTITIONS):
        for _, fields in redis.xrange(people.stream_key(partition)):
            record = decode_record(fields[b"r"])
            found[record.message_id] = record
    return found


def body_of(capture):
    return json.loads(capture["body"]) if isinstance(capture["body"], str) else capture["body"]


def with_key(body, path, key):
    """Return a body with a real key where the library put its own."""
    if not isinstance(body, dict):
        return body
    body = {name: key if name in ("writeKey", "api_key", "token") else body[name] for name in body}
    if "tp2" in path:
        body["data"] = [{**payload, "aid": key} for payload in body["data"]]
    return body


async def replay(capture, key):
    """Send a captured request with a real key."""
    headers = {name.lower(): value for name, value in capture["headers"].items()}
    for name in ("host", "content-length", "connection"):
        headers.pop(name, None)
    path = capture["path"]
    if headers.get("authorization", "").startswith("Basic"):
        headers["authorization"] = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
    elif "authorization" in headers or path.endswith("/events") or DECISIONS.match(path):
        headers["authorization"] = f"Bearer {key}"
    body = with_key(body_of(capture), path, key)
    path = re.sub(r"aid=\w+", f"aid={key}", path)
    path = SETTINGS.sub(f"/v1/projects/{key}/settings", path)
    raw = b"" if body is None else json.dumps(body).encode()
    if headers.get("content-encoding") == "gzip":
        raw = gzip.compress(raw)
    return await call(capture["method"], path, raw=raw, headers=headers)


def sent_items(capture):
    """Return the events of a captured request as the library wrote them."""
    if capture["method"] == "GET":
        return [dict(pair.split("=") for pair in capture["path"].partition("?")[2].split("&"))]
    body = body_of(capture)
    return body.get("batch") or body.get("data" if "tp2" in capture["path"] else "") or [body]


def id_of(item, headers):
    if item.get("specversion") or "ce-id" in headers:
        source = item.get("source") or headers["ce-source"]
        return f"{source} {item.get('id') or headers['ce-id']}"
    return item.get("messageId") or item.get("uuid") or item.get("eid")


def milliseconds(text):
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def skew(item, capture):
    """Return how long before it was sent an event happened, in ms."""
    if "dtm" in item:
        return int(item["stm"]) - int(item["dtm"])
    body = body_of(capture)
    sent = item.get("sentAt") or body.get("sentAt") or body.get("sent_at")
    stamped = item.get("originalTimestamp") or item.get("timestamp")
    return milliseconds(sent) - milliseconds(stamped) if sent and stamped else None


@pytest.mark.parametrize("capture", EVENTS, ids=numbered(EVENTS))
async def test_a_captured_request_is_accepted_once_and_means_what_was_sent(store, key, capture):
    first = await replay(capture, key)
    again = await replay(capture, key)

    assert (first.status, again.status) == (200, 200), first.content
    items = sent_items(capture)
    records = stored(store)
    assert len(records) == len(items)
    if capture["method"] == "POST":
        assert (first.json["accepted"], first.json["refused"]) == (len(items), [])
        assert (again.json["accepted"], again.json["duplicates"]) == (0, len(items))
    for item in items:
        record = records[id_of(item, capture["headers"])]
        assert key not in str(record)
        expected = skew(item, capture)
        if expected is not None:
            assert record.received_at_ms - record.event_time_ms == max(expected, 0)
        means(record, item)


def means(record, item):
    """Check that a record says what an item of any of the libraries says."""
    if "distinct_id" in item:
        posthog_means(record, item)
    elif "e" in item:
        snowplow_means(record, item)
    elif "type" in item and "messageId" in item:
        segment_means(record, item)
    else:
        assert (record.type, record.event) == ("track", "com.example.order.completed")
        assert record.identifiers == ("user:user-1",)
        assert record.properties == {"order_id": "o1", "revenue": 20}


def segment_means(record, item):
    assert record.type == item["type"]
    names = [("user", item.get("userId")), ("anonymous", item.get("anonymousId"))]
    about = [f"{space}:{value}" for space, value in names if value]
    assert record.identifiers[: len(about)] == tuple(about)
    assert record.event == {"page": "Page Viewed", "screen": "Screen Viewed"}.get(
        item["type"], item.get("event", "")
    )
    assert (item.get("properties") or {}).items() <= record.properties.items()
    said = {**(item.get("traits") or {})}
    assert said.items() <= {**record.traits, **record.attributes}.items()
    if item["type"] == "group":
        assert record.properties["groupId"] == item["groupId"]
    if item["type"] == "alias":
        joined = {join.identifier for join in record.joins}
        assert f"user:{item['previousId']}" in joined
    if item["type"] == "identify" and len(about) == 2:
        assert about[1] in {join.identifier for join in record.joins}


def posthog_means(record, item):
    properties = item.get("properties", {})
    who = (f"user:{item['distinct_id']}",)
    kinds = {"$set": "identify", "$identify": "identify", "$groupidentify": "group"}
    kinds |= {"$create_alias": "alias", "$pageview": "page", "$screen": "screen"}
    kind = kinds.get(item["event"], "track")
    assert record.type == kind
    if kind == "track":
        assert (record.event, record.identifiers) == (item["event"], who)
        kept = {name: value for name, value in properties.items() if name != "$set"}
        assert kept.items() <= record.properties.items()
    if kind == "group":
        assert record.properties["groupId"] == properties["$group_key"]
        assert record.traits == properties["$group_set"]
    sets = {**properties.get("$set", {}), **item.get("$set", {})}
    assert sets.items() <= {**record.traits, **record.attributes}.items()


def snowplow_means(record, item):
    assert record.identifiers == (f"user:{item['uid']}",)
    if item["e"] == "pv":
        assert (record.type, record.event) == ("page", "Page Viewed")
        assert record.properties["title"] == item["page"]
        assert record.properties["url"].startswith("https")
    elif item["e"] == "se":
        assert (record.type, record.event) == ("track", item["se_ac"])
        assert record.properties == {
            "category": "shop",
            "label": "sku1",
            "property": "pcs",
            "value": 2.0,
        }
    else:
        assert record.event == "Product Added"
        assert record.properties["action"] == {"type": "add_to_cart"}


@pytest.mark.parametrize("capture", OTHERS, ids=numbered(OTHERS))
async def test_what_is_no_event_is_answered_and_stores_nothing(store, key, capture):
    making.publish(store, making.release())

    reply = await replay(capture, key)

    if SETTINGS.match(capture["path"]):
        assert reply.status == 200
        assert reply.json["integrations"]["Segment.io"]["apiHost"].endswith("/v1")
    elif DECISIONS.fullmatch(capture["path"]):
        # 404 of a flag that the release has not, as the protocol wants it; a prefix is a proxy's to strip.
        assert reply.status in (200, 404) if reply.answered else "proj1" in capture["path"]
    else:
        assert not reply.answered  # Django's router says 404
    assert stored(store) == {}


def as_the_library_sends(payload, number):
    """Return an example of the specification with what it leaves out and every library adds."""
    message = dict(payload)
    if not {"userId", "anonymousId", "user_id"} & message.keys():
        message["anonymousId"] = "browser"
    if kind_of(payload) == "page":
        message["type"] = "page"  # its chapter shows it at /v1/page
    if "user_id" in message:
        message["userId"] = message["user_id"]
    return message | {"messageId": number}


async def test_examples_of_the_segment_specification_are_stored(store, key):
    for number, example in enumerate(payloads()):
        payload = example["payload"]
        items = payload.get("batch", [payload])
        batch = [as_the_library_sends(one, f"{number}-{place}") for place, one in enumerate(items)]

        reply = await call("POST", "/v1/batch", {"batch": batch}, key=key)

        assert reply.status == 200
        assert (reply.json["accepted"], reply.json["refused"]) == (len(batch), []), example
    records = stored(store)
    for number, example in enumerate(payloads()):
        payload = example["payload"]
        for place, one in enumerate(payload.get("batch", [payload])):
            record = records[f"{number}-{place}"]
            segment_means(record, as_the_library_sends(one, "") | {"type": kind_of(one)})


def kind_of(example):
    """Return the call that an example is; older ones say it as `action`, or by the path they stand under."""
    named = example.get("type") or example.get("action")
    by_path = "group" if "groupId" in example else "page" if "name" in example else "identify"
    return named or ("track" if "event" in example else by_path)
