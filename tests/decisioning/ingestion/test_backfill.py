"""New aggregates over old events: exact, whatever was folded, merged or sent meanwhile."""

import threading

import pytest

from consent import people
from decisioning.ingestion import backfill as backfill_module
from decisioning.ingestion import drain as drain_module
from decisioning.ingestion import history
from decisioning.ingestion.backfill import BackfillStalled, backfill
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.folding import fold
from decisioning.profiles.live_set import announce
from decisioning.profiles.store import load_profile
from decisioning.profiles.windows import aggregate_value
from decisioning.rules.signals import SIGNALS
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
KINDS_OF_ALL = [
    make_aggregate("Order", "distinct", property="value", within="30d"),
    make_aggregate("Order", "first", property="value", within="30d", type="number"),
    make_aggregate("Order", "last", property="value", within="30d", type="number"),
    make_aggregate("Order", "recent_average", property="value", within="30d"),
    make_aggregate("Order", "sessions", within="5 sessions"),
    make_aggregate("Page Engaged", "max", property="scroll_depth_percent", within="30d"),
    *(one.aggregate for one in SIGNALS.values()),
]
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


def engaged(number, view, percent, *, at_ms):
    properties = {"view_id": view, "scroll_depth_percent": percent, "time_on_page_s": percent}
    return make_record(f"g{number}", ANA, event="Page Engaged", properties=properties, at_ms=at_ms)


def added(number, price, *, at_ms):
    properties = {"price": price, "quantity": 2}
    return make_record(f"c{number}", ANA, event="Product Added", properties=properties, at_ms=at_ms)


@pytest.mark.django_db
def test_history_completes_every_kind_of_aggregate_as_live_folding_would(redis, worker):
    records = [
        make_record(
            f"o{n}", ANA, event="Order", properties={"value": n + 0.5}, at_ms=NOW_MS - n * 600_000
        )
        for n in range(200)
    ]
    records += [engaged(n, f"v{n % 3}", 10 * n, at_ms=NOW_MS - n * 1_000) for n in range(9)]
    records += [added(n, 2.5, at_ms=NOW_MS - n * 1_000) for n in range(3)]
    accept(redis, records)
    fold_and_archive(redis)
    announce(redis, KINDS_OF_ALL)

    backfill(redis, KINDS_OF_ALL)

    reference = fold(None, records, Aggregates.of(KINDS_OF_ALL))
    _, profile = load_profile(redis, person(ANA))
    for spec in KINDS_OF_ALL:
        expected = aggregate_value(reference, spec, NOW_MS / 1000)
        assert aggregate_value(profile, spec, NOW_MS / 1000) == expected, spec


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
