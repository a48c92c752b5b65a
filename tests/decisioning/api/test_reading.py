"""GET /v1/decisions/{id} and GET /v1/profiles/{id} through Django."""

import pytest
from django.test import Client

from consent import people
from decisioning import decision_log
from tests.decisioning import making
from tests.decisioning.making import decide, run

pytestmark = pytest.mark.django_db


def get(path, key):
    return Client().get(path, headers={"authorization": f"Bearer {key}"})


@pytest.fixture
def answer(kept, key):
    spec = making.release()
    making.publish(kept, spec)
    making.consent(kept, "ana")
    making.remember(kept, "ana", spec, attributes={"loyalty_tier": "silver"})
    return run(decide(key)).json


def test_a_decision_is_found_before_it_is_archived(answer, key):
    reply = get(f"/v1/decisions/{answer['decision_id']}", key)

    assert reply.status_code == 200
    told = reply.json()
    assert told["state"] == "recorded"
    assert told["explanation"][0]["code"] == "NOT_ELIGIBLE"
    assert told["explanation"][0]["conditions"][0]["actual"] == "silver"
    assert told["consent"]["states"][0]["record"] == "evt-1"


def test_a_decision_is_the_same_in_the_archive(kept, answer, key):
    path = f"/v1/decisions/{answer['decision_id']}"
    before = get(path, key).json()

    decision_log.archive(kept, range(people.PARTITIONS))
    kept.delete(people.decision_log_key(people.partition_of(answer["person_id"])))

    assert get(path, key).json() == before


def test_facts_need_the_scope_trace(kept, answer):
    plain = making.make_key(kept, "decisions")

    told = get(f"/v1/decisions/{answer['decision_id']}", plain).json()

    assert "facts" not in told
    assert "conditions" not in told["explanation"][0]


@pytest.mark.parametrize(
    "name", ["nonsense", "d-042-1-0-0123456789abcdef", "d-999-1-0-0123456789abcdef"]
)
def test_an_unknown_decision_is_a_404(kept, key, name):
    assert get(f"/v1/decisions/{name}", key).status_code == 404


def test_a_profile_tells_where_its_values_came_from(kept, answer):
    profiles = making.make_key(kept, "profiles")

    reply = get("/v1/profiles/user:ana?fields=loyalty_tier", profiles)

    assert reply.status_code == 200
    cell = reply.json()["attributes"]["loyalty_tier"]
    assert (cell["value"], cell["message_id"]) == ("silver", None)  # no history of it
    assert get("/v1/profiles/user:ana?fields=", profiles).status_code == 422
    assert get("/v1/profiles/user:nobody", profiles).status_code == 404
