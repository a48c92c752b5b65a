"""An erasure reaches every store, keeps the proof, and nothing brings its person back."""

from datetime import timedelta

import psycopg
import pytest
from django.conf import settings

from consent import ledger, people
from consent.models import (
    ConsentEvent,
    Identity,
    Parting,
    Person,
    PersonKey,
    RightsRequest,
    Suppression,
)
from consent.parting import ErasedError
from consent.person_keys import KeyDestroyedError, person_cipher
from consent.policy import Status
from consent.proof.tables import LedgerLeaf, LedgerPending
from consent.rights import closing, erasing, exporting, running
from consent.rights.asking import Hold, Intake, NotPossible, agree_to_hold, start, take_in
from consent.rights.capsules import (
    agree_to_open,
    ask_to_open,
    destroy_due,
    read_capsule,
)
from consent.rights.closing import StaysClosedError, is_suppressed
from consent.rights.copies import REQUEST_LOCK, other_requests
from consent.rights.replaying import missing_words, unreplayed
from consent.rights.stores import NotYet
from decisioning.ingestion.log import event_log
from decisioning.ingestion.parting import begin_parting, merge_of
from decisioning.models import EventRecord
from decisioning.profiles.store import load_profile
from rtts_site import embedded
from rtts_site.foundation.metrics import TURNED_AWAY
from tests.consent.builders import EVIDENCE, NOW, SUBJECT, given, make_person, withdrawn
from tests.consent.rights.finding import found_in_redis, found_in_tables, found_on_disk


def test_r21_an_erasure_leaves_a_canary_nowhere(somebody):
    keys = list(PersonKey.objects.filter(person__in=[somebody.id]).values_list("key_id", flat=True))
    bodies = ConsentEvent.objects.filter(key_id__in=keys).count()
    assert "decisioning_event" in found_in_tables(somebody.canary)
    assert found_in_redis(somebody.client, somebody.canary)

    request = somebody.is_erased()

    assert found_in_tables(somebody.canary) == []
    assert found_in_redis(somebody.client, somebody.canary) == []
    assert found_on_disk(somebody.canary) == []
    assert bodies > 0
    assert not ConsentEvent.objects.filter(key_id__in=keys).exists()
    assert not PersonKey.objects.filter(key_id__in=keys, wrapped__isnull=False).exists()
    assert request.certificate.count(".") == 2
    assert not bytes(request.subject)


def test_what_was_said_last_is_sealed_before_it_goes(somebody):
    somebody.says(Status.WITHDRAWN)
    keys = PersonKey.objects.filter(person=somebody.id).values_list("key_id", flat=True)
    said = set(
        ConsentEvent.objects.filter(key_id__in=list(keys)).values_list("event_id", flat=True)
    )
    assert LedgerPending.objects.filter(event_id__in=said).exists()

    somebody.is_erased()

    assert not ConsentEvent.objects.filter(event_id__in=said).exists()
    assert LedgerLeaf.objects.filter(event_id__in=said).count() == len(said) > 1
    assert not LedgerPending.objects.filter(event_id__in=said).exists()


@pytest.mark.long
def test_r21_what_is_left_says_only_that_they_were_erased(somebody):
    somebody.is_erased()

    row = Person.objects.get(id=somebody.id)
    assert row.restricted
    assert not row.merged_into
    assert not Identity.objects.filter(person=somebody.id).exists()
    closed = Suppression.objects.filter(digest__in=[somebody.id, somebody.device_id])
    assert closed.count() == 2
    assert is_suppressed(people.Identifier("user", somebody.user))


def test_case_15_late_events_do_not_recreate_the_erased(somebody):
    somebody.is_erased()
    before = TURNED_AWAY.labels("event")._value.get()

    late = [
        somebody.record(event="Late", properties={"what": somebody.canary}),
        somebody.record(somebody.device_id, identifiers=somebody.names[1:], event="Late"),
        somebody.record(event="New", at=somebody.now + timedelta(hours=1)),
    ]
    event_log(somebody.client).accept(late)
    somebody.work()

    assert load_profile(somebody.client, somebody.id) == (people.NOBODY, None)
    assert not EventRecord.objects.filter(person_id=somebody.id).exclude(kind="erase").exists()
    left = found_in_redis(somebody.client, somebody.canary)
    assert [key for key in left if b":seen:" not in key] == []
    assert TURNED_AWAY.labels("event")._value.get() == before + 3
    with pytest.raises(KeyDestroyedError):
        person_cipher(somebody.id, now=somebody.now, client=somebody.client)


@pytest.mark.long
def test_case_15_what_narrows_is_answered_and_a_retried_grant_is_refused(somebody):
    said_before = somebody.now
    somebody.is_erased()

    withdrawn = somebody.says(Status.WITHDRAWN)

    assert withdrawn.in_force
    assert withdrawn.events == ()
    with pytest.raises(StaysClosedError):
        somebody.says(Status.GIVEN, at=said_before)
    with pytest.raises(StaysClosedError):
        somebody.says(Status.GIVEN, actor="staff")
    assert not PersonKey.objects.filter(person=somebody.id).exists()


