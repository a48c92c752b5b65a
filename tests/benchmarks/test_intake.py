"""Intake of batches of 100 over HTTP beside a bare pipelined XADD of the same bytes, on the same Valkey in turn."""

import os
import random
import statistics
import time

import psutil
import pytest

from consent import people
from tests.benchmarks.intake import BATCH, requests_of, send_all, site
from tests.decisioning import making

BATCHES = 200  # of a round
ROUNDS = 5
PROCESSES = 2  # web processes, one for each core
CONNECTIONS = 8
LEAST = 0.35  # of the bare XADD


def taken_in(client):
    """Return what intake left, as (stream, bytes), in no order; the streams are empty again."""
    keys = [people.stream_key(one) for one in range(people.PARTITIONS)]
    rows = [(key, fields[b"r"]) for key in keys for _, fields in client.xrange(key)]
    client.delete(*keys)
    random.Random(1).shuffle(rows)  # noqa: S311
    return rows


def append_bare(client, rows):
    """Append the rows by pipelines as long as a batch, and return how long it took."""
    began = time.perf_counter()
    for start in range(0, len(rows), BATCH):
        with client.pipeline(transaction=False) as pipe:
            for key, data in rows[start : start + BATCH]:
                pipe.xadd(key, {b"r": data})
            pipe.execute()
    return time.perf_counter() - began


def cpu_seconds(url, var):
    """Return the processor time spent so far by the web processes and by Valkey."""
    family = psutil.Process(os.getpid()).children(recursive=True)
    spent = {"web": 0.0, "valkey": 0.0}
    for one in family:
        times, line = one.cpu_times(), " ".join(one.cmdline())
        spent["valkey" if "valkey" in line else "web"] += times.user + times.system
    return spent


@pytest.mark.benchmark
def test_intake_beside_a_bare_xadd_of_the_same_bytes():
    ratios, rates, sizes = [], [], []
    with site(processes=PROCESSES) as running:
        key = making.make_key(running.redis, "events")
        each = BATCHES * BATCH
        send_all(
            running.url, requests_of(running.url, key, batches=50), connections=CONNECTIONS
        )  # everybody is awake
        taken_in(running.redis)
        began = cpu_seconds(running.url, running.var)
        bare_s = 0.0
        for number in range(1, ROUNDS + 1):
            requests = requests_of(running.url, key, batches=BATCHES, first=number * each)
            seconds, accepted = send_all(running.url, requests, connections=CONNECTIONS)
            assert accepted == each
            rows = taken_in(running.redis)
            assert len(rows) == each
            bare = append_bare(running.redis, rows)
            taken_in(running.redis)
            ratios.append(bare / seconds)
            rates.append(each / seconds)
            sizes += (len(data) for _, data in rows)
            bare_s += bare
        spent = cpu_seconds(running.url, running.var)

    ratio = statistics.median(ratios)
    web_us = (spent["web"] - began["web"]) / (ROUNDS * each) * 1e6
    print(
        f"\nintake {statistics.median(rates):,.0f} events/s in batches of {BATCH}, {PROCESSES} web "
        f"processes, {web_us:.0f} us of theirs an event, {statistics.mean(sizes):.0f} bytes a record; "
        f"bare XADD {ROUNDS * each / bare_s:,.0f}/s: {ratio:.2f} of it (at least {LEAST})"
    )
    assert ratio >= LEAST
