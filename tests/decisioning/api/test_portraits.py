"""Parts of a profile over GET /v1/profiles/{id}?fields= : what is asked for, and nothing else."""

import pytest
from django.test import Client

from decisioning.api import portraits
from decisioning.api.portraits import Wanted, parse_fields
from decisioning.profiles.live_set import announce
from decisioning.rules.compiler import compile_release
from rtts_site.foundation.problems import Problem
from tests.decisioning import making

pytestmark = pytest.mark.django_db
BUYERS = making.offer("for-buyers", eligibility=making.BUYER)


@pytest.fixture
def get(kept):
    spec = making.release(offers=(BUYERS,), campaigns=(making.campaign("winter", "for-buyers"),))
    making.publish(kept, spec)
    announce(kept, compile_release(spec).aggregates)
    events = [making.track("ana", "Order Completed", message_id=f"o{n}") for n in range(3)]
    making.remember(
        kept, "ana", spec, attributes={"loyalty_tier": "gold", "age": 40}, events=events
    )
    profiles = making.make_key(kept, "profiles")

    def ask(fields=None, person="user:ana"):
        query = {} if fields is None else {"fields": fields}
        return Client().get(
            f"/v1/profiles/{person}", query, headers={"authorization": f"Bearer {profiles}"}
        )

    return ask


def test_usually_tells_what_costs_one_round_trip(get):
    told = get().json()

    assert set(told) == {
        *("person_id", "as_of", "first_seen", "newest_event"),
        *("identifiers", "groups", "attributes"),
    }
    assert told["identifiers"] == ["user:ana"]


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        ("attributes.loyalty_tier", {"attributes": {"loyalty_tier"}}),
        ("loyalty_tier, age", {"attributes": {"loyalty_tier", "age"}}),
        ("attributes,attributes.age", {"attributes": {"loyalty_tier", "age"}}),
        ("segments.gold", {"segments": {"gold"}}),
        ("segments,attributes.nothing", {"segments": {"gold"}, "attributes": set()}),
    ],
)
def test_tells_the_parts_that_are_asked_for(get, fields, parts):
    told = get(fields).json()

    assert {part: set(told[part]) for part in told if part not in ("person_id", "as_of")} == parts


def test_segments_and_aggregates_have_values(get):
    told = get("segments,aggregates.Order Completed").json()

    assert told["segments"] == {"gold": {"name": "Gold members", "in": True}}
    (counted,) = told["aggregates"].values()
    assert counted["function"] == "count"
    assert "30 days" in counted["what"]
    assert counted["value"] in (0, 3)  # the test's events have an age


def test_what_is_not_asked_for_is_not_read(get, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(portraits, "load_live_set", lambda client: pytest.fail("not asked for"))
    monkeypatch.setattr(portraits, "live_release", lambda client: pytest.fail("not asked for"))

    with django_assert_num_queries(0):
        assert set(get("identifiers").json()) == {"person_id", "as_of", "identifiers"}
    with django_assert_num_queries(1):
        get("attributes.age")


@pytest.mark.parametrize(
    "fields", ["", " , ", "identifiers.x", ",".join(f"a{n}" for n in range(201))]
)
def test_wrong_fields_are_named(get, fields):
    reply = get(fields)

    assert reply.status_code == 422
    assert reply.json()["errors"][0]["pointer"] == "/fields"


def test_nobody_is_not_found(get):
    assert get(person="user:nobody").status_code == 404
    assert get(person="nonsense").status_code == 404


def test_a_newer_release_is_noticed(kept, get):
    assert set(get("segments").json()["segments"]) == {"gold"}
    making.publish(kept, making.changed(making.release(), segments=()), version=2)

    assert get("segments").json()["segments"] == {}


def test_fields_are_read_as_keys_of_parts():
    wanted = parse_fields("attributes.a.b,segments.x,segments")

    assert wanted == Wanted({"attributes": frozenset({"a.b"}), "segments": None})
    assert parse_fields("a.b").parts == {"attributes": frozenset({"a.b"})}
    with pytest.raises(Problem):
        parse_fields("first_seen.x")
