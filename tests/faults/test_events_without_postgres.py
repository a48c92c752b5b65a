"""PostgreSQL stopped: events are taken and folded; history catches up when it is back."""

import time

import psycopg
import pytest
import redis
import requests

from consent import people
from decisioning.ingestion.positions import load_positions
from tests import product

PATIENCE_S = 60


def wait_for(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def profiles(client):
    return len(list(client.scan_iter("*:profile:*", count=1_000)))


def is_archived(client):
    positions = load_positions(client, range(people.PARTITIONS)).values()
    return all(position.is_archived for position in positions)


@pytest.mark.faults
@pytest.mark.long
def test_events_are_folded_while_postgres_is_stopped():
    with product.running() as running:
        client = redis.Redis.from_url(running.redis_url)
        key = running.key("events")
        batch = [
            {"type": "track", "event": "Order", "userId": f"u{n}", "messageId": f"m{n}"}
            for n in range(50)
        ]

        with running.stopped("postgres"):
            answer = requests.post(
                f"{running.base_url}/v1/batch", json={"batch": batch}, auth=(key, ""), timeout=30
            )
            assert answer.json() == {"accepted": 50, "duplicates": 0, "refused": []}
            wait_for(lambda: profiles(client) == 50)
            assert not is_archived(client)

        wait_for(lambda: is_archived(client))
        with psycopg.connect(running.database_url) as connection:
            rows = connection.execute("SELECT count(*) FROM decisioning_event").fetchone()
    assert rows == (50,)
