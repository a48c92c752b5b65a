"""Decisions and outcomes on their way from the partitions' logs to PostgreSQL."""

from dataclasses import replace

import msgspec
import pytest
from django.db import OperationalError
from django.utils import timezone

from consent import people
from consent.changes import Actor
from consent.ledger import record_change
from consent.models import OptOutSeen
from consent.policy import PolicySpec
from decisioning import decision_log, tasks
from decisioning.api.process import this_process
from decisioning.ingestion.setting_aside import count_set_aside
from decisioning.models import DecisionRecord, OutcomeRecord, ShownRecord
from decisioning.outcomes import decoder, encoder
from decisioning.releases import load_released
from decisioning.replay import explain_logged, replay
from decisioning.specs import AttributeSpec
from decisioning.tokens import parse_decision_id
from rtts_site.checkup import check_set_aside
from tests.consent.builders import EVIDENCE, given
from tests.consent.conftest import record_policy
from tests.decisioning import making
from tests.decisioning.making import call, campaign, decide, offer, run

ALL = range(people.PARTITIONS)
pytestmark = pytest.mark.django_db


async def decide_and_report(kept, key):
    """Publish, decide for ana, report an impression and a conversion; return the answer."""
    spec = making.release()
    making.publish(kept, spec)
    making.consent(kept, "ana")
    making.remember(kept, "ana", spec, attributes={"loyalty_tier": "gold", "age": 40})
    reply = await decide(key)
    token = reply.json["placements"][0]["offers"][0]["tracking_token"]
    events = [
        {"type": "impression", "tracking_token": token},
        {"type": "conversion", "tracking_token": token, "value": 12.5},
    ]
    await call("POST", "/v1/feedback", {"events": events}, key=key)
    return reply.json


def test_archives_decisions_and_outcomes_once(kept, key):
    answer = run(decide_and_report(kept, key))

    assert decision_log.archive(kept, ALL) == 3
    kept.hdel(people.position_key(people.partition_of(answer["person_id"])), "decisions")
    decision_log.archive(kept, ALL)

    record = DecisionRecord.objects.get()
    assert record.decision_id == answer["decision_id"]
    assert record.state == "recorded"
    shown = ShownRecord.objects.get()
    assert (shown.offer, shown.status, shown.propensity) == ("winter-sale", "offers", 1.0)
    kinds = set(OutcomeRecord.objects.values_list("kind", "decision_id"))
    assert kinds == {
        ("impression", answer["decision_id"]),
        ("conversion", answer["decision_id"]),
    }


def test_a_body_is_encrypted_and_holds_only_what_was_used(kept, key):
    answer = run(decide_and_report(kept, key))
    row = decision_log.find_in_stream(kept, parse_decision_id(answer["decision_id"]))

    decision_log.archive(kept, ALL)

    assert row.state.facts == {"loyalty_tier": "gold"}  # age was known, but nothing asked
    record = DecisionRecord.objects.get()
    assert b"gold" not in bytes(record.body)
    assert decision_log.open_body(record) == row


def test_r18_a_replay_gives_the_same_answer(kept, key):
    answer = run(decide_and_report(kept, key))
    decision_log.archive(kept, ALL)
    row = decision_log.find_in_archive(answer["decision_id"])
    current = this_process().holder.current

    again = replay(row, current.held, policy=current.policy)

    assert again == row.decision
    assert [one.code for one in explain_logged(row, load_released(kept, row.release_digest))] == [
        "SHOWN"
    ]


def test_a_rich_decision_replays_the_same(kept, key):
    offers = (
        offer("gold-only", "web.home.hero", "web.home.rail", eligibility=making.GOLD, value=0.9),
        offer("for-buyers", "web.home.rail", eligibility=making.BUYER),
        offer("for-all", "web.home.rail", purposes=making.SHOP, priority=0.1),
    )
    weights = {"priority": 1.0, "value": 2.0, "recency": 1.0}
    spec = making.release(
        offers=offers,
        campaigns=(campaign("winter", *(one.key for one in offers), weights=weights),),
        experiments=(making.split("winter"),),
    )
    making.publish(kept, spec)
    making.consent(kept, "ana")
    making.remember(
        kept,
        "ana",
        spec,
        attributes={"loyalty_tier": "gold"},
        events=[making.track("ana", "Order Completed", message_id=f"m{n}") for n in range(2)],
    )
    answer = run(decide(key, "ana", "web.home.hero", ("web.home.rail", 3))).json

    row = decision_log.find_in_stream(kept, parse_decision_id(answer["decision_id"]))

    current = this_process().holder.current
    assert replay(row, current.held, policy=current.policy) == row.decision
    assert row.decision.arms.keys() == {"split"}


def _away(_seen):
    raise OperationalError("the server closed the connection")


def test_r12_an_opt_out_is_kept_with_the_decision_that_saw_it(kept, key, monkeypatch):
    spec = making.release()
    context = [
        AttributeSpec(key=one, name=one, type="text", source="context")
        for one in ("country", "region")
    ]
    making.publish(kept, replace(spec, attributes=(*spec.attributes, *context)))
    record_policy(PolicySpec(purposes=making.PURPOSES))
    staff = Actor(kind="staff", id="7")
    grant = replace(given(), event_time=timezone.now())
    for user, place in (("ana", "US-TX"), ("ben", "")):
        said = replace(EVIDENCE, jurisdiction=place or "unknown")
        person = making.person_of(user)
        record_change(person, [grant], evidence=said, actor=staff, now=timezone.now())
    from_home = {"country": "US", "region": "CA"}
    run(decide(key, consent={"gpc": True}, context=from_home))
    run(decide(key, "ben", consent={"gpc": True}, context=from_home))
    run(decide(key, "cleo"))

    monkeypatch.setattr("decisioning.tasks.note_gpc", _away)
    with pytest.raises(OperationalError):
        tasks._archive_decisions(kept, ALL)
    assert not DecisionRecord.objects.exists()
    monkeypatch.undo()
    tasks._archive_decisions(kept, ALL)

    assert DecisionRecord.objects.count() == 3
    assert set(OptOutSeen.objects.values_list("person", "place")) == {
        (making.person_of("ana"), "US-CA"),
        (making.person_of("ben"), ""),
    }


def test_what_cannot_be_written_holds_nobody_up(kept, key):
    answer = run(decide_and_report(kept, key))
    log = people.decision_log_key(people.partition_of(answer["person_id"]))
    sound = next(fields[b"o"] for _, fields in kept.xrange(log) if b"o" in fields)
    outcome = decoder.decode(sound)
    for fields in ({"occurred_ms": -62_135_647_200_000}, {"message_id": "a\0b"}):
        kept.xadd(log, {"o": encoder.encode(msgspec.structs.replace(outcome, **fields)), "l": "0"})
    kept.xadd(log, {"d": b"\xff"})
    kept.xadd(log, {"o": encoder.encode(msgspec.structs.replace(outcome, message_id="later"))})
    assert check_set_aside(kept).is_well

    assert decision_log.archive(kept, ALL) == 4
    kept.hdel(people.position_key(people.partition_of(answer["person_id"])), "decisions")
    decision_log.archive(kept, ALL)

    assert OutcomeRecord.objects.filter(message_id="later").exists()
    assert OutcomeRecord.objects.count() == 3
    assert kept.xlen(log) == 1
    assert count_set_aside(kept) == 3
    assert not check_set_aside(kept).is_well
