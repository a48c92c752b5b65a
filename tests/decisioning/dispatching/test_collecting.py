"""Decisions and changes of consent reach destinations once; triggers are told only while consent stands."""

import json
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from consent.changes import Actor, ConsentChange
from consent.ledger import record_change
from consent.models import ConsentChange as Change
from consent.policy import UNAVAILABLE, Status
from decisioning.dispatching import collecting, deciding, sending
from decisioning.dispatching.destinations import Target, make_destination
from decisioning.messages import Ask, Chosen, Decision, LogRow, PersonState, Placed
from decisioning.models import Sending
from decisioning.specs import TriggerSpec
from decisioning.watching.dispatches import Dispatch
from tests.consent.builders import EVIDENCE
from tests.decisioning import making
from tests.decisioning.dispatching.test_sending import noticed
from tests.receiver import receiver

NOW = timezone.now()
PERSON = "p042" + "ab" * 10


@pytest.fixture(autouse=True)
def _private(settings, db):
    settings.RTTS_WEBHOOKS_PRIVATE = True


def hook(key, *wants, url="http://localhost:1/", **fields):
    target = Target(name=key, url=url, wants=wants, **fields)
    return make_destination(key, target, by=None, now=NOW)[0]


def row(number, **fields):
    chosen = Chosen("winter-sale", "a", "winter", 1, 0.5)
    placed = Placed("web.home.hero", "web", "offers", "SHOWN", (chosen,))
    return LogRow(
        nonce=f"{number:016x}",
        at_ms=1_795_000_000_000,
        ask=Ask(PERSON, ()),
        state=PersonState({"age": 44}, UNAVAILABLE),
        decision=Decision((placed,), (), {"age": 44}, {}),
        release_version=1,
        release_digest="sha256:0",
        canary=False,
        policy_version=1,
        policy_digest="sha256:1",
        **fields,
    )


def test_a_share_of_decisions_is_told_without_what_is_known_of_the_person():
    hook("every", "decisions"), hook("tenth", "decisions", share=0.1), hook("none", "segments")
    made = [(f"d-042-1-{number}-{number:016x}", row(number)) for number in range(200)]
    made.append(("d-042-1-999-preview", row(999, preview="p1")))

    collecting.collect_decisions(made)
    collecting.collect_decisions(made[:5])

    told = Sending.objects.filter(destination__key="every")
    assert told.count() == 200
    assert 5 <= Sending.objects.filter(destination__key="tenth").count() <= 40
    said = json.loads(told.first().body)
    assert said["type"] == "decision.made"
    assert said["data"]["placements"][0]["offers"][0]["offer"] == "winter-sale"
    assert "44" not in told.first().body


def test_a_change_of_consent_is_told_once(kept):
    hook("crm", "consents")
    collecting.collect_consents(now=NOW)
    change = ConsentChange(
        purpose="personalised_ads", status=Status.WITHDRAWN, event_time=timezone.now()
    )
    record_change(
        PERSON, [change], evidence=EVIDENCE, actor=Actor(kind="subject"), now=timezone.now()
    )

    for _ in range(3):
        collecting.collect_consents(now=timezone.now())

    said = json.loads(Sending.objects.get(person=PERSON).body)
    assert said["type"] == "consent.changed"
    (purpose,) = said["data"]["purposes"]
    assert (purpose["purpose"], purpose["status"]) == ("personalised_ads", "withdrawn")
    assert purpose["changed"]


def test_more_changes_of_one_moment_than_fit_at_once_are_all_told(db, monkeypatch):
    monkeypatch.setattr(collecting, "CHANGES_AT_ONCE", 3)
    hook("crm", "consents")
    now = timezone.now()
    for number in range(8):
        token = f"c{number}"
        Change.objects.create(
            token=token, person=PERSON, version=number, events=[uuid.uuid4()], recorded_at=now
        )
    collecting.collect_consents(now=now + timedelta(seconds=1))
    collecting.collect_consents(now=now + timedelta(seconds=2))
    told = Sending.objects.filter(kind="consent.changed", person=PERSON)
    assert told.count() == 8


@pytest.mark.parametrize(("status", "state"), [("given", "sent"), ("withdrawn", "dropped")])
def test_who_is_in_a_segment_is_told_only_with_consent_for_the_destination(kept, status, state):
    deciding._holder.cache_clear()
    release = making.release()
    making.publish(kept, release)
    making.remember(kept, "ana", release)
    making.consent(kept, "ana", status=Status(status))
    person = making.person_of("ana")
    try:
        with receiver() as (url, _):
            hook("crm", "segments", url=url, purposes=making.ADS)
            noticed(kept, Dispatch(kind="segment.entered", person=person, key="gold", at_ms=1))
            collecting.collect_dispatches(kept, now=NOW)
            sending.send_due(now=timezone.now())
    finally:
        deciding._holder().stop()
        deciding._holder.cache_clear()
    assert Sending.objects.get().state == state


@pytest.mark.parametrize(("status", "state"), [("given", "sent"), ("withdrawn", "dropped")])
def test_a_trigger_is_told_only_while_its_purposes_are_permitted(kept, status, state):
    deciding._holder.cache_clear()
    spec = TriggerSpec(
        key="order",
        name="Order",
        on="event",
        event="Order Completed",
        destination="crm",
        purposes=making.ADS,
    )
    release = making.release(triggers=(spec,))
    making.publish(kept, release)
    making.remember(kept, "ana", release)
    making.consent(kept, "ana", status=Status(status))
    person = making.person_of("ana")
    try:
        with receiver() as (url, got):
            hook("crm", "triggers", url=url)
            fired = Dispatch(kind="trigger.fired", person=person, key="order", at_ms=1)
            noticed(kept, fired)
            collecting.collect_dispatches(kept, now=NOW)
            sending.send_due(now=timezone.now())
    finally:
        deciding._holder().stop()
        deciding._holder.cache_clear()

    assert Sending.objects.get().state == state
    assert len(got) == (1 if state == "sent" else 0)
