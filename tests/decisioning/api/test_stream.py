"""GET /v1/stream in this process, on a real Valkey."""

import asyncio
import json
import time
from urllib.parse import quote

import pytest

from consent import people
from decisioning.api import stream
from decisioning.api.app import app
from decisioning.api.http import MAX_KEY_STREAMS, MAX_STREAMS
from decisioning.api.process import this_process
from decisioning.profiles.profile import Profile, encode_profile
from rtts_site.foundation import api_keys
from rtts_site.foundation.redis_clients import HOT_CONNECTIONS, hot_client
from tests.decisioning import making
from tests.decisioning.making import call

HERO = "placements=web.home.hero"
SHOP = "https://shop.example"
VISITOR = "0123456789abcdef" * 2


class Listener:
    """One client of the stream."""

    def __init__(self, key, query=HERO, **headers):
        self.sent = asyncio.Queue()
        self.leave = asyncio.Event()
        sent = {"authorization": f"Bearer {key}", **headers}
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/v1/stream",
            "query_string": query.encode(),
            "headers": [
                (name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()
            ],
        }
        self.asked = False
        self.task = asyncio.create_task(app(scope, self.receive, self.sent.put))

    async def receive(self):
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def next(self):
        return await asyncio.wait_for(self.sent.get(), 10)

    async def decision(self):
        text = (await self.next())["body"].decode()
        assert text.startswith("event: decision\ndata: ")
        return json.loads(text.partition("data: ")[2])

    async def end(self):
        """Read until the server ends the stream; return whether it sent another decision."""
        bodies = []
        while (message := await self.next())["more_body"]:
            bodies.append(message["body"])
        await asyncio.wait_for(self.task, 10)
        return any(body.startswith(b"event: decision") for body in bodies)

    async def stop(self):
        self.leave.set()
        await asyncio.wait_for(self.task, 10)


def tell(store, user_id="ana"):
    assert store.publish(people.changed_channel(making.person_of(user_id)), "") == 1


async def test_a_changed_profile_brings_a_new_decision(store, key):
    spec = making.release()
    making.publish(store, spec)
    making.consent(store, "ana")
    listener = Listener(key, x_user_id="ana")

    assert (await listener.next())["status"] == 200
    before = await listener.decision()
    making.remember(store, "ana", spec, attributes={"loyalty_tier": "gold"})
    tell(store)
    after = await listener.decision()
    await listener.stop()

    assert before["placements"][0]["status"] == "fallback"
    assert after["placements"][0]["offers"][0]["offer"] == "winter-sale"


def merge(store, source, target):
    """Leave a tombstone, as a merge does, and announce it."""
    left = Profile(merged_into=making.person_of(target)) if target else Profile()
    store.set(people.profile_key(making.person_of(source)), encode_profile(left))
    store.publish(people.changed_channel(making.person_of(source)), "")


async def test_who_was_merged_hears_of_whom_they_are_by_now(store, key):
    spec = making.release()
    making.publish(store, spec)
    making.consent(store, "ben")
    merge(store, "visitor", "ana")
    merge(store, "ana", "ben")
    listener = Listener(key, x_user_id="visitor")
    await listener.next()
    before = await listener.decision()

    making.remember(store, "ben", spec, attributes={"loyalty_tier": "gold"})
    tell(store, "ben")
    after = await listener.decision()
    await listener.stop()

    assert before["person_id"] == after["person_id"] == making.person_of("ben")
    assert after["placements"][0]["offers"][0]["offer"] == "winter-sale"


async def test_a_stream_follows_a_merge_and_its_undoing(store, key):
    making.publish(store)
    listener = Listener(key, x_user_id="visitor")
    await listener.next()
    await listener.decision()

    merge(store, "visitor", "ana")
    merged = await listener.decision()
    tell(store, "ana")
    await listener.decision()
    merge(store, "visitor", "")
    parted = await listener.decision()
    (left,) = store.pubsub_numsub(people.changed_channel(making.person_of("ana")))
    await listener.stop()

    assert merged["person_id"] == making.person_of("ana")
    assert parted["person_id"] == making.person_of("visitor")
    assert left[1] == 0


async def test_a_trigger_pushes_a_decision_for_its_own_placement(store, key):
    making.publish(store)
    merge(store, "visitor", "ana")
    listener = Listener(key, x_user_id="visitor")
    await listener.next()
    await listener.decision()

    push = stream.Push(trigger="cart-left", placement="web.home.rail")
    data = stream.encoder.encode(push)
    assert store.publish(people.changed_channel(making.person_of("ana")), data) == 1
    text = (await listener.next())["body"].decode()
    await listener.stop()

    assert text.startswith("event: trigger\ndata: ")
    said = json.loads(text.partition("data: ")[2])
    assert said["trigger"] == "cart-left"
    assert [one["key"] for one in said["decision"]["placements"]] == ["web.home.rail"]


