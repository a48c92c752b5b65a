"""Folding with ten live aggregates beside the same loop that reads and writes the same profiles without folding."""

import random
import statistics
import time

import msgspec
import pytest

from consent import people
from decisioning.ingestion import drain as draining
from decisioning.ingestion.log import RECORDS_PER_CALL, event_log
from decisioning.ingestion.positions import load_positions
from decisioning.ingestion.records import decode_record
from decisioning.ingestion.wire import Intake, read_messages
from decisioning.profiles.live_set import announce
from decisioning.profiles.store import Batch, commit
from decisioning.rules.tree import make_aggregate
from tests.benchmarks.intake import message

EVENTS = 20_000  # of a round
PEOPLE = 15_000
HISTORY = 3  # rounds folded first, so that people have one
ROUNDS = 3
LEAST = 0.25  # of the loop without folding
OUTDOOR = {"attribute": "category", "family": "text", "is": "eq", "value": "outdoor"}
AGGREGATES = [
    make_aggregate("Product Viewed", "count", within="1h"),
    make_aggregate("Product Viewed", "count", within="30d"),
    make_aggregate("Product Viewed", "since_last", within="90d"),
    make_aggregate("Product Viewed", "distinct", property="category", within="30d"),
    make_aggregate("Product Viewed", "sequence", within="7d", then="Order Completed"),
    make_aggregate("Product Added", "count", within="7d", where=OUTDOOR),
    make_aggregate("Product Added", "max", property="price", within="7d"),
    make_aggregate("Order Completed", "count"),
    make_aggregate("Order Completed", "sum", property="price", within="30d"),
    make_aggregate("Order Completed", "average", property="price", within="90d"),
]


def fill(client, *, first):
    """Append a round's events, whose people come in no order, and whose times lie within a month."""
    now_ms = time.time_ns() // 1_000_000
    intake = Intake(attributes={}, received_at_ms=now_ms, pepper=b"benchmark")
    raws = [
        msgspec.Raw(msgspec.json.encode(message(number, PEOPLE)))
        for number in range(first, first + EVENTS)
    ]
    records, refused = read_messages(raws, intake=intake)
    assert not refused
    chance = random.Random(first)  # noqa: S311
    spread = [
        msgspec.structs.replace(one, event_time_ms=now_ms - chance.randrange(30 * 86_400_000))
        for one in records
    ]
    for start in range(0, EVENTS, RECORDS_PER_CALL):
        event_log(client).accept(spread[start : start + RECORDS_PER_CALL])


def fold_all(client):
    """Fold what waits with the real drain and return how long it took."""
    drain = draining.Drain(
        client, group=0, partitions=list(range(people.PARTITIONS)), join_consent=print
    )
    drain._begin()
    began, folded = time.perf_counter(), 0
    while folded < EVENTS:
        folded += drain.step()
    return time.perf_counter() - began


def copy_all(client, since):
    """Read the same records and profiles, write the same profiles and positions, and fold nothing."""
    log, positions = event_log(client), load_positions(client, range(people.PARTITIONS))
    folded, began = 0, time.perf_counter()
    while folded < EVENTS:
        found = log.read(since, count=draining.RECORDS_PER_READ, wait_ms=draining.BLOCK_MS)
        named = {
            one: list(dict.fromkeys(decode_record(data).person for _, data in rows))
            for one, rows in found.items()
        }
        with client.pipeline(transaction=False) as pipe:
            for persons in named.values():
                pipe.mget([people.profile_key(person) for person in persons])
            replies = pipe.execute()
        batches = [
            Batch(
                one,
                since[one],
                rows[-1][0],
                positions[one].aggregates,
                profiles=dict(zip(named[one], values, strict=True)),
            )
            for (one, rows), values in zip(found.items(), replies, strict=True)
        ]
        assert all(commit(client, batches))
        since |= {batch.partition: batch.until for batch in batches}
        folded += sum(map(len, found.values()))
    return time.perf_counter() - began


def put_back(client, since):
    """Set the positions back, so that the same records are read again."""
    for partition, stream_id in since.items():
        client.hset(people.position_key(partition), "folded", stream_id)


@pytest.fixture
def written(monkeypatch):
    """Return a list that the sizes of written profiles come into."""
    sizes = []

    def counted(client, batches):
        sizes.extend(len(value or b"") for batch in batches for value in batch.profiles.values())
        return commit(client, batches)

    monkeypatch.setattr(draining, "commit", counted)
    return sizes


@pytest.mark.benchmark
def test_folding_beside_the_same_loop_without_it(redis, written):
    announce(redis, AGGREGATES)
    for number in range(HISTORY):
        fill(redis, first=number * EVENTS)
        fold_all(redis)
    ratios, rates = [], []
    for number in range(HISTORY, HISTORY + ROUNDS):
        since = {
            one: position.folded
            for one, position in load_positions(redis, range(people.PARTITIONS)).items()
        }
        fill(redis, first=number * EVENTS)
        written.clear()
        folding = fold_all(redis)
        put_back(redis, since)
        copying = copy_all(redis, dict(since))
        ratios.append(copying / folding)
        rates.append(EVENTS / folding)

    ratio = statistics.median(ratios)
    print(
        f"\nfolding {statistics.median(rates):,.0f} events/s with {len(AGGREGATES)} aggregates, "
        f"{sum(written) / EVENTS:,.0f} profile bytes written per event, "
        f"{statistics.mean(written):,.0f} bytes a profile: "
        f"{ratio:.2f} of the same loop without folding (at least {LEAST})"
    )
    assert ratio >= LEAST
