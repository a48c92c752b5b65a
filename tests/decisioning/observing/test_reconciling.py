"""Planted drift is found at the same position, corrected by version, reported by part."""

from datetime import timedelta

import msgspec
import pytest

from consent import people
from decisioning.enrichment.stored import TERMS_KEY
from decisioning.ingestion import backfill as backfill_module
from decisioning.ingestion import drain as drain_module
from decisioning.ingestion import history
from decisioning.models import IntakeHour
from decisioning.observing import reconciling
from decisioning.observing.quality import hour_of
from decisioning.profiles.live_set import announce
from decisioning.profiles.profile import encode_profile
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
from tests.decisioning.making import NOW

ORDERS = make_aggregate("Order", "count", within="30d")
NAMES = [f"user:u{n}" for n in range(30)]


@pytest.fixture
def kept(redis, db, monkeypatch):
    monkeypatch.setattr(drain_module, "BLOCK_MS", 5)
    monkeypatch.setattr(backfill_module, "POLL_S", 0.02)
    live = announce(redis, [ORDERS])
    drain_all(make_drain(redis))
    redis.hset(backfill_module.COMPLETE_KEY, mapping=live.generations)
    accept(redis, [make_record(n, name, event="Order") for n, name in enumerate(NAMES)])
    accept(
        redis,
        [
            make_record(f"i{n}", name, type="identify", attributes={"tier": "gold"})
            for n, name in enumerate(NAMES)
        ],
    )
    drain_all(make_drain(redis))
    history.archive(redis, range(people.PARTITIONS))
    return redis


def plant(redis, name, **fields):
    """Store a profile that no record led to."""
    _, profile = load_profile(redis, person(name))
    drifted = msgspec.structs.replace(profile, **fields)
    redis.set(people.profile_key(person(name)), encode_profile(drifted))
    return profile


def run(redis):
    return reconciling.reconcile(redis, now=NOW, partitions=range(people.PARTITIONS))


def test_what_has_not_drifted_is_left_alone(kept):
    found = run(kept)

    assert (found.looked, found.drifted, found.skipped, found.parts) == (len(NAMES), 0, 0, {})


def test_planted_drift_is_found_corrected_and_told_by_part(kept):
    lost = plant(kept, NAMES[3], attributes={})
    wrong = plant(kept, NAMES[4], first_seen_ms=1, attributes={})

    found = run(kept)

    assert (found.drifted, found.parts) == (2, {"attributes": 2, "first_seen_ms": 1})
    assert set(found.people) == {person(NAMES[3]), person(NAMES[4])}
    assert load_profile(kept, person(NAMES[3]))[1] == lost
    assert load_profile(kept, person(NAMES[4]))[1] == wrong
    assert run(kept).drifted == 0


def test_buckets_have_drifted_where_a_count_is_another(kept):
    counted = plant(kept, NAMES[6], series={})

    found = run(kept)

    assert found.parts == {"series": 1}
    assert aggregate_value(load_profile(kept, person(NAMES[6]))[1], ORDERS, NOW_MS / 1000) == 1
    assert reconciling.parts_of(("", counted, counted), [ORDERS]) == []
    bare = msgspec.structs.replace(counted, series={})
    assert reconciling.parts_of(("", bare, counted), []) == []


def test_of_whom_history_has_forgotten_something_nobody_is_compared(kept):
    before = plant(kept, NAMES[7], first_seen_ms=1, attributes={})
    kept.set(TERMS_KEY, msgspec.json.encode({"event_days": {"Order": 30}}))

    found = run(kept)

    assert (found.drifted, found.skipped) == (0, 1)
    assert load_profile(kept, person(NAMES[7]))[1] != before


def test_a_partition_that_moves_meanwhile_is_left_out(kept, monkeypatch):
    before = plant(kept, NAMES[5], attributes={})
    monkeypatch.setattr("decisioning.ingestion.rebuilding.commit", lambda client, batches: [False])

    found = run(kept)

    assert found.drifted == 0
    assert found.skipped > 0
    assert load_profile(kept, person(NAMES[5]))[1] != before


def test_runs_go_round_all_partitions_and_people():
    seen = {
        one
        for number in range(256 // reconciling.PARTITIONS)
        for one in reconciling._partitions_of(number)
    }

    assert seen == set(range(people.PARTITIONS))


def test_quiet_hours_are_the_quietest_third_of_last_week(db):
    for back in range(-24, 7 * 24 + 1):
        hour = hour_of(NOW) - back
        IntakeHour.objects.create(hour=hour, source="shop", event="Order", events=100 - hour % 24)

    quiet = [reconciling.is_off_peak(NOW + timedelta(hours=step)) for step in range(24)]

    assert 7 <= sum(quiet) <= 9
    assert reconciling.is_off_peak(NOW.replace(hour=23))
    reconciling.Reconciliation.objects.create(began_at=NOW.replace(hour=22, minute=40))
    assert not reconciling.is_off_peak(NOW.replace(hour=23))