async def test_a_signal_of_the_browser_narrows_a_stream(store, key):
    spec = making.release()
    making.publish(store, spec)
    making.consent(store, "ana")
    making.remember(store, "ana", spec, attributes={"loyalty_tier": "gold"})
    listener = Listener(key, x_user_id="ana", sec_gpc="1")

    await listener.next()
    decision = await listener.decision()
    await listener.stop()

    assert decision["placements"][0]["status"] == "fallback"


async def test_a_stream_names_what_is_missing(store, key):
    making.publish(store)

    nobody = await call("GET", f"/v1/stream?{HERO}", key=key)
    nothing = await call("GET", "/v1/stream", key=key, headers={"x-user-id": "ana"})

    assert nobody.json["errors"][0]["pointer"] == "/user_id"
    assert nothing.json["errors"][0]["pointer"] == "/placements"


async def test_an_address_names_nobody(store, key):
    making.publish(store)

    reply = await call("GET", f"/v1/stream?user_id=ana&{HERO}", key=key)

    assert reply.status == 422
    assert "X-User-Id" in reply.json["detail"]


async def test_names_beyond_ascii_are_percent_encoded(store, key):
    making.publish(store)
    listener = Listener(key, x_user_id=quote("zoë/50%"))

    await listener.next()
    decision = await listener.decision()
    await listener.stop()

    assert decision["person_id"] == making.person_of("zoë/50%")


async def test_a_browser_needs_a_proof_for_a_user(store):
    making.publish(store)
    browser = making.make_key(store, kind="browser", origins=(SHOP,))

    bare = await call(
        "GET", f"/v1/stream?{HERO}", key=browser, headers={"origin": SHOP, "x-user-id": "ana"}
    )
    anonymous = Listener(browser, origin=SHOP, x_anonymous_id=VISITOR)
    status = (await anonymous.next())["status"]
    await anonymous.stop()

    assert (bare.status, bare.json["errors"][0]["pointer"]) == (403, "/person/proof")
    assert status == 200


def revoke(store, secret):
    """Revoke a key and let the time pass for which a process remembers it."""
    store.hdel(api_keys.KEYS, api_keys.digest_of(secret))
    this_process().keys._clock = lambda: time.monotonic() + api_keys.CACHE_SECONDS


async def test_a_revoked_key_gets_no_other_decision(store, key):
    making.publish(store)
    listener = Listener(key, x_user_id="ana")
    await listener.next()
    await listener.decision()

    revoke(store, key)
    tell(store)

    assert not await listener.end()


async def test_a_quiet_stream_ends_with_its_key(store, key, monkeypatch):
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.05)
    making.publish(store)
    listener = Listener(key, x_user_id="ana")
    await listener.next()
    await listener.decision()

    revoke(store, key)

    assert not await listener.end()


async def test_a_stream_ends_with_its_proof(store, key):
    making.publish(store)
    browser = making.make_key(store, kind="browser", origins=(SHOP,))
    key_id = next(
        one.decode()
        for one, digest in store.hgetall(api_keys.KEYS_BY_ID).items()
        if digest.decode() == api_keys.digest_of(key)
    )
    proof = api_keys.sign_proof(key, key_id=key_id, user_id="ana", expires_at=time.time() + 2)
    listener = Listener(browser, origin=SHOP, x_user_id="ana", x_person_proof=proof)
    await listener.next()
    await listener.decision()

    await asyncio.sleep(2)
    tell(store)

    assert not await listener.end()


async def test_open_streams_leave_the_stores_connections_to_others(store, key):
    making.publish(store)
    listeners = [Listener(key, x_user_id=f"u-{n}") for n in range(HOT_CONNECTIONS + 6)]
    for listener in listeners:
        await listener.next()
        await listener.decision()

    assert await asyncio.gather(*(hot_client().ping() for _ in range(HOT_CONNECTIONS)))
    for listener in listeners:
        await listener.stop()

    assert this_process().streams.total() == 0


@pytest.mark.parametrize(
    ("many", "whose", "status"),
    [
        (MAX_KEY_STREAMS, "own", 429),
        (MAX_STREAMS, "other", 503),
    ],
)
async def test_past_the_limit_a_stream_is_refused(store, key, many, whose, status):
    making.publish(store)
    record = await this_process().keys.find(hot_client(), key)
    this_process().streams[record.id if whose == "own" else "other"] = many

    reply = await call("GET", f"/v1/stream?{HERO}", key=key, headers={"x-user-id": "ana"})

    assert reply.status == status
    assert reply.headers["Retry-After"] == "5"
