"""What processes count of events, and what is added up of it."""

from datetime import timedelta

import pytest

from decisioning.models import IntakeHour, Sighting, ValueHour
from decisioning.observing import batches, keeping
from decisioning.observing.batches import HOUR_MS, leave, merged
from decisioning.observing.shapes import shape_of, type_of
from decisioning.observing.tallying import LOOKED_AT, OTHERS, Tally, tally_of
from tests.decisioning.ingestion.people_and_records import NOW_MS, make_record
from tests.decisioning.making import NOW


def order(number, **fields):
    fields.setdefault("properties", {"total": number, "code": f"x-{number}"})
    return make_record(number, "user:ana", event="Order", source="shop", **fields)


@pytest.mark.parametrize(
    ("value", "kind", "shape"),
    [
        (True, "boolean", "true or false"),
        (12.5, "number", "99.9"),
        ("Ana Müller-7", "text", "aaa aaaaaa-9"),
        ("2026-11-22T09:00:00Z", "date", "9999-99-99a99:99:99a"),
        (["a"], "list", "1 values"),
        ([1], "mixed", "1 values"),
        ({"lat": 1, "lon": 2}, "place", "2 fields"),
        ({"a": 1}, "object", "1 fields"),
        ("x" * 100, "text", "a" * 24 + "…"),
    ],
)
def test_values_are_described_without_being_told(value, kind, shape):
    assert (type_of(value), shape_of(value)) == (kind, shape)


def test_counts_exactly_and_looks_at_a_sample():
    late = order(0, at_ms=NOW_MS - 60_000)
    batch = tally_of([late, *(order(n) for n in range(1, 100))]).emptied()

    (count,) = batch.counts
    total, code = batch.values
    assert (count.hour, count.source, count.event) == (NOW_MS // HOUR_MS, "shop", "Order")
    assert (count.events, count.late_ms, count.newest_ms) == (100, 60_000, NOW_MS)
    assert (total.looked, total.present, total.types) == (LOOKED_AT, LOOKED_AT, {"number": 20})
    assert (total.low, total.high, code.shapes) == (0, 19, ["a-9", "a-99"])


def test_missing_and_null_count_as_missing():
    seen = [{"a": 1}, {"a": None}, {}, {"a": 2}]
    tally = tally_of(order(n, properties=one) for n, one in enumerate(seen))

    (value,) = tally.emptied().values

    assert (value.looked, value.present) == (4, 2)
    assert not tally


def test_what_is_counted_is_bounded():
    tally = Tally()
    for n in range(1_000):
        tally.take(make_record(n, "user:ana", event=f"E{n}"))
        tally.take(order(n, properties={f"k{n}": 1}))

    batch = tally.emptied()

    assert len(batch.counts) <= 502
    assert next(one for one in batch.counts if one.event == OTHERS).events > 400
    assert len(batch.values) <= LOOKED_AT


def test_batches_merge_whatever_their_order():
    one, two = tally_of([order(1), order(2)]).emptied(), tally_of([order(9)]).emptied()

    assert merged([one, two]).counts == merged([two, one]).counts
    both = merged([merged([one]), two])
    total = next(value for value in both.values if value.key == "total")
    assert (both.counts[0].events, total.low, total.high, total.looked) == (3, 1, 9, 3)


def test_hours_and_sightings_add_up(redis, db):
    leave(redis, tally_of([order(1), order(2)]).emptied())
    leave(redis, tally_of([order(3)]).emptied())
    assert keeping.keep(redis, now=NOW) == 2
    leave(redis, tally_of([order(4, properties={"total": "four"})]).emptied())
    assert keeping.keep(redis, now=NOW + timedelta(minutes=1)) == 1
    assert keeping.keep(redis, now=NOW) == 0

    row = IntakeHour.objects.get()
    total = ValueHour.objects.get(key="total")
    seen = Sighting.objects.get(event="Order", key="")
    assert (row.events, total.looked, total.types) == (4, 4, {"number": 3, "text": 1})
    assert (seen.count, seen.first_seen_at, seen.last_seen_at) == (
        4,
        NOW,
        NOW + timedelta(minutes=1),
    )
    code = Sighting.objects.get(key="code")
    assert (code.looked, code.present, code.shapes) == (3, 3, ["a-9"])


def test_names_beyond_the_bound_become_others(redis, db, monkeypatch):
    monkeypatch.setattr(keeping, "MOST_EVENTS", 3)
    tally = tally_of(make_record(n, "user:ana", event=f"E{n}\0") for n in range(10))
    leave(redis, tally.emptied())

    keeping.keep(redis, now=NOW)

    assert set(IntakeHour.objects.values_list("event", flat=True)) == {"E0", "E1", "E2", OTHERS}
    assert IntakeHour.objects.get(event=OTHERS).events == 7


def test_the_queue_is_bounded(redis, monkeypatch):
    monkeypatch.setattr(batches, "MOST", 3)
    for n in range(5):
        leave(redis, tally_of([order(n)]).emptied())

    assert redis.llen(batches.QUEUE) == 3


def test_old_hours_are_forgotten(redis, db):
    leave(redis, tally_of([order(1)]).emptied())
    keeping.keep(redis, now=NOW)

    keeping.forget(now=NOW + timedelta(days=100))

    assert not IntakeHour.objects.exists()
    assert not ValueHour.objects.exists()
    assert not Sighting.objects.exists()
