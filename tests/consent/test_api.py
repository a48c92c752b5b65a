import base64
import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from consent import channels, notices, policy_store, relay, state
from consent.models import ConsentChange, ConsentEvent, Identity, NoticeText, PolicyVersion
from consent.notices import NoticeDraft
from consent.policy import JurisdictionSpec, PurposeSpec, encode_policy, seal_policy
from consent.projection import load_states
from rtts_site.foundation import key_issuing
from tests.consent.builders import ADS, CARE, MAIL
from tests.consent.conftest import record_policy

EVIDENCE = {
    "controller": "Example Shop Ltd",
    "collection_method": "cookie banner",
    "notice_version": "n-7",
    "language": "en",
    "jurisdiction": "DE",
}


@pytest.fixture
def shop(trusted, policy):
    _, secret = key_issuing.issue(trusted, "shop", scopes=["consents"])
    return Client(headers={"authorization": f"Bearer {secret}"})


def change(purpose=ADS, status="given", *, ago=timedelta(minutes=1), **more):
    at = (timezone.now() - ago).isoformat()
    return {"purpose": purpose, "status": status, "event_time": at} | more


def body(person, *changes, **more):
    return {
        "person": person,
        "changes": list(changes) or [change()],
        "evidence": EVIDENCE,
        "actor": {"kind": "subject"},
    } | more


def post(client, content, **headers):
    return client.post(
        "/v1/consents", json.dumps(content), content_type="application/json", headers=headers
    )


def make_user():
    return f"user:{uuid4().hex}"


def standing(client, person):
    rows = client.get(f"/v1/consents/{person}").json()["purposes"]
    return {row["purpose"]: (row["status"], row["allowed"]) for row in rows}


def test_a_recorded_consent_can_be_read_and_proven(shop):
    ana = make_user()

    answer = post(shop, body(ana))

    assert answer.status_code == 201, answer.content
    said = answer.json()
    assert said["in_force"]
    assert standing(shop, ana) == {
        ADS: ("given", True),
        MAIL: ("unknown", False),
        CARE: ("unknown", True),
    }
    proof = shop.get(f"/v1/consents/{ana}/receipts/{said['receipts'][0]}").json()
    assert proof["receipt"]["evidence"]["notice_version"] == "n-7"
    assert verified(proof["jws"]) == proof["receipt"]
    assert Identity.objects.filter(person=said["person_id"]).count() == 1


def verified(jws):
    header, payload, signature = (
        base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in jws.split(".")
    )
    raw = json.loads(header)["jwk"]["x"]
    key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(raw + "="))
    key.verify(signature, jws.rpartition(".")[0].encode())
    return json.loads(payload)


def test_a_withdrawal_needs_no_evidence(shop):
    ana = make_user()
    post(shop, body(ana))

    answer = post(shop, body(ana, change(status="withdrawn", ago=timedelta(0)), evidence={}))

    assert answer.status_code == 201, answer.content
    assert standing(shop, ana)[ADS] == ("withdrawn", False)


@pytest.mark.parametrize("field", sorted(EVIDENCE))
def test_r01_a_grant_without_evidence_names_what_lacks(shop, field):
    evidence = {name: value for name, value in EVIDENCE.items() if name != field}

    answer = post(shop, body(make_user(), evidence=evidence))

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/evidence/{field}"]


def test_channels_are_those_that_there_are(shop, monkeypatch):
    monkeypatch.setattr(channels, "_tellers", [lambda: {"sms", "email"}])
    ana, ben = make_user(), make_user()

    refused = post(shop, body(ana, change(channel="fax")))
    answers = [
        post(shop, body(ana, change(channel="SMS"))),
        post(shop, body(ben, change(channel="fax", status="withdrawn"))),
    ]

    assert [error["pointer"] for error in refused.json()["errors"]] == ["/changes/0/channel"]
    for answer, expected in zip(answers, ("sms", "*"), strict=True):
        (said,) = load_states([answer.json()["person_id"]]).values()
        assert {channel for _, channel in said} == {expected}


