"""A withdrawal answered with success is honoured by every decision that starts after, under load."""

from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Thread
from time import perf_counter_ns
from uuid import uuid4

import pytest
from django.db import connection

from consent import ledger, state
from consent.policy import permits
from rtts_site.foundation.redis_clients import redis_client
from tests.consent.builders import ADS, EVIDENCE, POLICY, SUBJECT, given, make_person, withdrawn
from tests.consent.test_state import stands

PAUSE_S = 0.003  # of a reader; without it the threads' lock, not the stores, sets the pace


@dataclass(frozen=True, slots=True)
class Span:
    start: int
    end: int
    allowed: bool


class Reader(Thread):
    """Decides without pause, as any number of API processes would."""

    def __init__(self, person, stop):
        super().__init__(name=f"reader-{uuid4().hex[:6]}")
        self.person, self.stop = person, stop
        self.spans = []

    def run(self):
        client = redis_client(timeout_ms=2000)
        while not self.stop.wait(PAUSE_S):
            start = perf_counter_ns()
            view = state.load_view(client, self.person)
            gate = permits(POLICY, view, [ADS], channel="web", now=datetime.now(UTC))
            allowed = gate.allowed and stands(client, self.person, view.version, view.run_id)
            self.spans.append(Span(start, perf_counter_ns(), allowed))


def record(person, change):
    now = datetime.now(UTC)
    made = change(at=now)
    answer = ledger.record_change(person, [made], evidence=EVIDENCE, actor=SUBJECT, now=now)
    assert answer.in_force
    return perf_counter_ns()


@pytest.mark.parametrize("rounds", [200, pytest.param(1_000, marks=pytest.mark.long)])
def test_acknowledged_withdrawals_are_never_forgotten(trusted, rounds):
    ana, stop = make_person(), Event()
    readers = [Reader(ana, stop) for _ in range(2)]
    denied_from, denied_until, granted = [], [], []
    for reader in readers:
        reader.start()

    try:
        for _ in range(rounds):
            denied_until.append(perf_counter_ns())
            granted.append(record(ana, given))
            stop.wait(PAUSE_S)  # a withdrawal denies from its first step on
            denied_from.append(record(ana, withdrawn))
    finally:
        stop.set()
        for reader in readers:
            reader.join()
        connection.close()
    denied_until = [*denied_until[1:], perf_counter_ns()]

    spans = [span for reader in readers for span in reader.spans]
    allowed = sorted(span.start for span in spans if span.allowed)
    wrong = [
        start
        for start in allowed
        for begin, end in zip(denied_from, denied_until, strict=True)
        if begin < start < end
    ]
    print(
        f"{rounds} withdrawals, {len(spans)} decisions, {len(allowed)} allowed, {len(wrong)} wrong"
    )
    assert wrong == []
    assert len(allowed) > rounds / 10
