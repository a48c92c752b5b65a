"""GET /v1/stream in this process, on a real Valkey."""

import asyncio
import json

from consent import people
from decisioning.api.app import app
from tests.decisioning import making
from tests.decisioning.making import call


class Listener:
    """One client of the stream."""

    def __init__(self, key, query):
        self.sent = asyncio.Queue()
        self.leave = asyncio.Event()
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/v1/stream",
            "query_string": query.encode(),
            "headers": [(b"authorization", f"Bearer {key}".encode())],
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


async def test_a_changed_profile_brings_a_new_decision(store, key):
    spec = making.release()
    making.publish(store, spec)
    making.consent(store, "ana")
    listener = Listener(key, "user_id=ana&placements=web.home.hero")

    assert (await listener.next())["status"] == 200
    before = await listener.decision()
    making.remember(store, "ana", spec, attributes={"loyalty_tier": "gold"})
    while not store.pubsub_numsub(people.changed_channel(making.person_of("ana")))[0][1]:
        await asyncio.sleep(0.01)
    store.publish(people.changed_channel(making.person_of("ana")), "")
    after = await listener.decision()
    listener.leave.set()
    await asyncio.wait_for(listener.task, 10)

    assert before["placements"][0]["status"] == "fallback"
    assert after["placements"][0]["offers"][0]["offer"] == "winter-sale"


async def test_a_stream_names_what_is_missing(store, key):
    making.publish(store)

    nobody = await call("GET", "/v1/stream?placements=web.home.hero", key=key)
    nothing = await call("GET", "/v1/stream?user_id=ana", key=key)

    assert nobody.json["errors"][0]["pointer"] == "/user_id"
    assert nothing.json["errors"][0]["pointer"] == "/placements"
