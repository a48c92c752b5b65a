"""10,000 events, repeats and merges in between, and a worker that is killed: every aggregate exactly right, also from history."""

import contextlib
import random
import time

import msgspec
import psutil
import pytest
import redis
import requests

from consent import people
from decisioning.ingestion.delivery import owing
from decisioning.ingestion.positions import load_positions
from decisioning.ingestion.records import stream_order
from decisioning.ingestion.wire import Intake, read_messages
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.folding import fold
from decisioning.profiles.live_set import announce
from decisioning.profiles.profile import decode_profile
from decisioning.profiles.store import load_profile
from decisioning.profiles.windows import aggregate_value
from decisioning.rules.tree import make_aggregate
from tests import product

EVENTS = 10_000
REPEATED = 0.3
USERS = 150
BROWSERS = 300
BATCH = 100
KILLS = 5
PATIENCE_S = 120
OUTDOOR = {"attribute": "category", "family": "text", "is": "eq", "value": "outdoor"}
SPECS = [
    make_aggregate("Order", "count", within="30d"),
    make_aggregate("Order", "count"),
    make_aggregate("Order", "sum", property="value", within="30d"),
    make_aggregate("Order", "min", property="value", within="30d"),
    make_aggregate("Order", "max", property="value", within="7d"),
    make_aggregate("Order", "average", property="value", within="30d"),
    make_aggregate("Order", "distinct", property="category", within="90d"),
    make_aggregate("Order", "count", within="7d", where=OUTDOOR),
    make_aggregate("View", "since_last", within="90d"),
    make_aggregate("View", "sequence", within="7d", then="Order"),
    make_aggregate("View", "sequence", within="7d", then="Order", without=True),
]


def make_messages(chance, *, now_s):
    """Return the messages in the order of sending; each browser signs in as one user, some users are aliased."""
    messages = []
    for number in range(EVENTS):
        name = (
            {"anonymousId": f"b{chance.randrange(BROWSERS)}"}
            if chance.random() < 0.6
            else {"userId": f"u{chance.randrange(USERS)}"}
        )
        at = now_s - chance.randrange(20 * 86_400)
        properties = {
            "value": chance.randrange(1, 10_000) / 100,
            "category": chance.choice(["outdoor", "indoor", "garden"]),
        }
        messages.append(
            {
                "type": "track",
                "event": chance.choice(["Order", "View"]),
                "messageId": f"e{number}",
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)),
                "properties": properties,
                **name,
            }
        )
    merges = [
        {"type": "identify", "anonymousId": f"b{n}", "userId": f"u{n % USERS}"}
        for n in range(0, BROWSERS, 2)
    ]
    merges += [
        {"type": "alias", "previousId": f"u{n}", "userId": f"u{n + 1}"} for n in range(0, USERS, 10)
    ]
    for number, merge in enumerate(merges):
        place = chance.randrange(len(messages))
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s - 3_600))
        messages.insert(place, {**merge, "messageId": f"merge{number}", "timestamp": stamp})
    return messages


def with_repeats(messages, chance):
    """Return the batches to send: some messages come again, some of them at once, some much later."""
    sent = []
    for message in messages:
        sent.append(message)
        if chance.random() < REPEATED:
            sent.append(chance.choice(sent[-5_000:]))
    return [sent[start : start + BATCH] for start in range(0, len(sent), BATCH)]


