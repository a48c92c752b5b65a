"""People's entries, folded again, are the states that decisions rest on, by whichever door they came."""

from datetime import timedelta

import pytest
from django.db import connection, transaction

from consent import importing, ledger
from consent.changes import Actor, Evidence
from consent.models import ConsentState, Person, PersonKey
from consent.parting import part_people
from consent.policy import Status
from consent.proof.checking import Question
from consent.proof.projecting import check_states
from tests.consent.builders import ADS, EVIDENCE, MAIL, NOW, SUBJECT, given, make_person, withdrawn

LATER = NOW + timedelta(minutes=5)
PERSON = len(make_person())


def say(person, *changes, now=NOW, evidence=EVIDENCE, actor=SUBJECT):
    ledger.record_change(person, changes, evidence=evidence, actor=actor, now=now)


def troubles(*persons):
    """Return what is found of these people."""
    with connection.cursor() as cursor:
        found = [one for _, one in check_states(cursor, Question(now=LATER)) if one is not None]
    return [one.words for one in found if one.words[:PERSON] in persons]


def states_of(person):
    return ConsentState.objects.filter(person=person)


def altered_troubles(whose, rows, /, **altered):
    """Return what is found while rows are altered, or gone; others' tests read them too."""
    with transaction.atomic():
        rows.update(**altered) if altered else rows.delete()
        found = troubles(whose)
        transaction.set_rollback(True)
    return found


def test_a_history_of_every_kind_folds_to_its_states(trusted):
    ana, ben = make_person(), make_person()
    say(ana, given(), given(MAIL, channel="email"))
    say(ben, given(ADS), withdrawn(MAIL), now=NOW + timedelta(seconds=1))
    say(ana, given(at=NOW + timedelta(minutes=4)), evidence=Evidence(source="bare"))
    say(ana, withdrawn(ADS, channel="push"), now=LATER)
    say(ana, given(ADS, at=LATER + timedelta(minutes=3)), now=LATER, actor=Actor(kind="guardian"))
    ledger.merge_people(ben, ana, now=LATER)
    say(ben, given(MAIL, at=LATER), now=LATER)
    assert troubles(ana, ben) == []

    part_people(ben, ana, now=LATER)

    assert ConsentState.objects.filter(person__in=(ana, ben)).count() > 4
    assert troubles(ana, ben) == []


def test_an_import_folds_to_its_states(trusted):
    persons = [make_person() for _ in range(3)]
    source = importing.Import(name=persons[0], evidence=EVIDENCE, actor=SUBJECT)
    said = {one: [given(), withdrawn(MAIL, channel="sms")] for one in persons}

    list(importing.import_changes(said, source=source, now=NOW))

    assert troubles(*persons) == []


@pytest.mark.parametrize(
    "altered",
    [
        {"status": Status.GIVEN},
        {"since": LATER},
        {"notice": "privacy@9"},
        {"by_guardian": True},
        {"expires_at": LATER},
        {"over_gpc": True},
        {"event_type": "explicit"},
    ],
)
def test_a_state_that_nobody_said_is_found(trusted, altered):
    ana = make_person()
    say(ana, withdrawn())

    assert f"{ana}: {ADS} on * is" in altered_troubles(ana, states_of(ana), **altered)[0]


def test_a_state_that_is_gone_is_found(trusted):
    ana = make_person()
    say(ana, withdrawn())

    found = altered_troubles(ana, states_of(ana))
    assert "nothing, and the entries say withdrawn" in found[0]


@pytest.mark.parametrize(("asked", "words"), [(True, "not restricted as"), (False, "no entry")])
def test_a_restriction_that_is_not_as_it_was_asked_for_is_found(trusted, asked, words):
    ana = make_person()
    for one in (True, asked):
        ledger.record_restriction(ana, one, evidence=EVIDENCE, actor=SUBJECT, now=NOW)
    assert troubles(ana) == []

    rows = Person.objects.filter(id=ana)
    assert words in altered_troubles(ana, rows, restriction_asked=not asked)[0]


def test_restrictions_go_through_merges_and_partings(trusted):
    ana, ben = make_person(), make_person()
    say(ana, given())
    ledger.record_restriction(ben, True, evidence=EVIDENCE, actor=SUBJECT, now=NOW)
    ledger.merge_people(ben, ana, now=LATER)
    assert troubles(ana, ben) == []

    part_people(ben, ana, now=LATER)

    assert troubles(ana, ben) == []


def test_states_of_a_person_without_a_key_are_found(trusted):
    ana = make_person()
    say(ana, given())

    keys = PersonKey.objects.filter(person=ana)
    assert "the entries say nothing" in altered_troubles(ana, keys, person="")[0]
