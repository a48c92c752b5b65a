"""The wire of events in this process, on a real Valkey: answers, keys, limits, the spool."""

import asyncio
import base64
import gzip
import json
import time

import pytest
import redis
from django.conf import settings

from consent import people
from decisioning.api import events
from decisioning.ingestion import spool
from decisioning.ingestion.records import decode_record
from decisioning.ingestion.spool import EventSpool
from decisioning.round_trips import HotLine
from rtts_site.foundation import api_keys
from tests.decisioning import making
from tests.decisioning.making import call

BROWSER = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def key(kept):
    return making.make_key(kept, "events")


@pytest.fixture
def browser_key(kept):
    return making.make_key(kept, "events", kind="browser", origins=("https://shop.example",))


def track(number=1, **fields):
    return {
        "type": "track",
        "event": "Order",
        "userId": "ana",
        "messageId": f"m{number}",
        **fields,
    }


def appended(redis):
    """Return every record in the streams."""
    return [
        decode_record(fields[b"r"])
        for partition in range(people.PARTITIONS)
        for _, fields in redis.xrange(people.stream_key(partition))
    ]


async def test_a_batch_is_answered_item_by_item(store, key):
    batch = [track(1), track(2, userId=None), track(1), track(3, properties={"value": 5})]

    reply = await call("POST", "/v1/batch", {"batch": batch}, key=key)

    assert reply.status == 200
    assert (reply.json["accepted"], reply.json["duplicates"]) == (2, 1)
    (refused,) = reply.json["refused"]
    assert (refused["item"], refused["message_id"], refused["pointer"]) == (1, "m2", "/userId")
    assert len(appended(store)) == 2


async def test_a_retry_is_a_duplicate(store, key):
    await call("POST", "/v1/track", track(), key=key)

    reply = await call("POST", "/v1/track", track(), key=key)

    assert reply.json == {"accepted": 0, "duplicates": 1, "refused": []}


@pytest.mark.parametrize("kind", ["track", "identify", "page", "screen", "group"])
async def test_every_call_has_a_path(store, key, kind):
    message = {"userId": "ana", "event": "Order", "type": "ignored"}

    reply = await call("POST", f"/v1/{kind}", message, key=key)

    assert (reply.status, reply.json["accepted"]) == (200, 1)
    assert appended(store)[0].type == kind


async def test_takes_gzip_plain_text_basic_and_write_key(store, key):
    body = json.dumps({"batch": [track()], "writeKey": key}).encode()
    basic = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
    text = {"content-type": "text/plain"}
    packed = {"content-encoding": "gzip", "authorization": basic}

    replies = [
        await call("POST", "/v1/batch", raw=body),
        await call("POST", "/v1/b", raw=body, headers=text),
        await call("POST", "/v1/batch", raw=gzip.compress(body), headers=packed),
    ]

    assert [reply.status for reply in replies] == [200, 200, 200]
    assert [reply.json["accepted"] for reply in replies] == [1, 0, 0]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/batch", b"{", 400),
        ("/v1/batch", b"[]", 422),
        ("/v1/batch", b"{}", 422),
        ("/v1/batch", b'{"batch": 5}', 422),
        ("/v1/batch", b'{"batch": [' + b",".join([b"{}"] * 2_501) + b"]}", 422),
        ("/v1/batch", b'{"batch": ["' + b"x" * 600_000 + b'"]}', 413),
        ("/v1/track", b"[]", 422),
        ("/v1/track", b"\xff", 400),
        ("/v1/events", b"nonsense", 400),
        ("/v1/events", b"[]", 422),
    ],
)
async def test_a_body_that_cannot_be_read_is_a_client_error(store, key, path, body, status):
    reply = await call("POST", path, raw=body, key=key)

    assert reply.status == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json["detail"]


async def test_needs_a_key_with_the_scope(store, key):
    other = making.make_key(store, "decisions")

    assert (await call("POST", "/v1/track", track())).status == 401
    assert (await call("POST", "/v1/track", track(), key=other)).status == 403
    assert appended(store) == []


async def test_cloud_events_in_all_three_modes(store, key):
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "order", "subject": "ana"}
    structured = {"content-type": "application/cloudevents+json; charset=utf-8"}
    batched = {"content-type": "application/cloudevents-batch+json"}
    binary = {f"ce-{name}": value for name, value in event.items()} | {"content-type": ""}

    one = await call("POST", "/v1/events", event, key=key, headers=structured)
    many = await call(
        "POST", "/v1/events", [event, {**event, "id": "2"}, {}], key=key, headers=batched
    )
    bare = await call(
        "POST", "/v1/events", raw=b'{"v": 1}', key=key, headers={**binary, "ce-id": "3"}
    )

    assert (one.json["accepted"], many.json["accepted"], many.json["duplicates"]) == (1, 1, 1)
    assert many.json["refused"][0]["item"] == 2
    assert bare.json["accepted"] == 1
    assert {"v": 1} in [record.properties for record in appended(store)]


