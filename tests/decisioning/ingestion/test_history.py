"""History in PostgreSQL: everything folded, once, where it was folded; streams are trimmed behind it."""

import pytest
from django.db import Error, connection

from consent import people
from decisioning.ingestion import drain as drain_module
from decisioning.ingestion import history
from decisioning.ingestion.positions import load_positions
from decisioning.ingestion.records import decode_record
from decisioning.ingestion.setting_aside import count_set_aside
from decisioning.models import EventRecord
from tests.decisioning.ingestion.people_and_records import (
    accept,
    drain_all,
    make_drain,
    make_record,
    person,
)

ALL = range(people.PARTITIONS)
ANA, PHONE = "user:ana", "anonymous:phone"


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    monkeypatch.setattr(drain_module, "BLOCK_MS", 5)


def order(number, name):
    return make_record(number, name, event="Order", properties={"value": 5})


@pytest.mark.django_db
def test_archives_what_is_folded_once(redis):
    accept(redis, [order(1, ANA), order(2, ANA)])
    assert history.archive(redis, ALL) == 0  # nothing is folded yet
    drain_all(make_drain(redis))

    assert history.archive(redis, ALL) == 2
    redis.hdel(people.position_key(people.partition_of(person(ANA))), "archived")
    history.archive(redis, ALL)

    rows = list(EventRecord.objects.order_by("event_id"))
    assert [row.message_id for row in rows] == ["m1", "m2"]
    assert decode_record(bytes(rows[0].body)).properties == {"value": 5}
    assert rows[0].person_id == person(ANA)


@pytest.mark.django_db
def test_trims_streams_behind_both_positions(redis):
    partition = people.partition_of(person(ANA))
    accept(redis, [order(n, ANA) for n in range(20)])
    drain_all(make_drain(redis))
    assert redis.xlen(people.stream_key(partition)) == 20

    history.archive(redis, ALL)

    assert redis.xlen(people.stream_key(partition)) <= 1
    assert load_positions(redis, [partition])[partition].is_archived


@pytest.mark.django_db
def test_a_forwarded_event_is_archived_where_it_was_folded(redis):
    sign_in = make_record(2, ANA, PHONE, joins=[PHONE], type="identify")
    accept(redis, [order(1, PHONE), sign_in])
    drain = make_drain(redis)
    drain_all(drain)
    accept(redis, [order(3, PHONE)])
    drain_all(drain)

    history.archive(redis, ALL)

    events = EventRecord.objects.filter(kind="event").values_list("message_id", "person_id")
    assert dict(events) == {"m1": person(PHONE), "m2": person(ANA), "m3": person(ANA)}
    assert EventRecord.objects.filter(kind="merge_in").count() == 1


@pytest.mark.django_db
def test_a_failing_store_loses_nothing(redis, monkeypatch):
    accept(redis, [order(1, ANA)])
    drain_all(make_drain(redis))

    def refuse(rows):
        raise Error("away")

    with monkeypatch.context() as patch:
        patch.setattr(history, "write", refuse)
        with pytest.raises(Error):
            history.archive(redis, ALL)

    assert history.archive(redis, ALL) == 1


@pytest.mark.django_db
def test_months_ahead_are_made_by_the_runtime_role():
    history.ensure_partitions(months=4)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'decisioning_event'::regclass"
        )
        assert cursor.fetchone()[0] >= 5


@pytest.mark.django_db
def test_what_cannot_be_written_holds_nobody_up(redis):
    accept(redis, [order(1, ANA), make_record(2, ANA, event="a\0b"), order(3, ANA)])
    accept(redis, [make_record(4, ANA, event="Order", at_ms=10**18), order(5, PHONE)])
    drain_all(make_drain(redis))

    assert history.archive(redis, ALL) == 3

    assert set(EventRecord.objects.values_list("message_id", flat=True)) == {"m1", "m3", "m5"}
    assert count_set_aside(redis) == 2
    assert all(one.is_archived for one in load_positions(redis, ALL).values())
