from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from consent import channels, ledger, relay, state
from consent.changes import Actor, ConsentChange, Evidence
from consent.channels import UnknownChannelError
from consent.importing import Import, import_changes
from consent.models import ConsentChange as ChangeRow
from consent.models import ConsentEvent, ConsentState
from consent.people import PARTITIONS
from consent.policy import Status
from tests.consent.builders import EVIDENCE

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOURCE = Import(name="test", evidence=replace(EVIDENCE, source="crm"), actor=Actor(kind="system"))
ANA, BEN, CLEO = ("p001" + letter * 20 for letter in "abc")


@pytest.fixture(autouse=True)
def trusted(redis):
    run_id, _ = state.trusted_runs(redis)
    state.trust(redis, run_id, range(PARTITIONS), watermark_ms=0)


def said(status, *, hours_ago=1):
    return ConsentChange(
        purpose="offers", status=status, event_time=NOW - timedelta(hours=hours_ago)
    )


def bring(people, *, source=SOURCE, now=NOW):
    return list(import_changes(people, source=source, now=now))


def record(person, status, *, hours_ago=1):
    ledger.record_change(
        person,
        [said(status, hours_ago=hours_ago)],
        evidence=EVIDENCE,
        actor=Actor(kind="subject"),
        now=NOW,
    )


def status_of(client, person):
    view = state.load_view(client, person)
    assert not view.fenced
    return view.states["offers", "*"].status


def test_many_people_are_recorded_and_in_force(db, redis):
    before = ConsentEvent.objects.count()

    done = bring({ANA: [said(Status.GIVEN)], BEN: [said(Status.GIVEN), said(Status.WITHDRAWN)]})

    assert done == [2]
    assert status_of(redis, ANA) is Status.GIVEN
    assert status_of(redis, BEN) is Status.WITHDRAWN
    assert ConsentEvent.objects.count() == before + 3
    relay.settle(redis, now=NOW)  # which takes the notes of what came into force
    assert not ChangeRow.objects.filter(person__in=[ANA, BEN], settled_at=None).exists()


def test_repeating_an_import_records_nothing(db, redis):
    before = ConsentEvent.objects.count()

    for _ in range(2):
        bring({ANA: [said(Status.GIVEN)]})

    assert ConsentEvent.objects.count() == before + 1


def test_an_import_never_overrides_a_later_withdrawal(db, redis):
    record(ANA, Status.WITHDRAWN, hours_ago=1)

    bring({ANA: [said(Status.GIVEN, hours_ago=2)]})

    assert status_of(redis, ANA) is Status.WITHDRAWN
    assert ConsentState.objects.get(person=ANA).status == "withdrawn"


def test_what_belongs_to_a_merged_person_reaches_who_they_are_now(db, redis):
    record(CLEO, Status.GIVEN)
    state.begin_merge(redis, CLEO, ANA, now_ms=int(NOW.timestamp() * 1000))
    ledger.merge_people(CLEO, ANA, now=NOW)

    bring({CLEO: [said(Status.WITHDRAWN, hours_ago=0)]})

    assert status_of(redis, ANA) is Status.WITHDRAWN


@pytest.mark.parametrize("count", [0, 1, 251])
def test_counts_everybody_once(db, redis, count):
    people = {f"p002{number:020d}": [said(Status.REFUSED)] for number in range(count)}

    assert sum(bring(people)) == count
    assert ConsentState.objects.filter(person__in=people, status="refused").count() == count


def test_r33_an_imported_consent_without_evidence_is_unknown_and_never_given(db, redis):
    unproven = Import(name="old", evidence=Evidence(source="crm"), actor=Actor(kind="system"))

    bring({ANA: [said(Status.GIVEN)], BEN: [said(Status.WITHDRAWN)]}, source=unproven)

    assert status_of(redis, ANA) is Status.UNKNOWN
    assert status_of(redis, BEN) is Status.WITHDRAWN


def test_what_is_imported_binds_channels_that_there_are(db, redis, monkeypatch):
    monkeypatch.setattr(channels, "_tellers", [lambda: {"email"}])
    fax = {
        ANA: [replace(said(Status.WITHDRAWN), channel="fax")],
        BEN: [replace(said(Status.GIVEN), channel="EMAIL")],
    }

    bring(fax)

    found = ConsentState.objects.filter(person__in=fax).values_list("person", "channel")
    assert dict(found) == {ANA: "*", BEN: "email"}
    with pytest.raises(UnknownChannelError, match="There is: email"):
        bring({CLEO: [replace(said(Status.GIVEN), channel="fax")]})