@pytest.mark.long
def test_case_16_a_copy_asked_for_with_the_erasure_comes_first(somebody):
    erasure = somebody.asks("erasure")
    copy = somebody.asks("access")

    running.run(erasure, now=lambda: somebody.now)
    assert erasure.is_open
    assert "copy" in erasure.trouble
    assert erasing.left(running.subject_of(erasure))  # nothing was erased yet

    somebody.is_dealt_with(copy)
    running.run(erasure, now=lambda: somebody.now)
    assert "fetched" in erasure.trouble

    running.fetched(copy, by="clara", now=somebody.now)
    somebody.is_dealt_with(erasure)
    assert found_in_tables(somebody.canary) == []


def test_r21_copies_made_before_go_with_the_erasure(somebody):
    copy = somebody.is_dealt_with(somebody.asks("access"))
    running.fetched(copy, by="clara", now=somebody.now)
    killed = somebody.asks("portability", begin=False)
    scratch = exporting.folder() / f"{killed.pk}-scratch-x"
    scratch.mkdir()
    (scratch / "events").write_text(somebody.canary)
    RightsRequest.objects.filter(pk=killed.pk).update(state="failed")
    corrected = somebody.asks("rectification", details={"attributes": {"a": 1}}, begin=False)
    name = copy.file

    request = somebody.is_erased()

    assert not (exporting.folder() / name).exists()
    assert found_on_disk(somebody.canary) == []
    assert not scratch.exists()
    for row in (copy, killed, corrected):
        row.refresh_from_db()
        assert (bytes(row.subject), row.file, row.is_open) == (b"", "", False)
    assert {"store": "copies made for them, what else they asked", "count": 3} in request.steps


def test_nobody_elses_copy_goes_with_an_erasure(somebody):
    other = take_in("access", "user:somebody-else", intake=Intake(by="clara"), now=somebody.now)

    somebody.is_erased()

    other.refresh_from_db()
    assert other.is_open
    assert bytes(other.subject)


def test_a_request_that_nobody_verified_holds_no_erasure_up(somebody):
    take_in("access", somebody.names[0], intake=Intake(by="clara"), now=somebody.now)

    assert somebody.is_erased().certificate


def test_a_request_is_carried_out_by_one_process_at_a_time(somebody):
    request = somebody.asks("access")
    with psycopg.connect(embedded.database_url(settings.RTTS_VAR, embedded.OWNER_ROLE)) as other:
        other.execute("select pg_advisory_lock(%s, %s)", [REQUEST_LOCK, request.pk])

        assert running.run(request, now=lambda: somebody.now) == 0

        erasure = somebody.asks("erasure")
        with pytest.raises(NotYet):
            other_requests().erase(running.subject_of(erasure), now=somebody.now)
        other.execute("select pg_advisory_unlock_all()")  # a server ends a session in its own time

    assert running.run(request, now=lambda: somebody.now) == 2  # sealed, exported


def test_who_was_erased_is_parted_from_nobody(somebody):
    merged = merge_of(somebody.client, somebody.device_id)
    somebody.is_erased()

    with pytest.raises(ErasedError, match="was erased"):
        begin_parting(somebody.client, merged, by="clara", why="a mistake", now=somebody.now)


@pytest.mark.long
def test_an_erasure_waits_until_its_person_is_parted(somebody):
    begun = Parting.objects.create(
        source=somebody.device_id, target=somebody.id, parted_at=somebody.now
    )
    request = somebody.asks("erasure")

    running.run(request, now=lambda: somebody.now)
    assert "parted" in request.trouble

    Parting.objects.filter(pk=begun.pk).update(finished_at=somebody.now)
    somebody.is_dealt_with(request)


def test_case_18_who_signs_up_again_is_somebody_new(somebody):
    somebody.is_erased()
    erased_at = somebody.now

    somebody.now += timedelta(days=1)
    again = somebody.says(Status.GIVEN)
    event_log(somebody.client).accept([somebody.record(event="Back")])
    event_log(somebody.client).accept(
        [somebody.record(event="Before", at=erased_at - timedelta(days=9))]
    )
    somebody.work()

    assert again.person not in (somebody.id, somebody.device_id, people.NOBODY)
    owner, profile = load_profile(somebody.client, somebody.id)
    assert owner == again.person
    assert set(EventRecord.objects.filter(person_id=owner).values_list("name", flat=True)) == {
        "Back"
    }
    assert not profile.attributes
    assert PersonKey.objects.filter(person=again.person, destroyed_at=None).count() == 1
    assert not is_suppressed(people.Identifier("user", somebody.user))
    assert is_suppressed(people.Identifier("anonymous", somebody.device))


@pytest.fixture
def erased_ana(db, redis):
    """Return the id of somebody whose erasure was noted at NOW."""
    person = make_person()
    closing.close([person], now=NOW)
    PersonKey.objects.filter(person=person).update(person="")
    return person


