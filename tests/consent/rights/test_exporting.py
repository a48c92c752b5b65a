"""A copy has everything, and what staff correct, object to or restrict takes effect."""

import base64
import json
import zipfile
from datetime import timedelta

import pytest

from consent import ledger, people
from consent.entries import entries_of
from consent.models import ConsentState, Person, RightsRequest
from consent.people import fence_key
from consent.policy import UNAVAILABLE, Status
from consent.proof.checkpoints import open_note
from consent.proof.tree import is_included
from consent.rights import exporting, running
from consent.rights.asking import Intake, NotPossible, deny, start, take_in
from decisioning.messages import Ask, Chosen, Decision, LogRow, PersonState, Placed, row_encoder
from decisioning.models import EventRecord
from decisioning.outcomes import Outcome, encoder
from decisioning.profiles.store import load_profile
from decisioning.tokens import Shown
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


def test_r20_a_copy_proves_that_its_receipts_are_in_the_ledger(somebody):
    somebody.says(Status.WITHDRAWN)  # a moment ago: it is sealed first
    request = somebody.is_dealt_with(somebody.asks("portability"))

    with opened(request) as archive:
        about, receipts, proofs = (
            json.loads(archive.read(f"{name}.json"))
            for name in ("about", "receipts", "proofs-of-receipts")
        )
    keys = {key["kid"]: from_base64url(key["x"]) for key in about["ledger"]["keys"]}
    assert len(receipts) == len(proofs) > 1
    for receipt, proof in zip(receipts, proofs, strict=True):
        leaf = receipt["receipt"]["leaf_hash"].removeprefix("sha256:")
        checkpoint = open_note(proof["checkpoint"], keys).checkpoint
        assert proof["leaf_hash"] == leaf
        assert checkpoint.size == proof["tree_size"]
        assert is_included(
            bytes.fromhex(leaf),
            proof["leaf_index"],
            proof["tree_size"],
            path=[bytes.fromhex(one) for one in proof["path"]],
            root=checkpoint.root,
        )


def test_r20_a_copy_tells_decisions_and_outcomes_by_the_names_of_their_fields(somebody):
    key = people.decision_log_key(people.partition_of(somebody.id))
    somebody.client.xadd(key, {"d": row_encoder.encode(decided(somebody.id))})
    somebody.client.xadd(key, {"o": encoder.encode(seen(somebody.id))})

    request = somebody.is_dealt_with(somebody.asks("access"))

    with opened(request) as archive:
        (decision,) = json.loads(archive.read("decisions.json"))
        (outcome,) = json.loads(archive.read("outcomes.json"))
    (placed,) = decision["decision"]["placed"]
    assert placed["chosen"][0]["offer"] == "winter-sale"
    assert decision["state"]["facts"] == {"age": 44}
    assert (outcome["kind"], outcome["shown"]["offer"]) == ("impression", "winter-sale")


def decided(person):
    chosen = Chosen("winter-sale", "a", "winter", 1, 0.5)
    placed = Placed("web.home.hero", "web", "offers", "SHOWN", (chosen,))
    return LogRow(
        nonce="0" * 16,
        at_ms=1_795_000_000_000,
        ask=Ask(person, ()),
        state=PersonState({"age": 44}, UNAVAILABLE),
        decision=Decision((placed,), (), {"age": 44}, {}),
        release_version=1,
        release_digest="sha256:0",
        canary=False,
        policy_version=1,
        policy_digest="sha256:1",
    )


def seen(person):
    shown = Shown("d-1", person, "web.home.hero", "web", "winter-sale", "a", "winter")
    return Outcome("impression", shown, "m-1", 1, 2)


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


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
    somebody.now += timedelta(seconds=1)

    somebody.is_dealt_with(somebody.asks("restriction", details={"lift": True}))
    assert not Person.objects.get(id=ledger.current_person(somebody.id)).restricted
    told = entries_of([ledger.current_person(somebody.id)])
    said = [one.event_state for one in told if one.kind == "restriction"]
    assert said == ["restricted", "restriction lifted"]


def test_r23_nobody_ends_a_restriction_without_proof_of_who_they_are(somebody):
    named, now = somebody.names[0], somebody.now
    ends = take_in("restriction", named, intake=Intake(by="clara"), now=now, details={"lift": True})
    begins = take_in("restriction", named, intake=Intake(by="clara"), now=now)

    with pytest.raises(NotPossible, match="who it is"):
        start(ends, by="clara")
    start(begins, by="clara")

    assert begins.pk != ends.pk


def test_r23_who_was_erased_stays_restricted(somebody):
    before = somebody.asks("restriction", details={"lift": True}, begin=False)
    somebody.is_erased()
    later = somebody.asks("restriction", details={"lift": True})
    start(before, by="clara")

    for request in (before, later):
        running.run(request, now=lambda: somebody.now)
        assert request.state == RightsRequest.State.FAILED

    assert "was erased" in later.trouble
    assert Person.objects.get(id=somebody.id).restricted
    assert not somebody.client.exists(fence_key(somebody.id))


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


def test_two_names_of_sections_never_share_a_file():
    names = ["a b", "a-b", "a_b", "a/b", "a  b", "a--b", "a~2f~b", "Änderung 1"]

    assert len({exporting._slug(name) for name in names}) == len(names)
    assert exporting._slug("consent history") == "consent-history"