def send(url, key, batch):
    """Send as a client does: the same batch again until it is taken."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with contextlib.suppress(requests.ConnectionError):
            answer = requests.post(
                f"{url}/v1/batch", json={"batch": batch}, auth=(key, ""), timeout=30
            )
            if answer.status_code == 200:
                return answer.json()
            assert answer.status_code in (429, 503), answer.text
        time.sleep(0.2)
    raise AssertionError("the batch was never taken")


def kill(running):
    """Kill the streams worker and its children at once, as the kernel would."""
    worker = psutil.Process(running.pid("streams"))
    for process in [worker, *worker.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def kill_while_folding(running, client):
    """Kill the worker as soon as it folds, with more records waiting."""
    before = folded(client)
    end = time.monotonic() + PATIENCE_S
    while folded(client) == before:
        assert time.monotonic() < end, "the worker did not come back"
        time.sleep(0.02)
    kill(running)


def folded(client):
    return [one.folded for one in load_positions(client, range(people.PARTITIONS)).values()]


def await_quiet(client):
    """Wait until everything accepted is folded and nothing is owed, twice in a row."""
    end = time.monotonic() + PATIENCE_S
    quiet = 0
    while quiet < 3:
        assert time.monotonic() < end, "the streams were not drained"
        time.sleep(0.2)
        quiet = quiet + 1 if is_quiet(client) else 0


def is_quiet(client):
    for partition, position in load_positions(client, range(people.PARTITIONS)).items():
        last = client.xrevrange(people.stream_key(partition), count=1)
        if last and stream_order(last[0][0].decode()) > stream_order(position.folded):
            return False
    return not owing(client, range(people.PARTITIONS))


@pytest.mark.faults
@pytest.mark.long
def test_every_aggregate_is_exact_though_the_worker_is_killed():
    chance = random.Random(20_261)  # noqa: S311
    with product.running() as running:
        client = redis.Redis.from_url(running.redis_url)
        announce(client, SPECS)
        key = running.key("events")
        now_s = int(time.time())
        messages = make_messages(chance, now_s=now_s)
        batches = with_repeats(messages, chance)
        accepted = duplicates = kills = 0
        for place, batch in enumerate(batches, 1):
            answer = send(running.base_url, key, batch)
            assert answer["refused"] == []
            accepted += answer["accepted"]
            duplicates += answer["duplicates"]
            if place % (len(batches) // KILLS) == 0:
                kill_while_folding(running, client)
                kills += 1
        await_quiet(client)
        wrong, compared = compare(client, running, messages, now_s)
        before, after = profiles_of(client), rebuilt(client, running)

    print(f"\n{accepted} accepted, {duplicates} repeats, {kills} kills, {compared} values")
    assert kills == KILLS
    assert accepted == len(messages)
    assert wrong == []
    assert after == before


def rebuilt(client, running):
    """Lose the profiles, have them rebuilt beside the workers and return them."""
    client.delete(*client.scan_iter("*:profile:*"))
    began = time.monotonic()
    words = running.manage("rtts_rebuild_profiles").strip()
    print(f"\n{words} {time.monotonic() - began:.1f} s")
    await_quiet(client)
    return profiles_of(client)


def profiles_of(client):
    return {key: decode_profile(client.get(key)) for key in client.scan_iter("*:profile:*")}


def compare(client, running, messages, now_s):
    """Return which aggregates differ from a single-threaded fold of the same messages, and how many were looked at."""
    code = "from django.conf import settings; print(settings.RTTS_PEPPER.hex())"
    pepper = bytes.fromhex(running.python(code))
    intake = Intake(attributes={}, received_at_ms=now_s * 1000, pepper=pepper)
    records, _ = read_messages(raws(messages), intake=intake)
    by_owner = {}
    for record in records:
        owner, _ = load_profile(client, record.person)
        by_owner.setdefault(owner, []).append(record)
    assert len(by_owner) < USERS + BROWSERS  # merges took place
    aggregates = Aggregates.of(SPECS, version=1)
    wrong, compared = [], 0
    for owner, mine in by_owner.items():
        _, profile = load_profile(client, owner)
        expected = fold(None, mine, aggregates)
        for spec in SPECS:
            compared += 1
            found = aggregate_value(profile, spec, now_s)
            if found != aggregate_value(expected, spec, now_s):
                wrong.append((owner, spec.event, spec.function, found))
    return wrong, compared


def raws(messages):
    return [msgspec.Raw(msgspec.json.encode(message)) for message in messages]
