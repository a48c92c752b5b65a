from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import DataError, IntegrityError, ProgrammingError, connection, transaction

from consent import entries, ledger, relay, state
from consent.ids import uuid7
from consent.models import ConsentChange, ConsentEvent, ConsentState, Person
from consent.people import consent_key, partition_of, settled_key
from consent.policy import Status, permits
from rtts_site import embedded
from tests.consent.builders import (
    ADS,
    EVIDENCE,
    MAIL,
    NOW,
    POLICY,
    SUBJECT,
    given,
    make_person,
    withdrawn,
)

LATER = NOW + timedelta(minutes=2)


def record(person, *changes, now=NOW, **more):
    return ledger.record_change(person, changes, evidence=EVIDENCE, actor=SUBJECT, now=now, **more)


def is_allowed(client, person, purpose=ADS, *, now=LATER):
    view = state.load_view(client, person)
    return permits(POLICY, view, [purpose], channel="web", now=now).allowed


def test_a_grant_then_a_withdrawal_are_in_force_at_once(trusted):
    ana = make_person()

    first = record(ana, given())
    allowed_then = is_allowed(trusted, ana)
    second = record(ana, withdrawn(), now=LATER)

    assert first.in_force
    assert second.in_force
    assert (first.version, second.version) == (1, 2)
    assert allowed_then
    assert not is_allowed(trusted, ana)


def test_r07_the_ledger_keeps_both_events_and_reads_them_back(trusted):
    ana = make_person()
    record(ana, given())
    record(ana, withdrawn(), now=LATER)

    told = list(entries.entries_of([ana]))

    assert [entry.event_state for entry in told] == ["given", "withdrawn"]
    assert told[0].evidence == EVIDENCE
    row = ConsentEvent.objects.get(event_id=told[0].event_id)
    assert ana.encode() not in bytes(row.body)


def test_a_repeat_with_the_same_key_records_nothing(trusted):
    ana = make_person()

    answers = [record(ana, given(), idempotency_key=f"api:{ana}") for _ in range(3)]

    assert [answer.repeated for answer in answers] == [False, True, True]
    assert len({answer.events for answer in answers}) == 1
    assert Person.objects.get(id=ana).version == 1


def test_consent_is_unknown_until_the_relay_has_looked(committed, redis):
    ana = make_person()

    record(ana, given())

    assert not state.load_view(redis, ana).trusted
    assert not is_allowed(redis, ana)
    relay.restore_trust(redis, now=LATER)
    assert is_allowed(redis, ana)


def test_case_04_an_exchanged_server_is_not_trusted_until_states_are_written_again(trusted):
    ana, ben = make_person(), make_person()
    record(ana, given())
    record(ben, given(), withdrawn())
    lost = state.people.consent_key(ben)
    trusted.delete(lost)
    for partition in range(256):
        trusted.hset(state.people.trust_key(partition), "run_id", "0" * 40)

    denied = not is_allowed(trusted, ana)
    relay.restore_trust(trusted, now=LATER)

    assert denied
    assert is_allowed(trusted, ana)
    assert state.load_view(trusted, ben).states[ADS, "*"].status is Status.WITHDRAWN


def test_a_fence_denies_and_the_relay_lowers_it_after_five_seconds(trusted):
    ana = make_person()
    record(ana, given())
    state.add_fence(trusted, ana, f"change:{uuid7(NOW)}", now_ms=int(NOW.timestamp() * 1000))

    fenced = not is_allowed(trusted, ana)
    relay.settle(trusted, now=NOW + timedelta(seconds=4))
    still = not is_allowed(trusted, ana)
    relay.settle(trusted, now=NOW + timedelta(seconds=6))

    assert fenced
    assert still
    assert is_allowed(trusted, ana)


def test_a_commit_after_the_relay_claimed_its_token_fails_and_is_made_anew(trusted, monkeypatch):
    ana = make_person()
    commit = ledger._commit

    def slow_commit(person, token, said, *, now):
        monkeypatch.setattr(ledger, "_commit", commit)
        relay.settle(trusted, now=now + timedelta(seconds=6))
        return commit(person, token, said, now=now)

    monkeypatch.setattr(ledger, "_commit", slow_commit)

    answer = record(ana, withdrawn())

    assert answer.in_force
    assert Person.objects.get(id=ana).version == 1
    assert not trusted.exists(state.people.fence_key(ana))


def test_case_03_the_relay_brings_a_committed_change_into_force(trusted):
    ana = make_person()
    record(ana, given())
    ConsentChange.objects.filter(person=ana).update(settled_at=None)
    trusted.delete(state.people.consent_key(ana), settled_key(partition_of(ana)))

    relay.settle(trusted, now=NOW + timedelta(seconds=6))

    assert is_allowed(trusted, ana)
    assert ConsentChange.objects.get(person=ana).settled_at is not None


def test_a_key_that_was_used_for_somebody_else_is_refused(trusted):
    ana, ben, device = make_person(), make_person(), make_person()
    record(ana, withdrawn(), idempotency_key=f"{ana} 7")
    record(device, withdrawn(), idempotency_key=f"{device} 7")
    record(ben, given())

    with pytest.raises(ledger.KeyTakenError):
        record(ben, withdrawn(), idempotency_key=f"{ana} 7")
    ledger.merge_people(device, ana, now=LATER)
    repeats = [
        record(one, withdrawn(), idempotency_key=f"{device} 7", now=LATER) for one in (ana, device)
    ]

    assert not state.load_view(trusted, ben).fenced
    assert all(one.repeated for one in repeats)


