"""What one event costs to fold, with ten live aggregates, by how much its person did before."""

import random
import time

import pytest

from decisioning.ingestion.records import Record
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.folding import fold
from decisioning.profiles.profile import decode_profile, encode_profile
from tests.benchmarks.test_folding import AGGREGATES

NOW_MS = 1_795_000_000_000
SPAN_MS = 60 * 86_400_000
HISTORIES = (10, 1_000, 100_000)  # events of one person
EVENTS, ROUNDS = 300, 5
MOST = 2.0  # times what an event of a person with ten costs


def record(number, at_ms, chance):
    return Record(
        message_id=f"m{number}",
        person="p001aa",
        identifiers=("anonymous:d-1",),
        event=chance.choice(["Product Viewed"] * 6 + ["Product Added", "Order Completed"]),
        properties={
            "category": chance.choice(["outdoor", "indoor", "garden", "kitchen"]),
            "price": chance.randrange(100, 9_999) / 100,
        },
        event_time_ms=at_ms,
        received_at_ms=at_ms,
    )


def packed_history(events, aggregates, chance):
    step, profile = SPAN_MS // events, None
    for start in range(0, events, 500):
        numbers = range(start, min(start + 500, events))
        batch = [record(n, NOW_MS - SPAN_MS + n * step, chance) for n in numbers]
        profile = fold(profile, batch, aggregates)
    return encode_profile(profile)


def cost(packed, records, aggregates):
    """Return the seconds of this process for one event: read, fold, write; the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        data, began = packed, time.process_time()
        for one in records:
            data = encode_profile(fold(decode_profile(data), [one], aggregates))
        best = min(best, (time.process_time() - began) / len(records))
    return best


@pytest.mark.benchmark
def test_an_event_costs_the_same_whatever_came_before():
    aggregates = Aggregates.of(AGGREGATES, version=1)
    chance = random.Random(1)  # noqa: S311 - the same each time
    costs = {}
    for events in HISTORIES:
        packed = packed_history(events, aggregates, chance)
        more = [record(f"x{n}", NOW_MS + n * 1_000, chance) for n in range(EVENTS)]
        costs[events] = cost(packed, more, aggregates)
        print(
            f"\n{events:,} events before: {costs[events] * 1e6:.0f} µs an event, {len(packed):,} bytes"
        )

    assert max(costs.values()) < MOST * costs[HISTORIES[0]]
