"""A copy has everything, and what staff correct, object to or restrict takes effect."""

import json
import zipfile
from datetime import timedelta

import pytest

from consent import ledger
from consent.models import ConsentState, Person, RightsRequest
from consent.policy import Status
from consent.rights import exporting, running
from consent.rights.asking import NotPossible, deny, start
from decisioning.models import EventRecord
from decisioning.profiles.store import load_profile
from tests.consent.rights.finding import found_in_tables


def opened(request):
    return zipfile.ZipFile(exporting.folder() / request.file)


def test_r20_a_copy_has_the_canary_of_every_field(somebody):
    request = somebody.is_dealt_with(somebody.asks("access"))

    with opened(request) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    whole = "\n".join(files.values())
    for planted in ("city", "trait", "thing", "list", "banner"):
        assert f"{somebody.canary} {planted}" in whole, planted
    for name in (somebody.user, somebody.device, f"https://shop/{somebody.canary}"):
        assert name in whole
    about = json.loads(files["about.json"])
    assert about["purposes"] is not None
    assert "recipients" in about
    assert {"events.json", "events.csv", "consent-history.json", "receipts.json"} <= files.keys()
    assert len(json.loads(files["events.json"])) == about["sections"]["events"]


@pytest.mark.long
def test_r20_portability_leaves_out_what_was_derived(somebody):
    request = somebody.is_dealt_with(somebody.asks("portability"))

    with opened(request) as archive:
        names = set(archive.namelist())
    assert "events.json" in names
    assert not {"segments.json", "identities.json", "decisions.json"} & names


@pytest.mark.long
def test_a_copy_expires(somebody):
    request = somebody.is_dealt_with(somebody.asks("access"))
    path = exporting.folder() / request.file
    assert path.exists()

    running.forget(now=request.file_expires_at)

    assert not path.exists()
    request.refresh_from_db()
    assert not request.file
    assert not bytes(request.subject)


@pytest.mark.long
def test_what_a_killed_worker_left_is_deleted(somebody):
    scratch = exporting.folder() / "tmpabc"
    scratch.mkdir()
    (scratch / "events").write_text(somebody.canary)

    exporting.forget_expired(now=somebody.now + timedelta(minutes=50))
    assert scratch.exists()

    exporting.forget_expired(now=somebody.now + timedelta(minutes=70))
    assert not scratch.exists()


def test_a_correction_is_an_event_with_its_source(somebody):
    somebody.now += timedelta(seconds=1)
    request = somebody.asks("rectification", details={"attributes": {"city": "Ulm"}})
    somebody.is_dealt_with(request)
    somebody.work()

    _, profile = load_profile(somebody.client, somebody.id)
    assert profile.attributes["city"].value == "Ulm"
    assert EventRecord.objects.filter(source=f"rights:{request.pk}").exists()


def test_r23_a_restriction_holds_until_it_is_lifted(somebody):
    somebody.is_dealt_with(somebody.asks("restriction"))
    assert Person.objects.get(id=ledger.current_person(somebody.id)).restricted

    somebody.is_dealt_with(somebody.asks("restriction", details={"lift": True}))
    assert not Person.objects.get(id=ledger.current_person(somebody.id)).restricted


@pytest.mark.long
def test_r08_an_objection_typed_in_by_staff_is_recorded(somebody):
    request = somebody.asks("objection", details={"purposes": ["personalised_ads"]})
    somebody.is_dealt_with(request)

    owner = ledger.current_person(somebody.id)
    said = ConsentState.objects.get(person=owner, purpose="personalised_ads")
    assert said.status == Status.OBJECTED


@pytest.mark.long
def test_r30_a_denied_request_keeps_why_and_not_who(somebody):
    request = somebody.asks("erasure", begin=False)
    with pytest.raises(NotPossible):
        deny(request, why=" ", by="clara", now=somebody.now)

    deny(request, why="Article 17(3)(e)", by="clara", now=somebody.now)

    assert not bytes(request.subject)
    assert somebody.user not in request.named
    with pytest.raises(NotPossible):
        start(request, by="clara")
    assert "consent_rightsrequest" not in found_in_tables(somebody.canary)


@pytest.mark.long
def test_r30_requests_are_kept_24_months(somebody):
    request = somebody.asks("erasure", begin=False)
    deny(request, why="manifestly unfounded", by="clara", now=somebody.now)

    running.forget(now=somebody.now + running.clocks.KEEP * 0.99)
    assert RightsRequest.objects.filter(pk=request.pk).exists()

    running.forget(now=somebody.now + running.clocks.KEEP * 1.01)
    assert not RightsRequest.objects.filter(pk=request.pk).exists()
