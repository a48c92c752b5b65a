"""Entering, staying in and leaving geofences, one located event after the other."""

import pytest

from decisioning.enrichment.fences import Fence
from decisioning.enrichment.visiting import read_entries, visit_events
from decisioning.ingestion.records import Record
from tests.decisioning.ingestion.people_and_records import NOW_MS, person

FENCES = {"store": Fence(key="store", name="Store", centre=(52.52, 13.405), dwell_s=600)}


def located(minute, *keys):
    return Record(
        message_id=f"at-{minute}",
        person=person("user:ana"),
        identifiers=("user:ana",),
        event="Moved",
        attributes={"geofences": list(keys)},
        context={"geofences": list(keys)},
        event_time_ms=NOW_MS + minute * 60_000,
        received_at_ms=NOW_MS + minute * 60_000,
    )


def walk(*records):
    """Return (event, fence, seconds) of everything that records tell, one after the other."""
    told, state = [], None
    for record in records:
        events, state = visit_events(record, state, FENCES)
        told += [
            (one.event, one.properties["geofence"], one.properties.get("seconds")) for one in events
        ]
    return told


def test_tells_of_entering_staying_once_and_leaving():
    told = walk(
        located(0), located(1, "store"), located(5, "store"), located(11, "store"),
        located(15, "store"), located(20),
    )  # fmt: skip

    assert told == [
        ("Geofence Entered", "store", None),
        ("Geofence Dwelled", "store", 600),
        ("Geofence Left", "store", 1140),
    ]


def test_a_late_event_tells_nothing():
    assert walk(located(5, "store"), located(1)) == [("Geofence Entered", "store", None)]


def test_a_repeat_tells_the_same_under_the_same_id():
    record = located(1, "store")

    once, _ = visit_events(record, None, FENCES)
    again, _ = visit_events(located(1, "store"), None, FENCES)

    assert once == again
    assert once[0].message_id == f"geofence:{person('user:ana')}:entered:store:0"


def test_until_the_state_is_known_every_record_tells_the_same_entering():
    _, outside = visit_events(located(0), None, FENCES)

    told = [visit_events(located(at, "store"), outside, FENCES)[0] for at in (1, 2, 3)]

    assert len({one.message_id for (one,) in told}) == 1


def test_coming_back_is_another_entering():
    state, told = None, []
    for one in (located(1, "store"), located(2), located(3, "store")):
        events, state = visit_events(one, state, FENCES)
        told += [event.message_id for event in events]

    assert len(told) == len(set(told)) == 3


@pytest.mark.parametrize("value", [None, "store", ["store"], ["store@soon"], [1, None]])
def test_a_state_that_cannot_be_read_is_nowhere(value):
    assert read_entries(value) == {}
