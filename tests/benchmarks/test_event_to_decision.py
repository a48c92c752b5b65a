"""From an event's acceptance to a decision that knows it, at 200 events a second, and at half of what it folds."""

import asyncio
import gc
import json
import time
from urllib.parse import urlsplit

import pytest
import redis

from tests.benchmarks.intake import BATCH, requests_of, send_all
from tests.faults.storm import last_ids, passed

RATE = 200  # events a second, probes among them
PROBES_PER_SECOND = 10
SECONDS = 35  # longer than a worker's turn, so that a change of turns is in it
WARM_UP = 20  # probes that are not counted
PROBES = PROBES_PER_SECOND * SECONDS
LIMIT_MS = 300
BUSY_LIMIT_MS = 100
AT_ONCE, TIMES = 1_000, 20  # events that tell how many a second are taken and folded
POLL_S = 0.004
WARM_S = 40  # within the first half minute each periodic task imports what it needs

SET_UP = """
import time
from decisioning.profiles import roster
from rtts_site.foundation.redis_clients import redis_client
from tests.decisioning import making
redis = redis_client()
roster.complete(redis)  # else once, half a minute after the first start
making.trust(redis)
making.publish_policy(redis)
once = {"event": "Order Completed", "count": {"is": "gte", "value": 1}, "within": "30d"}
spec = making.release(offers=(making.offer("thanks", eligibility=once),))
making.publish(redis, spec, version=time.time_ns() // 1_000_000_000)
for number in range(%d):
    making.consent(redis, f"%s-{number}")
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


async def probe(line, user):
    """Return the milliseconds from the answer to an event to the start of the first decision that knows it."""
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
        await asyncio.sleep(POLL_S)


async def probe_often(url, key, until, who="probe"):
    line, times, number = Line(url, key), [], 0
    while time.perf_counter() < until and number < PROBES:
        begun = time.perf_counter()
        times.append(await probe(line, f"{who}-{number}"))
        number += 1
        await asyncio.sleep(max(0.0, 1 / PROBES_PER_SECOND - (time.perf_counter() - begun)))
    await line.close()
    return times


async def send_steadily(url, key, until, *, rate, each):
    """Send the other events, `each` at a time, and return how many."""
    line, sent, begun = Line(url, key), 0, time.perf_counter()
    while time.perf_counter() < until:
        batch = [order(f"user-{(sent + n) % 5_000}", f"{rate}-{sent}-{n}") for n in range(each)]
        await line.post("/v1/batch", {"batch": batch})
        sent += each
        due = begun + sent / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    await line.close()
    return sent


async def measure(url, key, *, who="probe", rate=RATE - PROBES_PER_SECOND, each=10):
    gc.collect()
    gc.freeze()  # what the tests have loaded is not to be looked through while a probe waits
    until = time.perf_counter() + SECONDS
    times, sent = await asyncio.gather(
        probe_often(url, key, until, who), send_steadily(url, key, until, rate=rate, each=each)
    )
    gc.unfreeze()
    return sorted(times[WARM_UP:]), (sent + len(times)) / SECONDS


def capacity(stack, key):
    """Return how many events a second are taken and folded, a thousand at a time, so that none waits for long."""
    with redis.Redis.from_url(stack.redis_url) as client:
        batches = AT_ONCE // BATCH
        rounds = [
            requests_of(stack.base_url, key, batches=batches, first=number * AT_ONCE)
            for number in range(TIMES)
        ]
        began = time.perf_counter()
        for requests in rounds:
            send_all(stack.base_url, requests, connections=4)
            last = last_ids(client)
            while not passed(client, last, "folded"):
                time.sleep(0.005)
        return AT_ONCE * TIMES / (time.perf_counter() - began)


@pytest.mark.benchmark
def test_an_event_is_in_the_next_decision(bare_stack):
    bare_stack.python(SET_UP % (PROBES, "probe"))
    key = bare_stack.key("events", "decisions")
    time.sleep(3)  # the release reaches the process, the workers take its aggregates up

    times, rate = asyncio.run(measure(bare_stack.base_url, key))

    assert say(times, rate) < LIMIT_MS


@pytest.mark.benchmark
def test_an_event_is_in_the_next_decision_at_half_of_the_load_that_is_folded(bare_stack):
    bare_stack.python(SET_UP % (PROBES, "busy"))
    key = bare_stack.key("events", "decisions")
    most = capacity(bare_stack, key)
    time.sleep(WARM_S)

    times, rate = asyncio.run(
        measure(bare_stack.base_url, key, who="busy", rate=most / 2, each=BATCH)
    )

    print(f"\n{most:,.0f} events/s are taken and folded")
    assert say(times, rate) < BUSY_LIMIT_MS


def say(times, rate):
    p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    print(
        f"\nevent accepted -> known to a decision, {rate:,.0f} events/s, {len(times)} probes: "
        f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, most {times[-1]:.0f} ms"
    )
    return p99