def ana_says(person, *changes, after):
    now = NOW + after
    return ledger.record_change(person, changes, evidence=EVIDENCE, actor=SUBJECT, now=now)


LONG_AFTER = timedelta(hours=1)


@pytest.mark.parametrize("said", [-timedelta(days=1), timedelta(), timedelta(minutes=5)])
def test_no_grant_that_may_be_from_before_comes_along_with_a_new_one(erased_ana, said):
    old = given("newsletter", at=NOW + said)
    new = given("personalised_ads", at=NOW + LONG_AFTER)

    with pytest.raises(StaysClosedError, match="from before"):
        ana_says(erased_ana, new, old, after=LONG_AFTER)

    assert not Suppression.objects.exclude(again="").filter(digest=erased_ana).exists()


def test_a_fast_clock_makes_no_grant_newer_than_an_erasure(erased_ana):
    queued = given(at=NOW + timedelta(minutes=4))

    with pytest.raises(StaysClosedError):
        ana_says(erased_ana, queued, after=timedelta(seconds=10))


def test_old_words_are_refused_after_somebody_opted_in_again_too(erased_ana):
    again = ana_says(erased_ana, given(at=NOW + LONG_AFTER), after=LONG_AFTER)

    with pytest.raises(StaysClosedError):
        ana_says(erased_ana, given("newsletter", at=NOW), after=2 * LONG_AFTER)
    withdrawn_now = ana_says(erased_ana, withdrawn(at=NOW), after=2 * LONG_AFTER)

    assert again.person != erased_ana
    assert withdrawn_now.person == again.person
    assert len(withdrawn_now.events) == 1


@pytest.mark.long
def test_case_17_a_restored_copy_is_told_of_erasures(somebody):
    kept = {
        "keys": list(PersonKey.objects.filter(person=somebody.id).values()),
        "events": list(EventRecord.objects.filter(person_id=somebody.id).values()),
    }
    somebody.is_erased()
    assert unreplayed() == []

    # Last week's copy: the key is back, and so are the events; nobody is suppressed.
    Suppression.objects.filter(digest__in=[somebody.id, somebody.device_id]).delete()
    for row in kept["keys"]:
        PersonKey.objects.filter(key_id=row["key_id"]).delete()
        PersonKey.objects.create(**row)
    for row in kept["events"]:
        if not EventRecord.objects.filter(event_id=row["event_id"]).exists():
            EventRecord.objects.create(**row)
    assert len(unreplayed()) == 1
    assert "rtts_replay_erasures" in missing_words(somebody.client)

    removed = erasing.replay(now=somebody.now)

    assert removed["history of events"] >= 1
    assert missing_words(somebody.client) == ""
    assert unreplayed() == []
    assert found_in_tables(somebody.canary) == []
    assert not PersonKey.objects.filter(person=somebody.id).exists()


@pytest.mark.long
def test_r22_proof_is_kept_only_where_two_people_agree_and_until_its_day(somebody):
    day = (somebody.now + timedelta(days=365)).date()
    request = somebody.asks("erasure", begin=False, hold=Hold(why="a claim is pending", until=day))
    with pytest.raises(NotPossible):
        start(request, by="clara")
    with pytest.raises(NotPossible):
        agree_to_hold(request, by="clara")
    agree_to_hold(request, by="otto")
    start(request, by="clara")
    somebody.is_dealt_with(request)

    assert found_in_tables(somebody.canary) == []  # sealed
    held = request.holds.get()
    opening = ask_to_open(held, why="the court asks", by="clara", now=somebody.now)
    with pytest.raises(NotPossible):
        read_capsule(opening, by="clara", now=somebody.now)
    with pytest.raises(NotPossible):
        agree_to_open(opening, by="clara", now=somebody.now)
    agree_to_open(opening, by="otto", now=somebody.now)
    told = read_capsule(opening, by="clara", now=somebody.now)

    kept = {row["section"] for row in told["rows"]}
    assert kept == {"consent history", "receipts", "proofs of receipts"}
    with pytest.raises(NotPossible):
        read_capsule(opening, by="clara", now=somebody.now)
    assert destroy_due(now=somebody.now + timedelta(days=366)) == 1
    held.refresh_from_db()
    assert held.sealed is None


@pytest.mark.long
def test_an_erasure_breaks_off_anywhere_and_goes_on(somebody):
    request = somebody.asks("erasure")

    for _ in range(40):
        left = running.steps_left(request)
        if not left:
            break
        name, step = left[0]
        try:
            step(request, somebody.now)  # done, and the worker dies before that is noted
            step(request, somebody.now)
        except running.NotYet:
            somebody.now += timedelta(seconds=10)
            somebody.work()
            continue
        request.steps.append({"name": name, "done_at": somebody.now.isoformat(), "count": 1})
        request.save()
    somebody.is_dealt_with(request)

    assert found_in_tables(somebody.canary) == []
    assert settings.RTTS_ERASURES_FILE.exists()
