"""Undoing a merge of consent against the real stores."""

from datetime import timedelta

import pytest

from consent import entries, ledger, parting, state
from consent.models import Person, PersonKey
from consent.policy import permits
from consent.rights import closing
from tests.consent.builders import (
    ADS,
    CARE,
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
LAST = NOW + timedelta(minutes=4)


def record(person, *changes, now=NOW, **more):
    return ledger.record_change(person, changes, evidence=EVIDENCE, actor=SUBJECT, now=now, **more)


def is_allowed(client, person, purpose=ADS):
    view = state.load_view(client, person)
    return permits(POLICY, view, [purpose], channel="web", now=LAST).allowed


def test_case_11_each_gets_back_what_was_said_for_them(trusted):
    device, account = make_person(), make_person()
    record(device, withdrawn())
    record(account, given())
    ledger.merge_people(device, account, now=LATER)
    assert not is_allowed(trusted, account)

    parting.part_people(device, account, now=LAST)

    assert is_allowed(trusted, account)
    assert not is_allowed(trusted, device)
    assert ledger.current_person(device) == device


@pytest.mark.parametrize("erased", [0, 1])
def test_who_was_erased_is_parted_from_nobody(trusted, erased):
    both = device, account = make_person(), make_person()
    record(device, given())
    record(account, given())
    ledger.merge_people(device, account, now=LATER)
    closing.close([both[erased]], now=LATER)
    PersonKey.objects.filter(person=both[erased]).update(destroyed_at=LATER, wrapped=None)

    with pytest.raises(parting.ErasedError, match="was erased"):
        parting.part_people(device, account, now=LAST)


def test_what_only_the_other_said_is_unknown_again(trusted):
    device, account = make_person(), make_person()
    record(device, given())
    ledger.merge_people(device, account, now=LATER)
    assert is_allowed(trusted, account)

    parting.part_people(device, account, now=LAST)

    assert not is_allowed(trusted, account)
    assert is_allowed(trusted, device)


def test_what_was_said_since_goes_with_whom_it_was_said_for(trusted):
    device, account = make_person(), make_person()
    record(device, given())
    record(account, given())
    ledger.merge_people(device, account, now=NOW)
    record(device, withdrawn(at=LATER), now=LATER)
    record(account, given(purpose=MAIL, at=LATER), now=LATER)

    parting.part_people(device, account, now=LAST)

    assert is_allowed(trusted, account)
    assert is_allowed(trusted, account, MAIL)
    assert not is_allowed(trusted, device)
    assert not is_allowed(trusted, device, MAIL)


def test_a_denial_of_unknown_origin_holds_for_both(trusted, monkeypatch):
    device, account = make_person(), make_person()
    record(device, given())
    record(account, given())
    ledger.merge_people(device, account, now=NOW)
    make_entry = ledger.make_entry
    with monkeypatch.context() as older:
        older.setattr(
            ledger,
            "make_entry",
            lambda *args, **more: entries.msgspec.structs.replace(
                make_entry(*args, **more), sent_for=""
            ),
        )
        row = Person.objects.get(id=device)
        record(account, withdrawn(at=LATER), now=max(LATER, row.changed_at))

    parting.part_people(device, account, now=LAST)

    assert not is_allowed(trusted, account)
    assert not is_allowed(trusted, device)


def test_whoever_had_joined_one_of_them_stays_with_them(trusted):
    tablet, device, account = make_person(), make_person(), make_person()
    record(tablet, withdrawn())
    record(device, given())
    record(account, given())
    ledger.merge_people(device, account, now=NOW)
    ledger.merge_people(tablet, device, now=NOW)

    parting.part_people(device, account, now=LAST, along=[tablet])

    assert ledger.current_person(tablet) == device
    assert is_allowed(trusted, account)
    assert not is_allowed(trusted, device)


def test_a_late_word_of_the_merge_joins_nobody(trusted):
    device, account = make_person(), make_person()
    record(account, given())
    record(device, withdrawn())
    ledger.merge_people(device, account, now=LATER)
    parting.part_people(device, account, now=LAST)
    parting.part_people(device, account, now=LAST)

    state.begin_merge(trusted, device, account, now_ms=int(LAST.timestamp() * 1000))
    ledger.merge_people(device, account, now=LAST)

    assert ledger.current_person(device) == device
    assert is_allowed(trusted, account)


def test_the_ledger_tells_the_parting(trusted):
    device, account = make_person(), make_person()
    record(device, withdrawn())
    record(account, given())
    ledger.merge_people(device, account, now=LATER)

    parting.part_people(device, account, now=LAST, by="cleo")

    told = [entry.evidence.source for entry in entries.entries_of([account])]
    assert told[-1] == "unmerge"
    assert [one.parted_by for one in parting.partings_of(account)] == ["cleo"]


def test_where_the_target_had_merged_on_each_gets_back_what_was_said_for_them(trusted):
    phone, ana, ben = make_person(), make_person(), make_person()
    record(phone, withdrawn())
    record(ana, given())
    record(ben, given(), given(purpose=MAIL))
    ledger.merge_people(phone, ana, now=NOW)
    record(phone, withdrawn(purpose=CARE), now=NOW)
    ledger.merge_people(ana, ben, now=NOW)
    record(phone, withdrawn(purpose=MAIL, at=LATER), now=LATER)
    assert not is_allowed(trusted, ben)
    assert not is_allowed(trusted, ben, MAIL)

    parting.part_people(phone, ana, now=LAST)

    assert (ledger.current_person(phone), ledger.current_person(ana)) == (phone, ben)
    assert is_allowed(trusted, ben)
    assert is_allowed(trusted, ben, MAIL)
    assert is_allowed(trusted, ben, CARE)
    assert not is_allowed(trusted, phone)
    assert not is_allowed(trusted, phone, CARE)
    record(phone, given(at=LAST), now=LAST)
    record(phone, withdrawn(purpose=MAIL, at=LAST), now=LAST)
    assert is_allowed(trusted, phone)
    assert is_allowed(trusted, ben, MAIL)

    parting.part_people(ana, ben, now=LAST)

    assert is_allowed(trusted, ana)
    assert not is_allowed(trusted, ana, MAIL)
    assert is_allowed(trusted, ana, CARE)


def test_who_is_parted_second_leaves_nothing_of_what_the_first_said_since(trusted):
    phone, laptop, account = make_person(), make_person(), make_person()
    record(account, given())
    ledger.merge_people(phone, account, now=NOW)
    ledger.merge_people(laptop, account, now=NOW)
    record(phone, withdrawn(at=LATER), now=LATER)

    parting.part_people(phone, account, now=LAST)
    assert is_allowed(trusted, account)
    parting.part_people(laptop, account, now=LAST)

    assert is_allowed(trusted, account)
    assert not is_allowed(trusted, phone)


@pytest.mark.parametrize("of", ["source", "target"])
def test_r23_a_restriction_outlasts_merges_and_partings(trusted, of):
    device, account = make_person(), make_person()
    record(device, given())
    record(account, given())
    asks = device if of == "source" else account
    ledger.record_restriction(asks, True, evidence=EVIDENCE, actor=SUBJECT, now=NOW)

    ledger.merge_people(device, account, now=LATER)
    assert not is_allowed(trusted, account)
    assert any(one.kind == "restriction" for one in entries.entries_of([account]))

    parting.part_people(device, account, now=LAST)
    assert not is_allowed(trusted, account)
    assert not is_allowed(trusted, device)


def test_parting_restricts_nobody_who_did_not_ask(trusted):
    device, account = make_person(), make_person()
    record(device, given())
    record(account, given())
    ledger.merge_people(device, account, now=LATER)
    assert Person.objects.get(id=device).restricted

    parting.part_people(device, account, now=LAST)

    assert is_allowed(trusted, account)
    assert is_allowed(trusted, device)
