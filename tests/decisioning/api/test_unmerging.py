"""POST /v1/people/unmerge: with its scope only, for those who were merged, recorded."""

import pytest

from consent import people
from consent.models import Parting
from decisioning.ingestion import tasks
from decisioning.profiles.profile import Profile, encode_profile
from rtts_site.foundation import key_issuing
from tests.decisioning import making

ANA, BEN = making.person_of("ana"), making.person_of("ben")
URL = "/v1/people/unmerge"


@pytest.fixture
def begun(monkeypatch):
    """Return what workers are asked to finish."""
    asked = []
    monkeypatch.setattr(tasks.finish_one, "delay", lambda **said: asked.append(said["parting"]))
    return asked


def headers(redis, *scopes):
    _, secret = key_issuing.issue(redis, "crm", scopes=scopes)
    return {"Authorization": f"Bearer {secret}"}


def ask(client, redis, scopes=("people",), **body):
    said = {"person": "user:ben", "why": "a guest", **body}
    return client.post(URL, said, content_type="application/json", headers=headers(redis, *scopes))


def test_parts_who_was_merged_and_says_how_far_it_is(client, db, redis, begun):
    redis.set(people.profile_key(BEN), encode_profile(Profile(merged_into=ANA)))

    reply = ask(client, redis)

    assert reply.status_code == 202
    told = reply.json()
    assert (told["source"], told["target"], told["state"]) == (BEN, ANA, "running")
    row = Parting.objects.get(pk=told["id"])
    assert (row.parted_by, row.why) == ("key crm", "a guest")
    assert begun == []  # a request waits for no broker
    tasks.finish_open()
    assert begun == [row.pk]
    assert redis.hlen(people.fence_key(ANA)) == redis.hlen(people.fence_key(BEN)) == 1
    again = client.get(f"{URL}/{row.pk}", headers=headers(redis, "people"))
    assert again.json()["state"] == "running"


def test_refuses_others(client, db, redis, begun):
    assert ask(client, redis).status_code == 409
    assert ask(client, redis, scopes=("events",)).status_code == 403
    assert ask(client, redis, person="nobody").status_code == 422
    assert ask(client, redis, why="").status_code in (400, 422)
    assert begun == []