WRONG = [
    ({"person": "c-42"}, "/person"),
    ({"person": None}, "/person"),
    ({"changes": []}, "/changes"),
    ({"changes": [change(purpose="nothing")]}, "/changes/0/purpose"),
    ({"changes": [change(status="maybe")]}, "/changes/0/status"),
    ({"changes": [change(chanel="sms")]}, "/changes/0/chanel"),
    ({"changes": [change(event_time="yesterday")]}, "/changes/0/event_time"),
    ({"changes": [change(event_time="1970-01-01T00:00:00Z")]}, "/changes/0/event_time"),
    ({"changes": [change(ago=-timedelta(hours=6))]}, "/changes/0/event_time"),
    ({"changes": [change(), change(expires_at="2000-01-01T00:00:00Z")]}, "/changes/1/expires_at"),
    ({"changes": [change(channel="\ud800")]}, "/changes/0/channel"),
    ({"changes": [change(channel="a\x00b")]}, "/changes/0/channel"),
    ({"actor": {"kind": "robot"}}, "/actor/kind"),
    ({"actor": "me"}, "/actor"),
    ({"evidence": EVIDENCE | {"gpc": "perhaps"}}, "/evidence/gpc"),
    ({"extra": 1}, "/extra"),
]


@pytest.mark.parametrize(("part", "pointer"), WRONG)
def test_bad_input_names_the_field(shop, part, pointer):
    answer = post(shop, body(make_user()) | part)

    assert answer.status_code == 422, answer.content
    assert answer["content-type"] == "application/problem+json"
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "null", "7"])
def test_a_body_of_another_shape_is_refused(shop, text):
    answer = shop.post("/v1/consents", text, content_type="application/json")

    assert answer.status_code in (400, 422)


def test_a_repeat_records_once_and_another_body_is_refused(shop):
    ana = make_user()
    content = body(ana)
    before = ConsentEvent.objects.count()

    answers = [post(shop, content, **{"idempotency-key": "k-1"}) for _ in range(3)]
    other = post(shop, body(ana, change(MAIL)), **{"idempotency-key": "k-1"})

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert other.status_code == 409
    assert ConsentEvent.objects.count() == before + 1


def test_a_key_needs_the_scope(trusted, policy):
    _, secret = key_issuing.issue(trusted, "web", scopes=["events"])

    assert post(Client(), body("user:a")).status_code == 401
    assert post(Client(headers={"x-api-key": "wrong"}), body("user:a")).status_code == 401
    lacking = post(Client(headers={"x-api-key": secret}), body("user:a"))
    assert lacking.status_code == 403
    assert "consents" in lacking.json()["detail"]


def test_answers_say_what_the_key_has_left(shop):
    answer = shop.get("/v1/consents/user:nobody")

    assert answer.status_code == 200
    assert answer["ratelimit-policy"] == '"consents";q=6000;w=60'


def full(redis):
    redis.config_set("maxmemory", 1)


def not_saved(redis):
    redis.config_set("min-replicas-to-write", 1)


def replica(redis):
    redis.replicaof("127.0.0.1", 1)


@pytest.fixture
def writable_again(trusted):
    yield
    trusted.replicaof("no", "one")
    trusted.config_set("maxmemory", 0)
    trusted.config_set("min-replicas-to-write", 0)


@pytest.mark.parametrize("refusing", [full, not_saved, replica])
def test_a_withdrawal_is_recorded_where_redis_takes_no_writes(
    shop, trusted, writable_again, refusing
):
    ana = make_user()
    person = post(shop, body(ana)).json()["person_id"]
    left, now = state.event_token(person), timezone.now()
    state.add_fence(trusted, person, left, now_ms=0)
    ConsentChange.objects.create(token=left, person=person, recorded_at=now, settled_at=now)
    refusing(trusted)

    answer = post(shop, body(ana, change(status="withdrawn", ago=timedelta(0)), evidence={}))

    assert (answer.status_code, answer.json()["recorded"]) == (503, True)
    assert standing(shop, ana)[ADS] == ("withdrawn", False)
    later = timezone.now() + timedelta(seconds=6)
    assert relay.settle(trusted, now=later) == 0

    trusted.replicaof("no", "one")
    trusted.config_set("maxmemory", 0)
    trusted.config_set("min-replicas-to-write", 0)
    assert relay.settle(trusted, now=later) >= 2
    view = state.load_view(trusted, person)
    assert not view.fenced
    assert view.states[ADS, "*"].status == "withdrawn"


