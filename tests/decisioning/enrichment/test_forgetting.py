"""What is too old goes: rows of history, attributes of profiles; what providers said, once stale."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import Error, connection

from consent.people import PARTITIONS
from decisioning.enrichment.fences import Fence
from decisioning.enrichment.forgetting import expire_attributes, forget_events
from decisioning.enrichment.placing import cell_of
from decisioning.enrichment.providing import cells, read_answer
from decisioning.enrichment.stored import keep_provided, load_provided
from decisioning.enrichment.terms import Provider, Terms
from decisioning.ingestion import history
from decisioning.models import EventRecord
from decisioning.profiles.store import load_profile
from tests.decisioning.ingestion.people_and_records import (
    NOW_MS,
    accept,
    drain_all,
    make_drain,
    make_record,
    person,
)

DAY_MS = 86_400_000
NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)


def row(number, name, *, days):
    at = NOW - timedelta(days=days)
    return (f"001-{number}", at, at, 1, "p001", "event", "track", name, f"m{number}", "k", b"")


def test_history_forgets_what_is_older_than_its_type_may_be(db):
    history.write(
        [row(1, "Searched", days=40), row(2, "Searched", days=10), row(3, "Order", days=40)]
    )

    gone = forget_events(Terms(event_days={"Searched": 30}), now=NOW)

    assert gone == {"Searched": 1}
    assert set(EventRecord.objects.values_list("event_id", flat=True)) == {"001-2", "001-3"}


@pytest.mark.parametrize("arguments", [("", 40), ("Searched", 0)])
def test_the_database_forgets_nothing_unnamed_or_young(db, arguments):
    name, days = arguments
    before = datetime.now(UTC) - timedelta(days=days)

    with pytest.raises(Error, match="name an event"), connection.cursor() as cursor:
        cursor.execute("SELECT decisioning_forget_events(%s, %s, 10)", [name, before])


def test_attributes_stand_for_their_days_and_no_longer(redis):
    told = {"city": "Berlin", "plan": "pro"}
    accept(
        redis,
        [
            make_record(1, "user:ana", at_ms=NOW_MS - 40 * DAY_MS, attributes=told),
            make_record(2, "user:ben", at_ms=NOW_MS - 10 * DAY_MS, attributes=told),
        ],
    )
    drain = make_drain(redis, partitions=list(range(PARTITIONS)))
    drain_all(drain)
    terms = Terms(attribute_days={"city": 30})

    assert expire_attributes(redis, terms, now_ms=NOW_MS) == 1
    assert expire_attributes(redis, terms, now_ms=NOW_MS) == 0
    drain_all(drain)

    _, ana = load_profile(redis, person("user:ana"))
    _, ben = load_profile(redis, person("user:ben"))
    assert (ana.attributes["city"].value, ana.attributes["plan"].value) == (None, "pro")
    assert ben.attributes["city"].value == "Berlin"


def test_forgetting_is_nothing_that_anybody_did(redis):
    told = {"city": "Berlin"}
    accept(redis, [make_record(1, "user:ana", at_ms=NOW_MS - 40 * DAY_MS, attributes=told)])
    drain = make_drain(redis, partitions=list(range(PARTITIONS)))
    drain_all(drain)
    _, before = load_profile(redis, person("user:ana"))

    expire_attributes(redis, Terms(attribute_days={"city": 30}), now_ms=NOW_MS)
    drain_all(drain)

    _, after = load_profile(redis, person("user:ana"))
    assert after.attributes["city"].value is None
    assert (after.newest_ms, after.activity) == (before.newest_ms, before.activity)


def test_attributes_of_accounts_are_forgotten_too(redis):
    told = make_record(
        1, "account:account:c-7", at_ms=NOW_MS - 40 * DAY_MS, attributes={"seats": 5.0}
    )
    accept(redis, [told])
    drain = make_drain(redis, partitions=list(range(PARTITIONS)))
    drain_all(drain)

    assert expire_attributes(redis, Terms(attribute_days={"seats": 30}), now_ms=NOW_MS) == 1


WEATHER = Provider(
    key="weather",
    address="https://weather.example/?lat={latitude}&lon={longitude}",
    fields={"condition": "now.sky", "degrees": "now.temperature"},
    places=((48.1, 11.6),),
)


def test_an_answer_is_read_at_the_paths_that_are_named():
    said = b'{"now": {"sky": "rain", "temperature": 7, "wind": [1]}}'

    assert read_answer(WEATHER, said) == {"condition": "rain", "degrees": 7}
    assert read_answer(WEATHER, b"<html>") == read_answer(WEATHER, b"[]") == {}


def test_the_cells_of_places_and_of_geofences_are_asked_for():
    store = Fence(key="store", name="Store", centre=(52.52, 13.405))

    asked = cells(WEATHER, Terms(fences=(store,)))

    assert set(asked) == {cell_of((52.52, 13.405)), cell_of((48.1, 11.6))}


def test_what_was_said_is_kept_and_what_is_stale_goes(redis):
    keep_provided(
        redis, "weather", {"1,1": ({"condition": "rain"}, 1), "2,2": ({}, 4_000_000_000_000)}
    )
    keep_provided(redis, "weather", {"3,3": ({"condition": "sun"}, 4_000_000_000_000)})

    assert set(load_provided(redis, "weather")) == {"2,2", "3,3"}