def test_a_change_that_redis_refused_is_not_noted_as_in_force(trusted):
    ana = make_person()
    record(ana, given())
    trusted.delete(consent_key(ana))
    trusted.set(consent_key(ana), "of another type")  # each write of the state fails, no other does

    answer = record(ana, withdrawn(), now=LATER)
    relay.settle(trusted, now=LATER)

    waiting = ConsentChange.objects.get(person=ana, version=answer.version)
    assert not answer.in_force
    assert waiting.settled_at is None
    trusted.delete(consent_key(ana))
    relay.settle(trusted, now=LATER + 2 * relay.SETTLE_AFTER)
    assert state.load_view(trusted, ana).states[ADS, "*"].status is Status.WITHDRAWN
    assert not state.load_view(trusted, ana).fenced


def test_case_05_a_change_that_is_rolled_back_never_reaches_the_cache(trusted):
    ana = make_person()
    ledger.record_change(ana, [given()], evidence=EVIDENCE, actor=SUBJECT, now=NOW)
    before = state.load_view(trusted, ana)
    too_long = withdrawn(purpose="x" * 101)  # refused by PostgreSQL, after the fence went up

    with pytest.raises(DataError):
        ledger.record_change(ana, [too_long], evidence=EVIDENCE, actor=SUBJECT, now=NOW)

    assert state.load_view(trusted, ana) == before


def test_an_older_version_never_overwrites_a_newer_one(trusted):
    ana = make_person()

    newer = state.write_state_if_newer(trusted, ana, 5, state.pack_states({}))
    older = state.write_state_if_newer(trusted, ana, 4, state.pack_states({}))

    assert (newer, older) == (True, False)


def test_a_merge_keeps_the_stricter_and_tells_both_histories(trusted):
    device, account = make_person(), make_person()
    record(device, withdrawn(), given(MAIL))
    record(account, given())
    state.begin_merge(trusted, device, account, now_ms=int(NOW.timestamp() * 1000))

    fenced = not is_allowed(trusted, account)
    for _ in range(2):
        ledger.merge_people(device, account, now=LATER)

    assert fenced
    assert not is_allowed(trusted, account)
    assert is_allowed(trusted, account, MAIL)
    assert state.load_view(trusted, device).restricted
    assert ledger.everyone_in(account) == [account, device]
    told = list(entries.entries_of([account]))
    assert {entry.merged_from for entry in told} == {"", device}


def test_case_12_an_objector_and_a_minor_who_are_one_have_the_strictest_of_both(trusted):
    ana, ben = make_person(), make_person()
    minor = replace(EVIDENCE, age_bracket="13_15", jurisdiction="US-TX")
    for person, change, evidence in (
        (ana, given(), EVIDENCE),
        (ben, replace(given(), status=Status.OBJECTED), minor),
    ):
        ledger.record_change(person, [change], evidence=evidence, actor=SUBJECT, now=NOW)

    ledger.merge_people(ben, ana, now=NOW)

    seen = state.load_view(trusted, ana)
    assert seen.states[ADS, "*"].status is Status.OBJECTED
    assert (seen.age, seen.jurisdiction) == ("13_15", "DE US-TX unknown")
    assert state.load_view(trusted, ben).restricted


def test_a_change_for_a_merged_person_reaches_who_they_are_now(trusted):
    device, account = make_person(), make_person()
    record(account, given())
    ledger.merge_people(device, account, now=NOW)

    answer = record(device, withdrawn(), now=LATER)

    assert answer.person == account
    assert not is_allowed(trusted, account)


def test_a_rebuild_replaces_whatever_redis_has(trusted):
    ana = make_person()
    record(ana, withdrawn())
    trusted.hset(state.people.consent_key(ana), mapping={"v": 99, "s": b"nonsense"})

    list(relay.rebuild(trusted, now=LATER))

    assert state.load_view(trusted, ana).version == 1


STATEMENTS = [
    "update consent_consentevent set schema_version = 2",
    "delete from consent_consentevent",
    "truncate consent_consentevent",
    "update consent_policyversion set approved_by = 'me'",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_application_may_not_change_the_ledger(committed, statement):
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_even_an_administrator_meets_the_trigger(committed, statement, role):
    with psycopg.connect(embedded.database_url(settings.RTTS_VAR, embedded.ADMIN_ROLE)) as owner:
        owner.execute(f"set session_replication_role = {role}")
        with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
            owner.execute(statement)


def test_an_insert_twice_is_refused(trusted):
    ana = make_person()
    record(ana, given())
    row = ConsentEvent.objects.order_by("-event_id").first()

    with pytest.raises(IntegrityError), transaction.atomic():
        ConsentEvent.objects.create(
            event_id=row.event_id,
            key_id=row.key_id,
            schema_version=1,
            recorded_at=NOW,
            body=b"",
            leaf_hash=b"",
        )
    assert ConsentState.objects.filter(person=ana).count() == 1