def test_receipts_of_others_are_not_found(shop):
    receipt = post(shop, body(make_user())).json()["receipts"][0]

    answer = shop.get(f"/v1/consents/{make_user()}/receipts/{receipt}")

    assert answer.status_code == 404


def test_the_policy_only_moves_forward(trusted, policy):
    live = policy_store.live_policy()
    as_interest = replace(
        live, purposes=tuple(replace(p, basis="legitimate_interest") for p in live.purposes)
    )

    with pytest.raises(policy_store.PolicyRefused, match="not edited"):
        record_policy(live, approved_by="max")
    with pytest.raises(policy_store.PolicyRefused, match="asked for consent"):
        record_policy(as_interest)
    assert policy_store.load_live_policy(trusted, known=None) == live
    assert policy_store.load_live_policy(trusted, known=live) is live


def test_an_altered_policy_is_refused(trusted, policy):
    body = trusted.hget(policy_store.LIVE, "body")
    trusted.hset(
        policy_store.LIVE, mapping={"version": 10**6, "body": body.replace(b"365", b"999")}
    )

    with pytest.raises(policy_store.PolicyRefused, match="verified"):
        policy_store.load_live_policy(trusted, known=None)


def test_a_policy_of_somebody_else_is_refused_and_replaced(trusted, policy):
    live = policy_store.live_policy()
    looser = seal_policy([replace(p, validity_days=None) for p in live.purposes], version=10**9)
    said = {"version": looser.version, "digest": looser.digest, "body": encode_policy(looser)}
    trusted.hset(policy_store.LIVE, mapping=said)

    with pytest.raises(policy_store.PolicyRefused, match="seal"):
        policy_store.load_live_policy(trusted, known=live)
    policy_store.put_live(trusted)

    assert policy_store.load_live_policy(trusted, known=None) == live


def test_a_later_policy_stays_in_force(trusted, policy):
    live = policy_store.live_policy()
    later = seal_policy(live.purposes, version=live.version + 1)
    policy_store.put_policy(trusted, later)

    policy_store.put_live(trusted)

    assert policy_store.load_live_policy(trusted, known=live) == later


def test_a_policy_written_on_another_is_refused(trusted, policy, db):
    live = policy_store.live_policy()
    spec = replace(live, purposes=live.purposes[:1])
    with pytest.raises(policy_store.PolicyRefused, match="meanwhile"):
        policy_store.record_policy(
            spec, approved_by="olga", authors=["max"], base="sha256:0", now=timezone.now()
        )


def test_r09_what_was_ever_asked_as_consent_stays_consent(policy, db):
    live = policy_store.live_policy()
    asked = live.purpose(ADS)
    record_policy(replace(live, purposes=tuple(p for p in live.purposes if p.key != ADS)))

    back = replace(asked, basis="legitimate_interest", device_access=False)

    found = policy_store.policy_faults(replace(live, purposes=(back,)))
    assert [(fault.key, fault.field) for fault in found] == [(ADS, "basis")]
    with pytest.raises(policy_store.PolicyRefused, match="new purpose"):
        record_policy(replace(live, purposes=(back,)))


HOSTILE = [
    {"expires_at": "9999-12-31T23:59:59.999999Z"},
    {"expires_at": "9999-12-31T23:59:59-14:00"},
    {"expires_at": "9999-01-01T00:00:00Z"},
    {"expires_at": "0001-01-01T00:00:00+14:00"},
    {"event_time": "0001-01-01T00:00:00+14:00"},
    {"event_time": "9999-12-31T23:59:59.999999Z"},
    {"event_time": "1969-12-31T23:59:59Z"},
    {"channel": "\ud800"},
    {"channel": "a\0b"},
    {"purpose": "\udfff"},
    {"status": ["given"]},
    {"\ud800": 1},
]


@pytest.mark.parametrize("fields", HOSTILE)
def test_a_change_that_cannot_be_kept_is_refused_by_name(shop, fields):
    ana = make_user()
    shop.raise_request_exception = False

    answer = post(shop, body(ana, change(status="withdrawn"), change(**fields)))

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("/changes/1/")


def test_a_consent_may_be_given_for_as_long_as_the_policy_says(shop):
    ana = make_user()

    answer = post(shop, body(ana, change(expires_at="9998-12-31T23:59:59.999999Z")))

    assert answer.status_code == 201
    assert standing(shop, ana)[ADS] == ("given", True)


