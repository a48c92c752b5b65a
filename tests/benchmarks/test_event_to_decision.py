"""From an event's acceptance to a decision that knows it, with one worker and 200 events a second."""

import asyncio
import json
import time
from urllib.parse import urlsplit

import pytest

RATE = 200  # events a second, probes among them
PROBES_PER_SECOND = 10
SECONDS = 25
WARM_UP = 20  # probes that are not counted
PROBES = PROBES_PER_SECOND * SECONDS
LIMIT_MS = 300

SET_UP = f"""
from rtts_site.foundation.redis_clients import redis_client
from tests.decisioning import making
redis = redis_client()
making.trust(redis)
making.publish_policy(redis)
once = {{"event": "Order Completed", "count": {{"is": "gte", "value": 1}}, "within": "30d"}}
spec = making.release(offers=(making.offer("thanks", eligibility=once),))
making.publish(redis, spec, version={int(time.time())})
for number in range({PROBES}):
    making.consent(redis, f"probe-{{number}}")
"""


class Line:
    """One keep-alive connection."""

    def __init__(self, url, key):
        self._parts = urlsplit(url)
        self._key = key

    async def post(self, path, body):
        if not hasattr(self, "_reader"):
            parts = self._parts
            self._reader, self._writer = await asyncio.open_connection(parts.hostname, parts.port)
        content = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {self._parts.netloc}\r\nauthorization: Bearer {self._key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        )
        self._writer.write(head.encode() + content)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        body = json.loads(await self._reader.readexactly(length))
        assert answer.startswith(b"HTTP/1.1 200"), body
        return body

    async def close(self):
        self._writer.close()
        await self._writer.wait_closed()


def order(user, number):
    return {
        "type": "track",
        "event": "Order Completed",
        "userId": user,
        "messageId": f"{user}-{number}",
        "properties": {"total": 5},
    }


async def probe(line, number):
    """Return the milliseconds from the answer to an event to the start of the first decision that knows it."""
    user = f"probe-{number}"
    taken = await line.post("/v1/track", order(user, 0))
    assert taken["accepted"] == 1
    accepted = time.perf_counter()
    ask = {
        "person": {"user_id": user},
        "placements": [{"key": "web.home.hero"}],
        "options": {"dry_run": True},
    }
    while True:
        started = time.perf_counter()
        answer = await line.post("/v1/decisions", ask)
        if answer["placements"][0]["status"] == "offers":
            return (started - accepted) * 1000
        assert started - accepted < 30, answer
        await asyncio.sleep(0.002)


async def probe_often(url, key, until):
    line, times, number = Line(url, key), [], 0
    while time.perf_counter() < until and number < PROBES:
        begun = time.perf_counter()
        times.append(await probe(line, number))
        number += 1
        await asyncio.sleep(max(0.0, 1 / PROBES_PER_SECOND - (time.perf_counter() - begun)))
    await line.close()
    return times


async def send_steadily(url, key, until):
    """Send the other events, ten at a time, and return how many."""
    line, sent, begun = Line(url, key), 0, time.perf_counter()
    while time.perf_counter() < until:
        batch = [order(f"user-{(sent + n) % 500}", f"{sent}-{n}") for n in range(10)]
        await line.post("/v1/batch", {"batch": batch})
        sent += 10
        due = begun + sent / (RATE - PROBES_PER_SECOND)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    await line.close()
    return sent


async def measure(url, key):
    until = time.perf_counter() + SECONDS
    times, sent = await asyncio.gather(probe_often(url, key, until), send_steadily(url, key, until))
    return times[WARM_UP:], (sent + len(times)) / SECONDS


@pytest.mark.benchmark
def test_an_event_is_in_the_next_decision(bare_stack):
    bare_stack.python(SET_UP)
    key = bare_stack.key("events", "decisions")
    time.sleep(3)  # the release reaches the process, the workers take its aggregates up

    times, rate = asyncio.run(measure(bare_stack.base_url, key))

    times.sort()
    p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    print(
        f"\nevent accepted -> known to a decision, {rate:.0f} events/s, one worker, {len(times)} probes: "
        f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, most {times[-1]:.0f} ms"
    )
    assert p99 < LIMIT_MS
