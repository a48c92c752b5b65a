"""JSON that is nested deeper than Python can follow is the sender's mistake, wherever it comes in."""

import base64

import pytest

from tests.decisioning import making
from tests.decisioning.making import call

DEPTHS = (400, 900, 990, 1_100, 5_000)
SHOP = "https://shop.example"


def nested(depth):
    return '{"a":' * depth + "1" + "}" * depth


def proof_of(depth):
    header = '{"a":' + "[" * depth  # no end is needed to get too deep
    return base64.urlsafe_b64encode(header.encode()).rstrip(b"=").decode() + ".e30.x"


def bodies(deep):
    person = '"person":{"anonymous_id":"0123456789abcdef0123456789abcdef"}'
    asked = f'{{{person},"placements":[{{"key":"web.home.hero"}}]'
    event = '"event":"Order Completed","userId":"ana","messageId":"m1"'
    cloud = '"specversion":"1.0","id":"1","source":"s","type":"t","subject":"user:ana"'
    return [
        ("/v1/decisions", f'{asked},"events":[{{"event":"x","properties":{deep}}}]}}'),
        ("/v1/decisions", f'{asked},"attributes":{{"age":{deep}}}}}'),
        ("/v1/decisions/batch", f'{{"decisions":[{asked},"context":{deep}}}]}}'),
        ("/v1/track", f'{{{event},"properties":{deep}}}'),
        ("/v1/identify", f'{{"userId":"ana","messageId":"m2","traits":{deep}}}'),
        ("/v1/batch", f'{{"batch":[{{"type":"track",{event},"context":{deep}}}]}}'),
        ("/v1/events", f'{{{cloud},"data":{deep}}}'),
        ("/v1/feedback", f'{{"feedback":[{deep}]}}'),
        ("/ofrep/v1/evaluate/flags", f'{{"context":{{"targetingKey":"ana","age":{deep}}}}}'),
        ("/ofrep/v1/evaluate/flags/web.home.hero", deep),
    ]


@pytest.mark.parametrize("depth", DEPTHS)
async def test_no_body_is_too_deep_to_be_answered(store, depth):
    making.publish(store)
    key = making.make_key(store, "decisions", "events")

    statuses = [
        (path, (await call("POST", path, raw=body.encode(), key=key)).status)
        for path, body in bodies(nested(depth))
    ]

    assert [one for one in statuses if one[1] >= 500] == []


@pytest.mark.parametrize("depth", DEPTHS)
async def test_a_deep_body_without_a_key_is_not_authorised(store, depth):
    reply = await call("POST", "/v1/track", raw=nested(depth).encode())

    assert reply.status == 401


@pytest.mark.parametrize("depth", DEPTHS)
async def test_a_deep_proof_is_refused_where_it_comes_in(store, depth):
    making.publish(store)
    browser = making.make_key(store, "decisions", "events", kind="browser", origins=(SHOP,))
    sent = {"key": browser, "headers": {"origin": SHOP}}
    person = {"user_id": "ana", "proof": proof_of(depth)}
    asked = {"person": person, "placements": [{"key": "web.home.hero"}]}
    signed = {"event": "x", "userId": "ana", "context": {"proof": proof_of(depth)}}
    sound = {"event": "x", "anonymousId": "0123456789abcdef0123456789abcdef"}
    batch = [{"type": "track", "messageId": "m1", **signed}]
    batch.append({"type": "track", "messageId": "m2", **sound})

    decided = await call("POST", "/v1/decisions", asked, **sent)
    taken = await call("POST", "/v1/batch", {"batch": batch}, **sent)

    assert decided.status in (403, 422)  # not a proof, or too long for one
    assert decided.json["errors"][0]["pointer"] == "/person/proof"
    assert (taken.status, taken.json["accepted"]) == (200, 1)
    assert taken.json["refused"][0]["item"] == 0
