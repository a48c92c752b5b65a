"""Members of a segment are exported as far as consent goes, and an export that broke off goes on."""

import json

import pytest
from django.utils import timezone

from consent import people
from consent.policy import Status
from decisioning.dispatching import exporting
from decisioning.dispatching.destinations import Target, make_destination
from decisioning.models import MemberExport
from tests.decisioning import making
from tests.receiver import receiver

SPEC = making.release()


@pytest.fixture
def shop(kept, db, settings, tmp_path, monkeypatch):
    settings.RTTS_VAR = tmp_path
    settings.RTTS_WEBHOOKS_PRIVATE = True
    monkeypatch.setattr(exporting, "PEOPLE_AT_ONCE", 2)
    making.publish(kept, SPEC)
    for number in range(12):
        name = f"c-{number}"
        tier = "gold" if number < 8 else "silver"
        making.remember(kept, name, SPEC, attributes={"loyalty_tier": tier})
        person = making.person_of(name)
        kept.zadd(people.roster_key(people.partition_of(person)), {person: 0})
        status = Status.WITHDRAWN if number < 2 else Status.GIVEN
        making.consent(kept, name, status=status)
    return kept


def asked(**fields):
    fields = {"format": "jsonl", "namespaces": ["user"]} | fields
    return MemberExport.objects.create(
        segment="gold",
        purpose="personalised_ads",
        why="Test",
        created_at=timezone.now(),
        **fields,
    )


def test_only_members_who_permit_it_are_in_the_file(shop):
    row = asked()

    assert exporting.go_on(shop, now=timezone.now)

    row.refresh_from_db()
    assert (row.state, row.trouble) == ("done", "")
    assert (row.looked_at, row.members, row.rows) == (12, 8, 6)
    lines = [json.loads(line) for line in exporting.path_of(row).read_text().splitlines()]
    assert sorted(line["user"][0] for line in lines) == [f"c-{n}" for n in range(2, 8)]
    assert not exporting.go_on(shop, now=timezone.now)


def test_a_file_goes_on_where_it_broke_off(shop, monkeypatch):
    row = asked(format="csv")
    real, calls = exporting._save, []

    def crash(export, **fields):
        if "partition" in fields:
            calls.append(1)
            if len(calls) % 7 == 3:
                raise KeyboardInterrupt
        real(export, **fields)

    with monkeypatch.context() as patch:
        patch.setattr(exporting, "_save", crash)
        for _ in range(100):
            MemberExport.objects.update(held_until=None)
            try:
                if not exporting.go_on(shop, now=timezone.now):
                    break
            except KeyboardInterrupt:
                continue
    row.refresh_from_db()

    assert row.state == "done"
    lines = exporting.path_of(row).read_text().splitlines()
    assert lines[0] == "person_id,user"
    assert sorted(line.split(",")[1] for line in lines[1:]) == [f"c-{n}" for n in range(2, 8)]


def test_pages_are_posted_and_sent_again_under_the_same_id(shop):
    with receiver(status=[204, 500, *[204] * 50]) as (url, got):
        target = Target(name="CRM", url=url)
        destination, _ = make_destination("crm", target, by=None, now=timezone.now())
        row = asked(destination=destination)
        for _ in range(5):
            MemberExport.objects.update(held_until=None)
            exporting.go_on(shop, now=timezone.now)
    row.refresh_from_db()

    assert row.state == "done"
    bodies = {headers["webhook-id"]: json.loads(body)["data"] for headers, body in got}
    assert len(got) == len(bodies) + 1
    members = [one["user"][0] for data in bodies.values() for one in data["members"]]
    assert sorted(members) == [f"c-{n}" for n in range(2, 8)]
    assert [data["is_last"] for data in bodies.values()][-1]


def test_a_segment_that_is_not_live_fails_in_words(shop):
    row = asked()
    MemberExport.objects.update(segment="none")
    exporting.go_on(shop, now=timezone.now)
    row.refresh_from_db()

    assert (row.state, row.trouble) == ("failed", "The segment is not live.")