@pytest.mark.parametrize(
    ("taken", "pointer"),
    [
        (("person",), "/person"),
        (("actor",), "/actor"),
        (("actor", "kind"), "/actor/kind"),
        (("changes", 0, "purpose"), "/changes/0/purpose"),
        (("changes", 0, "status"), "/changes/0/status"),
        (("changes", 0, "event_time"), "/changes/0/event_time"),
    ],
)
def test_r01_a_change_without_one_of_its_parts_names_it(shop, taken, pointer):
    content = json.loads(json.dumps(body(make_user())))
    inside = content
    for step in taken[:-1]:
        inside = inside[step]
    del inside[taken[-1]]

    answer = post(shop, content)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_r01_what_the_policy_says_is_recorded_with_the_grant(shop):
    ana = make_user()

    said = post(shop, body(ana, change(MAIL, event_type="explicit"))).json()

    proof = shop.get(f"/v1/consents/{ana}/receipts/{said['receipts'][0]}").json()["receipt"]
    assert proof["legal_basis"] == "eu-gdpr:A6-1-a"
    assert proof["validity_days"] == 365
    assert proof["event_type"] == "explicit"
    assert proof["evidence"]["policy"] == policy_store.live_policy().version


def test_r15_a_guardians_grant_keeps_who_it_was_and_how_that_was_made_sure(shop):
    said = body(make_user(), actor={"kind": "guardian", "id": "g-7"})
    checked = said["evidence"] | {"collection_method": "card check, case 4711"}
    unchecked = {name: text for name, text in checked.items() if name != "collection_method"}

    refused = post(shop, said | {"evidence": unchecked})
    assert [one["pointer"] for one in refused.json()["errors"]] == ["/evidence/collection_method"]

    receipt = post(shop, said | {"evidence": checked}).json()["receipts"][0]
    kept = shop.get(f"/v1/consents/{said['person']}/receipts/{receipt}").json()["receipt"]
    assert (kept["actor_kind"], kept["actor_id"]) == ("guardian", "g-7")
    assert kept["evidence"]["collection_method"] == "card check, case 4711"


def test_the_api_says_that_the_channel_vouches_for_a_guardian(shop):
    schemas = shop.get("/api/schema", headers={"accept": "application/json"}).json()["components"]

    actor = next(one for name, one in schemas["schemas"].items() if name.startswith("Actor"))
    assert "you vouch for it" in json.dumps(actor["properties"]["kind"])


def test_a_guardian_is_named_and_a_place_is_a_code(shop):
    guardian = post(shop, body(make_user(), actor={"kind": "guardian"}))
    place = post(shop, body(make_user(), evidence=EVIDENCE | {"jurisdiction": "Germany"}))

    assert [error["pointer"] for error in guardian.json()["errors"]] == ["/actor/id"]
    assert [error["pointer"] for error in place.json()["errors"]] == ["/evidence/jurisdiction"]


@pytest.fixture
def notice(shop, db):
    """Return a published notice about advertising, with a newer version that only mends its words."""
    begun = timezone.now() - timedelta(days=9)
    drafts = [
        NoticeDraft(
            key="privacy",
            name="Privacy",
            version=version,
            change_class=change_class,
            effective_from=begun,
            purposes=(ADS,),
            texts={
                "en": f"We show advertising. ({version})",
                "de": f"Wir zeigen Werbung. ({version})",
            },
        )
        for version, change_class in ((1, "reconsent"), (2, "editorial"))
    ]
    for draft in drafts:
        live = policy_store.live_policy()
        if live.notice(draft.spec().reference) is None:
            notices.keep_texts([draft], now=begun)
            record_policy(replace(live, notices=(draft.spec(),)))
    return drafts


def shown(reference="privacy@1", **more):
    return EVIDENCE | {"notice_version": reference, "workflow_version": "banner-17"} | more


