"""New aggregates over old events: exact, whatever was folded, merged or sent meanwhile."""

import threading

import pytest

from consent import people
from decisioning.ingestion import backfill as backfill_module
from decisioning.ingestion import drain as drain_module
from decisioning.ingestion import history
from decisioning.ingestion.backfill import BackfillStalled, backfill
from decisioning.profiles.live_set import announce
from decisioning.profiles.store import load_profile
from decisioning.profiles.windows import aggregate_value
from decisioning.rules.tree import make_aggregate
from tests.decisioning.ingestion.people_and_records import (
    NOW_MS,
    accept,
    drain_all,
    make_drain,
    make_record,
    person,
)

ALL = range(people.PARTITIONS)
ORDERS = make_aggregate("Order", "count", within="30d")
SPEND = make_aggregate("Order", "sum", property="value", within="30d")
LAST = make_aggregate("Order", "since_last")
ANA, BEN, PHONE = "user:ana", "user:ben", "anonymous:phone"


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    monkeypatch.setattr(drain_module, "BLOCK_MS", 5)
    monkeypatch.setattr(backfill_module, "POLL_S", 0.02)


@pytest.fixture
def worker(redis):
    """Return a drain with a thread that keeps it going."""
    stop = threading.Event()

    def run():
        drain = make_drain(redis)
        while not stop.is_set():
            drain.step()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    stop.set()
    thread.join()


def order(number, name, **fields):
    return make_record(number, name, event="Order", properties={"value": 2.5}, **fields)


def value_of(redis, name, spec):
    _, profile = load_profile(redis, person(name))
    return aggregate_value(profile, spec, NOW_MS / 1000)


def fold_and_archive(redis):
    drain_all(make_drain(redis))
    history.archive(redis, ALL)


@pytest.mark.django_db
def test_history_completes_a_new_aggregate(redis, worker):
    accept(redis, [order(n, ANA) for n in range(10)] + [order("b", BEN, at_ms=NOW_MS - 5_000)])
    fold_and_archive(redis)
    announce(redis, [ORDERS, SPEND, LAST])
    steps = []

    completed = backfill(redis, [ORDERS, SPEND, LAST], lambda *step: steps.append(step))

    assert completed == 3
    assert value_of(redis, ANA, ORDERS) == 10
    assert value_of(redis, ANA, SPEND) == 25
    assert value_of(redis, BEN, LAST) == 5
    assert steps[-1] == (256, 256)
    assert backfill(redis, [ORDERS, SPEND, LAST]) == 0


@pytest.mark.django_db
def test_what_comes_after_take_up_is_not_counted_twice(redis):
    accept(redis, [order(n, ANA) for n in range(5)])
    fold_and_archive(redis)
    announce(redis, [ORDERS])
    drain_all(make_drain(redis))
    accept(redis, [order(n, ANA) for n in range(5, 8)])
    fold_and_archive(redis)

    _backfill_beside_a_drain(redis, [ORDERS])

    assert value_of(redis, ANA, ORDERS) == 8


@pytest.mark.django_db
def test_a_merge_meanwhile_keeps_every_event_once(redis):
    accept(redis, [order(1, PHONE), order(2, ANA)])
    fold_and_archive(redis)
    announce(redis, [ORDERS])
    drain_all(make_drain(redis))
    sign_in = make_record(3, ANA, PHONE, joins=[PHONE], type="identify")
    accept(redis, [order(4, PHONE), sign_in])
    fold_and_archive(redis)
    accept(redis, [order(5, PHONE)])
    fold_and_archive(redis)

    _backfill_beside_a_drain(redis, [ORDERS])

    assert value_of(redis, ANA, ORDERS) == 4


@pytest.mark.django_db
def test_an_aggregate_that_returns_is_completed_anew(redis):
    announce(redis, [ORDERS])
    accept(redis, [order(1, ANA)])
    fold_and_archive(redis)
    announce(redis, [])
    accept(redis, [order(2, ANA)])
    fold_and_archive(redis)
    announce(redis, [ORDERS])

    _backfill_beside_a_drain(redis, [ORDERS])

    assert value_of(redis, ANA, ORDERS) == 2


@pytest.mark.django_db
def test_sending_again_after_a_crash_changes_nothing(redis):
    accept(redis, [order(1, ANA)])
    fold_and_archive(redis)
    announce(redis, [ORDERS])
    _backfill_beside_a_drain(redis, [ORDERS])

    redis.delete(backfill_module.COMPLETE_KEY)
    _backfill_beside_a_drain(redis, [ORDERS])

    assert value_of(redis, ANA, ORDERS) == 1


@pytest.mark.django_db
def test_says_so_when_no_worker_runs(redis, monkeypatch):
    monkeypatch.setattr(backfill_module, "PATIENCE_S", 0.2)
    announce(redis, [ORDERS])

    with pytest.raises(BackfillStalled, match="workers"):
        backfill(redis, [ORDERS])


def _backfill_beside_a_drain(redis, specs):
    stop = threading.Event()

    def run():
        drain = make_drain(redis)
        while not stop.is_set():
            drain.step()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        backfill(redis, specs)
    finally:
        stop.set()
        thread.join()
