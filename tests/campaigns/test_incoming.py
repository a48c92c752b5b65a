"""What was seen in traffic becomes catalogue; what was refused is let in, once, when it is right."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission

from campaigns import drafts, jobs
from campaigns.candidates import candidate_of
from campaigns.incoming import quarantined, seen
from campaigns.models.items import Kind
from campaigns.publishing import NotPossible
from consent.models import RecordRead
from consent.people import PARTITIONS, partition_of
from decisioning.ingestion import drain as drain_module
from decisioning.ingestion import history
from decisioning.ingestion.refusals import Refusal
from decisioning.models import EventRecord, QuarantineAct
from decisioning.observing import keeping, quarantine, replaying
from decisioning.observing.batches import leave
from decisioning.observing.schemas import Schemas
from decisioning.observing.tallying import tally_of
from decisioning.specs import EventTypeSpec, PropertySpec
from rtts_site.foundation.jobs import Job
from tests.campaigns.conftest import NOW
from tests.campaigns.test_authoring import browser
from tests.decisioning.ingestion.people_and_records import (
    NOW_MS,
    drain_all,
    make_drain,
    make_record,
)

ORDER = EventTypeSpec(
    key="Order",
    name="Order",
    properties=(PropertySpec(key="total", type="number", required=True),),
    purposes=("ads",),
    enforcement="enforce",
)
GROUP = ("Order", "/properties/total")


def observe(redis, *records):
    leave(redis, tally_of(records).emptied())
    keeping.keep(redis, now=NOW)


def wished(n, event="Wished", **properties):
    return make_record(n, "user:ana", event=event, properties=properties or {"sku": f"s-{n}"})


def put_aside(redis, *records, pointer="/properties/total", reason="Send a number."):
    for place, one in enumerate(records):
        for command in quarantine.commands([Refusal(place, pointer, reason, one.message_id, one)]):
            redis.execute_command(*command)


# Seen in traffic


def test_what_the_catalogue_lacks_is_listed(redis, live, mia):
    observe(
        redis,
        *(wished(n) for n in range(60)),
        make_record("o", "user:ana", event="Order Completed", properties={"total": 5, "tax": 1}),
        make_record("p", "user:ana", event="Order Completed", properties={"total": 5}),
        make_record("i", "user:ana", type="identify", traits={"city": "Graz", "firstName": "A"}),
    )

    found = {one.event: one for one in seen.seen(candidate_of(None))}

    assert list(found) == ["Wished", "Order Completed", ""]
    assert [one.key for one in found["Order Completed"].missing] == ["tax"]
    assert found["Order Completed"].missing[0].share == 0.5
    assert [(one.key, one.may_be_added) for one in found[""].missing] == [
        ("city", True),
        ("firstName", False),
    ]
    page = browser(mia).get("/admin/seen/").content.decode()
    assert "Wished" in page
    assert "a-9" in page
    assert "Graz" not in page


def test_one_click_drafts_an_event_type_with_its_schema(redis, live, mia):
    observe(redis, *(wished(n, sku=f"s-{n}", price=n) for n in range(60)))

    answer = browser(mia).post("/admin/seen/event/", {"event": "Wished"}, follow=True)

    assert b"Drafted in your change" in answer.content
    body = candidate_of(drafts.current_change(mia)).bodies[Kind.EVENT_TYPE, "Wished"]
    kinds = {one["key"]: (one["type"], one["required"]) for one in body["properties"]}
    assert kinds == {"sku": ("text", True), "price": ("number", True)}
    assert (body["purposes"], body["enforcement"]) == (["ads"], "watch")
    assert b"Wished" not in browser(mia).get("/admin/seen/").content.split(b"<main")[-1]


def test_properties_are_added_to_a_listed_event_type(redis, live, mia):
    observe(redis, wished(1, event="Order Completed", total=5, tax="a"))

    seen.add_event("Order Completed", author=mia, now=NOW)

    body = candidate_of(drafts.current_change(mia)).bodies[Kind.EVENT_TYPE, "Order Completed"]
    assert [(one["key"], one["type"]) for one in body["properties"]] == [
        ("total", "number"),
        ("tax", "text"),
    ]
    with pytest.raises(NotPossible):
        seen.add_event("Order Completed", author=mia, now=NOW)
    with pytest.raises(NotPossible):
        seen.add_event("Never Seen", author=mia, now=NOW)


def test_a_trait_becomes_an_attribute(redis, live, mia):
    observe(redis, make_record(1, "user:ana", type="identify", traits={"city_size": 5}))

    browser(mia).post("/admin/seen/attribute/", {"key": "city_size"})

    body = candidate_of(drafts.current_change(mia)).bodies[Kind.ATTRIBUTE, "city_size"]
    assert (body["name"], body["type"], body["purposes"]) == ("City size", "number", ["ads"])
    with pytest.raises(NotPossible):
        seen.add_attribute("city_size", author=mia, now=NOW)


def test_a_type_is_proposed_where_nearly_all_agree():
    assert seen.type_of({"number": 96, "text": 4}) == "number"
    assert seen.type_of({"number": 90, "text": 10}) == "text"
    assert seen.type_of({"object": 10}) == "text"
    assert seen.type_of({}) == "text"


# Quarantine


def test_replay_lets_in_what_is_sound_now_exactly_once(redis, db, monkeypatch):
    monkeypatch.setattr(drain_module, "BLOCK_MS", 5)
    good = make_record("good", "user:ana", event="Order", properties={"total": 5}, source="shop")
    bad = make_record("bad", "user:ana", event="Order", properties={"total": "x"})
    put_aside(redis, good, bad, good)
    schemas = Schemas([ORDER])

    first = replaying.replay(redis, GROUP, schemas=schemas, now_ms=NOW_MS)
    put_aside(redis, good)  # as a crash before the removal would have left it
    drain_all(make_drain(redis))
    history.archive(redis, range(PARTITIONS))
    redis.delete(*redis.scan_iter("*:seen:*"))  # a week later
    second = replaying.replay(redis, GROUP, schemas=schemas, now_ms=NOW_MS)

    assert (first.looked, first.taken, first.known, first.refused) == (3, 1, 1, 1)
    assert (second.taken, second.known, second.refused) == (0, 1, 1)
    (row,) = EventRecord.objects.filter(message_id="mgood")
    assert int(row.received_at.timestamp() * 1000) == good.received_at_ms
    (left,) = quarantine.groups(redis)
    assert [one.record.message_id for one in left.entries] == ["mbad"]


def test_what_was_ahead_is_let_in_when_its_time_has_come(redis, db):
    ahead = make_record("ahead", "user:ana", event="Order", at_ms=NOW_MS + 3_600_000)
    put_aside(redis, ahead, pointer="/timestamp")
    group = ("Order", "/timestamp")

    early = replaying.replay(redis, group, schemas=Schemas(), now_ms=NOW_MS)
    later = replaying.replay(redis, group, schemas=Schemas(), now_ms=NOW_MS + 3_600_000)

    assert (early.taken, early.refused, later.taken) == (0, 1, 1)


def test_more_than_a_round_is_replayed(redis, db, monkeypatch):
    monkeypatch.setattr(quarantine, "PER_ROUND", 2)
    some = [make_record(n, "user:ana", event="Order") for n in range(7)]
    put_aside(redis, *some, make_record("x", "user:ana", event="Other"))

    outcome = replaying.replay(redis, GROUP, schemas=Schemas(), now_ms=NOW_MS)

    assert outcome.taken == 7
    assert quarantine.size(redis) == 1


def test_unreadable_entries_stay_and_can_be_discarded(redis, db):
    key = quarantine.people.quarantine_key(3)
    redis.xadd(key, {"r": b"\xc1"})

    (group,) = quarantine.groups(redis)
    assert (group.event, group.pointer) == ("", "")
    assert replaying.replay(redis, ("", ""), schemas=Schemas(), now_ms=NOW_MS).refused == 1
    assert replaying.discard(redis, ("", "")).dropped == 1
    assert quarantine.size(redis) == 0


def test_staff_let_in_with_a_reason_and_it_is_recorded(redis, live, ada):
    put_aside(redis, make_record(1, "user:ana", event="Order", properties={"total": 1}))
    form = {"event": "Order", "pointer": "/properties/total", "verb": "replay"}

    refused = browser(ada).post("/admin/quarantine/act/", form, follow=True)
    assert b"Say why" in refused.content
    assert not QuarantineAct.objects.exists()
    browser(ada).post("/admin/quarantine/act/", {**form, "why": "Sender mended"})
    jobs.do_waiting(now=lambda: NOW)

    act = QuarantineAct.objects.get()
    assert (act.user, act.why, act.taken, act.done_at) == ("ada", "Sender mended", 1, NOW)
    assert Job.objects.get(kind=quarantined.JOB_KIND).state == "done"
    page = browser(ada).get("/admin/quarantine/").content.decode()
    assert "Sender mended" in page
    assert "Nothing is kept here" in page


def test_values_are_for_those_who_may_read_people(redis, live, ana, ada):
    one = make_record(1, "user:ana", event="Order", properties={"total": "secret-77"})
    put_aside(redis, one)

    masked = browser(ana).get("/admin/quarantine/").content.decode()
    plain = browser(ada).get("/admin/quarantine/").content.decode()

    assert "secret-77" not in masked
    assert "user:ana" not in masked
    assert "aaaaaa-99" in masked
    assert "secret-77" in plain
    browser(ada).get("/admin/quarantine/")
    assert RecordRead.objects.get().reader == "ada"
    assert browser(ana).post("/admin/quarantine/act/", {"why": "x"}).status_code == 403


def test_marketers_may_not_discard(redis, live, mia):
    assert not mia.has_perm(quarantined.PERMISSION)
    mia.user_permissions.add(Permission.objects.get(codename="handle_quarantine"))
    mia = type(mia).objects.get(pk=mia.pk)
    record = make_record(1, "user:ana", event="Order")
    put_aside(redis, record)

    quarantined.ask("discard", GROUP, by=mia, why="Test data", now=NOW)
    jobs.do_waiting(now=lambda: NOW + timedelta(seconds=1))

    assert QuarantineAct.objects.get().dropped == 1
    assert not redis.xlen(quarantine.people.quarantine_key(partition_of(record.person)))
