"""Decisions and readings of records cannot be altered, added to or taken away unseen, but by an erasure."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import ProgrammingError, connection, transaction

from consent.models import PersonKey, RecordRead, Suppression
from consent.proof import days
from consent.proof.checking import Question
from consent.proof.facts import KEY_DESTROYED, LOG_DIGEST, READS_DIGEST, facts_of, record_fact
from consent.proof.tables import LogPart
from decisioning.models import DecisionRecord

MIDNIGHT = datetime(2031, 5, 4, tzinfo=UTC)
NOON = MIDNIGHT - timedelta(hours=12)
TOLD = MIDNIGHT + timedelta(hours=2)
ANA, BEN = uuid.uuid4(), uuid.uuid4()


@pytest.fixture
def told(db, monkeypatch):
    """Have two days pass in which staff read records and decisions were archived, and tell the ledger."""
    began = "select timestamptz '2031-05-03 01:00Z'"
    monkeypatch.setattr(days, "_logs", [replace(log, first=began) for log in days._logs])
    for who in ("olga", "max"):
        RecordRead.objects.create(person="p001.x", reader=who, what="timeline", read_at=NOON)
    for key in (ANA, ANA, BEN):
        decide(key)
    assert days.tell_days(now=TOLD) == 2
    assert days.tell_days(now=TOLD) == 0


def decide(key, *, at=NOON):
    name = uuid.uuid4().hex
    DecisionRecord.objects.create(
        decision_id=name,
        nonce=name[:16],
        decided_at=at,
        person_id="p001.x",
        release_digest="sha256:a",
        canary=False,
        policy_digest="sha256:b",
        degraded=[],
        state="recorded",
        took_ms=1.5,
        body=key.bytes + b"sealed",
    )
    run("update decisioning_decision set archived_at = %s where decision_id = %s", at, name)


def run(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def found(*, now=TOLD):
    with connection.cursor() as cursor:
        rows = [one for _, one in days.check_days(cursor, Question(now=now)) if one is not None]
    return [one.words for one in rows if not one.is_warning], [
        one.words for one in rows if one.is_warning
    ]


def test_each_day_is_told_once(told):
    ((_, reads),), ((_, decisions),) = facts_of(READS_DIGEST), facts_of(LOG_DIGEST)

    assert (reads.fields["day"], reads.fields["rows"], reads.fields["keys"]) == ("2031-05-03", 2, 1)
    assert (decisions.fields["rows"], decisions.fields["keys"]) == (3, 2)
    assert found() == ([], [])


def test_a_day_without_rows_is_told_too(told):
    assert days.tell_days(now=TOLD + timedelta(days=3)) == 6
    assert found() == ([], [])


TAMPERING = {
    "edit a decision": "update decisioning_decision set release_version = 7",
    "edit what was decided": "update decisioning_decision set body = body || 'x'",
    "delete decisions": f"delete from decisioning_decision where substring(body from 1 for 16) = '\\x{BEN.hex}'",  # noqa: S608 - the test's own
    "move a decision": "update decisioning_decision set archived_at = null",
    "edit what is kept of a day": "update consent_logpart set rows = rows + 1",
    "delete what is kept of a day": "delete from consent_logpart",
}


@pytest.mark.parametrize("name", TAMPERING)
def test_whoever_tampers_with_a_log_is_found(told, name):
    run(TAMPERING[name])

    assert found()[0]


@pytest.mark.parametrize(
    "change", ["update consent_recordread set reader = ''", "delete from consent_recordread"]
)
def test_the_application_alters_no_reading(told, change):
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        run(change)


def test_what_is_added_afterwards_is_found(told):
    decide(BEN)
    RecordRead.objects.create(person="p001.x", reader="eve", what="timeline", read_at=NOON)

    assert len(found()[0]) == 2


def test_a_second_word_about_a_day_is_found(told):
    (_, fact), *_ = facts_of(LOG_DIGEST)
    record_fact(LOG_DIGEST, {**fact.fields, "rows": 1}, now=TOLD)

    assert any("twice" in one for one in found()[0])


def test_a_word_about_no_day_is_found_and_holds_up_no_other(told):
    record_fact(LOG_DIGEST, {"file": "1"}, now=TOLD)

    assert any("does not name" in one for one in found()[0])
    assert days.tell_days(now=TOLD + timedelta(days=1)) == 2


def test_what_was_erased_may_be_gone_and_the_others_are_checked_still(told):
    run(TAMPERING["delete decisions"])
    record_fact(KEY_DESTROYED, {"key": str(BEN)}, now=TOLD)
    assert found() == ([], [])

    run("update decisioning_decision set took_ms = 2")
    assert len(found()[0]) == 1


def test_an_erasure_under_way_is_no_alteration(told):
    PersonKey.objects.create(key_id=BEN, person="p001.b", wrapped=b"w", created_at=NOON)
    Suppression.objects.create(kind="person", digest="p001.b", erased_at=TOLD)
    run(TAMPERING["delete decisions"])

    altered, leaving = found()

    assert altered == []
    assert len(leaving) == 1


def test_days_that_nobody_told_of_are_said(told):
    RecordRead.objects.create(person="p001.x", reader="eve", what="timeline", read_at=TOLD)

    assert found(now=TOLD + timedelta(days=9))[1]
    assert LogPart.objects.count() == 3