async def test_a_browser_key_cannot_write_about_another_person(store, browser_key):
    origin = {"origin": "https://shop.example"}
    batch = [
        track(1, userId=None, anonymousId=BROWSER),
        track(2, userId="ben"),
        {"type": "identify", "userId": "ben", "anonymousId": BROWSER, "messageId": "m3"},
        {"type": "alias", "userId": "ben", "previousId": "ana", "messageId": "m4"},
    ]

    reply = await call("POST", "/v1/batch", {"batch": batch}, key=browser_key, headers=origin)

    assert reply.json["accepted"] == 1
    assert [one["item"] for one in reply.json["refused"]] == [1, 2, 3]
    assert [one.identifiers for one in appended(store)] == [(f"anonymous:{BROWSER}",)]
    assert (await call("POST", "/v1/track", track(), key=browser_key)).status == 403


async def test_a_proof_lets_a_browser_name_its_user(store, browser_key):
    secret = making.make_key(store, "decisions")
    digest = api_keys.digest_of(secret)
    key_id = next(
        name.decode()
        for name, value in store.hgetall(api_keys.KEYS_BY_ID).items()
        if value.decode() == digest
    )
    soon, house = time.time() + 60, ("household:h-1",)
    proof = api_keys.sign_proof(
        secret, key_id=key_id, user_id="ana", expires_at=soon, accounts=house
    )
    origin = {"origin": "https://shop.example"}
    identify = {"type": "identify", "userId": "ana", "anonymousId": BROWSER, "messageId": "m1"}
    batch = [
        {**identify, "context": {"proof": proof}},
        {**identify, "userId": "ben", "messageId": "m2", "context": {"proof": proof}},
        track(messageId="m3", context={"proof": proof, "groupId": "h-1", "groupType": "household"}),
        track(messageId="m4", context={"proof": proof, "groupId": "c-7"}),
    ]

    reply = await call("POST", "/v1/batch", {"batch": batch}, key=browser_key, headers=origin)

    assert (reply.json["accepted"], reply.json["refused"][0]["item"]) == (3, 1)
    record, ours, others = appended(store)
    assert record.context == {}
    assert (ours.groups, others.groups) == ({"household": "h-1"}, {})


async def test_a_future_event_is_refused_and_kept_apart(store, key):
    reply = await call("POST", "/v1/track", track(timestamp="2099-01-01T00:00:00Z"), key=key)

    assert reply.json["refused"][0]["pointer"] == "/timestamp"
    assert appended(store) == []
    partition = people.partition_of(making.person_of("ana"))
    assert store.xlen(people.quarantine_key(partition)) == 1


async def test_full_streams_slow_bulk_down_first(store, key, monkeypatch):
    monkeypatch.setattr(events, "SOFT_MARK", 1)
    monkeypatch.setattr(events, "HARD_MARK", 2)
    await call("POST", "/v1/track", track(1), key=key)

    bulk = await call("POST", "/v1/batch", {"batch": [track(2)]}, key=key)
    single = await call("POST", "/v1/track", track(3), key=key)
    past = await call("POST", "/v1/track", track(4), key=key)

    assert (bulk.status, bulk.headers["Retry-After"]) == (429, "5")
    assert single.status == 200
    assert past.status == 503


async def test_events_wait_on_disk_while_redis_is_away(store, key):
    await call("POST", "/v1/track", track(1), key=key)
    for _ in range(5):
        events.this_process().intake_breaker.failed()

    reply = await call("POST", "/v1/track", track(2), key=key)

    assert (reply.status, reply.json["accepted"]) == (200, 1)
    await until(lambda: {one.message_id for one in appended(store)} == {"m1", "m2"})


async def test_a_new_process_sends_on_what_an_earlier_one_left(store, monkeypatch):
    monkeypatch.setattr(spool, "REPLAY_SECONDS", 0.02)
    left = EventSpool(settings.RTTS_VAR / "spool")
    left.append([making.track("ana", "Order", message_id="left")])

    events.this_process()

    await until(lambda: [one.message_id for one in appended(store)] == ["left"])
    await until(lambda: left.is_empty)


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.02)


async def test_batches_that_redis_does_not_answer_leave_decisions_their_store(
    store, key, monkeypatch
):
    async def never(*args, **kwargs):
        raise redis.TimeoutError

    monkeypatch.setattr(HotLine, "_ask_twice", never)
    for number in range(6):
        await call("POST", "/v1/batch", {"batch": [track(number)]}, key=key)

    process = events.this_process()
    assert process.intake_breaker.is_open
    assert not process.breaker.is_open
    EventSpool(settings.RTTS_VAR / "spool").replay(store)