def test_r02_an_event_leads_to_the_very_bytes_that_were_shown(shop, notice):
    ana = make_user()

    said = post(shop, body(ana, evidence=shown(language="de"))).json()

    found = shop.get(f"/v1/consents/{ana}/receipts/{said['receipts'][0]}").json()
    evidence = found["receipt"]["evidence"]
    page = shop.get(f"/v1/notices/{evidence['notice_version']}/{evidence['language']}")
    assert page.content.decode() == "Wir zeigen Werbung. (1)"
    assert "sha256:" + hashlib.sha256(page.content).hexdigest() == evidence["notice_sha256"]
    assert page.headers["ETag"] == f'"{evidence["notice_sha256"]}"'
    assert evidence["workflow_version"] == "banner-17"


def test_r02_what_was_shown_is_never_altered(shop, notice):
    with pytest.raises(notices.NoticeAlteredError):
        notices.keep_texts([replace(notice[0], texts={"en": "Other words."})], now=timezone.now())
    live = policy_store.live_policy()
    with pytest.raises(policy_store.PolicyRefused, match="new version"):
        record_policy(replace(live, notices=(replace(notice[0].spec(), languages={"en": "x"}),)))
    with pytest.raises(DatabaseError), transaction.atomic():
        NoticeText.objects.filter(notice="privacy").update(content=b"x")


@pytest.mark.parametrize(
    ("evidence", "field"),
    [
        (shown("privacy@7"), "notice_version"),
        (shown("n-7"), "notice_version"),
        (shown(language="fr"), "language"),
    ],
)
def test_r02_a_notice_that_nobody_published_proves_nothing(shop, notice, evidence, field):
    answer = post(shop, body(make_user(), evidence=evidence))

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/evidence/{field}"]


def test_r31_a_refusal_is_remembered_and_not_asked_again_for_a_while(shop):
    ana = make_user()
    post(shop, body(ana, change(status="refused")))

    rows = shop.get(f"/v1/consents/{ana}").json()["purposes"]

    at = {row["purpose"]: row["ask_again_at"] for row in rows}
    since = next(datetime.fromisoformat(row["since"]) for row in rows if row["purpose"] == ADS)
    assert datetime.fromisoformat(at[ADS]) == since + timedelta(days=365)
    assert at[MAIL] is None


def test_r26_a_published_policy_is_never_altered_and_going_back_is_a_new_version(shop, db):
    before = policy_store.live_policy()
    shorter = tuple(replace(one, validity_days=30) for one in before.purposes)
    after = record_policy(replace(before, purposes=shorter))

    back = record_policy(replace(before, notices=after.notices))

    assert (after.version, back.version) == (before.version + 1, before.version + 2)
    assert back.says_the_same(before)
    with pytest.raises(DatabaseError), transaction.atomic():
        PolicyVersion.objects.filter(version=after.version).update(approved_by="eve")
    with pytest.raises(DatabaseError), transaction.atomic():
        PolicyVersion.objects.filter(version=after.version).delete()


@pytest.mark.parametrize(
    ("purpose", "field"),
    [
        (PurposeSpec(key="x", name="X", basis="contract", device_access=True), "basis"),
        (PurposeSpec(key="x", name="X", device_access=True, mechanism="opt_out"), "mechanism"),
    ],
)
def test_r28_device_access_on_another_basis_is_not_published(policy, db, purpose, field):
    assert refused(purpose) == [("x", field)]


def test_r16_special_categories_without_consent_are_not_published(policy, db):
    kept = PurposeSpec(key="x", name="X", basis="legitimate_interest", special_category=True)

    assert refused(kept) == [("x", "basis")]


def test_r17_significant_effects_by_legitimate_interest_are_not_published(policy, db):
    kept = PurposeSpec(key="x", name="X", basis="legitimate_interest", significant_effect=True)

    assert refused(kept) == [("x", "basis")]


def refused(purpose):
    live = policy_store.live_policy()
    spec = replace(live, purposes=(*live.purposes, purpose))
    with pytest.raises(policy_store.PolicyRefused):
        record_policy(spec)
    return [(fault.key, fault.field) for fault in policy_store.policy_faults(spec)]


def test_case_20_a_place_in_two_jurisdictions_is_not_published(policy, db):
    both = [JurisdictionSpec(key=key, name=key, codes=("DE",)) for key in ("a", "b")]
    spec = replace(policy_store.live_policy(), jurisdictions=tuple(both))

    with pytest.raises(policy_store.PolicyRefused, match="which one holds"):
        record_policy(spec)
