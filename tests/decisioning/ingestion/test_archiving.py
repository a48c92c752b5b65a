"""The archiver beside the drain: it goes on after a failure, and never makes the drain wait."""

import threading
import time

import pytest
from django.db import OperationalError

from consent import people
from decisioning.ingestion import archiving
from decisioning.ingestion import drain as drain_module
from decisioning.ingestion.archiving import start_archiver
from decisioning.models import EventRecord
from decisioning.profiles.store import load_profile
from tests.decisioning.ingestion.people_and_records import (
    accept,
    drain_all,
    make_drain,
    make_record,
    person,
)

ALL = list(range(people.PARTITIONS))


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    monkeypatch.setattr(drain_module, "BLOCK_MS", 5)
    monkeypatch.setattr(archiving, "REST_SECONDS", 0.01)
    monkeypatch.setattr(archiving, "RETRY_SECONDS", 0.01)


def wait_for(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_goes_on_when_the_store_is_back(redis, committed):
    tried = []

    def fail_twice(client, partitions):
        tried.append(1)
        if len(tried) < 3:
            raise OperationalError("away")
        return 0

    before = EventRecord.objects.count()
    accept(redis, [make_record("archived", "user:ana", event="Order")])
    drain_all(make_drain(redis))

    archiver = start_archiver(redis, ALL, others=[fail_twice])

    wait_for(lambda: len(tried) >= 3)
    wait_for(lambda: EventRecord.objects.count() == before + 1)
    assert archiver.stop(patience=5)


def test_one_that_hangs_neither_holds_up_folding_nor_is_doubled(redis):
    freed = threading.Event()

    def hang(client, partitions):
        freed.wait(10)
        return 0

    first = start_archiver(redis, [0], others=[hang])
    assert not first.stop(patience=0.05)

    assert start_archiver(redis, [0], others=[hang]) is first
    accept(redis, [make_record(1, "user:ana", event="Order")])
    drain_all(make_drain(redis))

    assert load_profile(redis, person("user:ana"))[1] is not None
    freed.set()
    assert first.stop(patience=5)


def test_folding_goes_on_while_the_history_ends_its_run(redis):
    freed = threading.Event()

    def hang(client, partitions):
        freed.wait(10)
        return 0

    archiver = start_archiver(redis, [2], others=[hang])
    drain = make_drain(redis)
    asked = []

    def is_ending():
        asked.append(accept(redis, [make_record(len(asked), "user:ana", event="Order")]))
        if load_profile(redis, person("user:ana"))[1] is not None:
            freed.set()
        return archiver.is_ending(patience=5)

    assert drain.run(0, while_=is_ending)

    assert freed.is_set()
    assert not archiver.is_ending(patience=5)
    assert len(asked) < 100


def test_an_ending_history_is_not_waited_for_for_ever(redis):
    freed = threading.Event()
    archiver = start_archiver(redis, [3], others=[lambda client, partitions: freed.wait(10)])

    assert archiver.is_ending(patience=0.05)

    wait_for(lambda: not archiver.is_ending(patience=0.05))
    freed.set()
    assert archiver.stop(patience=5)


def test_one_that_fails_does_not_slow_the_others_down(redis, monkeypatch):
    monkeypatch.setattr(archiving, "RETRY_SECONDS", 60.0)
    tried, written = [], []

    def fail(client, partitions):
        tried.append(1)
        raise OperationalError("away")

    def write_much(client, partitions):
        written.append(1)
        return archiving.history.ROWS_PER_RUN

    archiver = start_archiver(redis, [1], others=[fail, write_much])

    wait_for(lambda: len(written) > 5)
    assert len(tried) == 1
    assert archiver.stop(patience=5)
