"""Purposes, jurisdictions and notices are authored, reviewed and released like everything else, and refused like it."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from django.urls import reverse

from campaigns import drafts, publishing, wording
from campaigns.candidates import candidate_of
from campaigns.mapping import Refused, body_of, parse
from campaigns.models import Revision
from campaigns.models.items import Kind
from campaigns.packs.places import JURISDICTIONS
from consent import dry_run, notices, policy_store
from consent.ids import uuid7
from consent.models import ConsentState, Person
from consent.notices import NoticeDraft
from consent.policy import JurisdictionSpec, PurposeSpec
from decisioning.specs import AttributeSpec
from tests.campaigns.conftest import NOW, go_live, save, specs
from tests.campaigns.posting import fields_of
from tests.campaigns.test_authoring import browser

GERMANY = JurisdictionSpec(
    key="de",
    name="Germany",
    codes=("DE",),
    validity_days={"ads": 180},
    mechanisms={"ads": "opt_in"},
    source_url="https://example.org/law",
    reviewed_on=date(2026, 5, 1),
)
NOTICE = NoticeDraft(
    key="privacy",
    name="Privacy",
    effective_from=datetime(2026, 12, 1, tzinfo=UTC),
    purposes=("ads",),
    texts={"de": "<p>Wir zeigen Werbung.</p>", "en": "<p>We show advertising.</p>"},
)
ADS = dict(specs())[Kind.PURPOSE]
OFFER = dict(specs())[Kind.OFFER]


@pytest.fixture
def change(live, mia):
    return drafts.open_change(mia, now=NOW, title="Policy")


@pytest.fixture
def marketer(mia):
    return browser(mia)


def findings(change):
    return [(one.kind, one.key, one.field) for one in candidate_of(change).findings()]


def test_every_jurisdiction_of_a_new_installation_can_be_published():
    for place in JURISDICTIONS:
        assert parse(Kind.JURISDICTION, body_of(place)) == place
        assert place.source_url
        assert place.reviewed_on


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"codes": ()}, "codes"),
        ({"codes": ("Germany",)}, "codes"),
        ({"age_of_consent": 19}, "age_of_consent"),
        ({"source_url": ""}, "source_url"),
        ({"reviewed_on": None}, "reviewed_on"),
        ({"validity_days": {"ads": 0}}, "validity_days"),
    ],
)
def test_what_a_jurisdiction_needs_is_said_at_its_field(fields, field):
    with pytest.raises(Refused) as refused:
        parse(Kind.JURISDICTION, body_of(replace(GERMANY, **fields)))

    assert field in [error.field for error in refused.value.errors]


def test_the_form_writes_a_jurisdiction(live, marketer):
    address = reverse("admin:campaigns_jurisdiction_add")
    fields = fields_of(marketer.get(address)) | {
        "name": ["Germany"],
        "key": ["de"],
        "codes": ["DE"],
        "mechanisms": ["ads: opt_in"],
        "validity_days": ["ads: 180"],
        "source_url": ["https://example.org/law"],
        "reviewed_on": ["2026-05-01"],
    }
    saved = marketer.post(address, fields)

    assert saved.status_code == 302, saved.content.decode()
    revision = Revision.objects.get(item__kind=Kind.JURISDICTION)
    assert parse(Kind.JURISDICTION, revision.body) == GERMANY
    edit = reverse("admin:campaigns_jurisdiction_change", args=[revision.item_id])
    again = marketer.post(edit, fields_of(marketer.get(edit)) | {"age_of_consent": ["14"]})
    assert again.status_code == 302
    newest = Revision.objects.filter(item__kind=Kind.JURISDICTION).latest("pk")
    assert parse(Kind.JURISDICTION, newest.body) == replace(GERMANY, age_of_consent=14)


def test_the_form_writes_a_notice_in_two_languages(live, marketer):
    address = reverse("admin:campaigns_privacynotice_add")
    fields = fields_of(marketer.get(address)) | {
        "name": ["Privacy"],
        "key": ["privacy"],
        "effective_from": ["2026-12-01T00:00:00"],
        "purposes": ["ads"],
        "texts-TOTAL_FORMS": ["2"],
        "texts-INITIAL_FORMS": ["0"],
        "texts-0-language": ["de"],
        "texts-0-text": [NOTICE.texts["de"]],
        "texts-1-language": ["en"],
        "texts-1-text": [NOTICE.texts["en"]],
    }
    saved = marketer.post(address, fields)

    assert saved.status_code == 302, saved.content.decode()
    revision = Revision.objects.get(item__kind=Kind.NOTICE)
    assert parse(Kind.NOTICE, revision.body) == NOTICE
    edit = reverse("admin:campaigns_privacynotice_change", args=[revision.item_id])
    again = marketer.post(edit, fields_of(marketer.get(edit)) | {"change_class": ["editorial"]})
    assert again.status_code == 302
    newest = Revision.objects.filter(item__kind=Kind.NOTICE).latest("pk")
    assert parse(Kind.NOTICE, newest.body) == replace(NOTICE, change_class="editorial")


def test_what_goes_live_is_kept_as_the_bytes_that_people_read(change, mia, ada):
    save(change, Kind.NOTICE, NOTICE, author=mia)
    save(change, Kind.JURISDICTION, GERMANY, author=mia)
    publishing.submit(change, by=mia, now=NOW)
    go_live(change, by=ada)

    policy = policy_store.live_policy()
    assert [place.key for place in policy.jurisdictions] == ["de"]
    kept = notices.find_text("privacy@1", "de-AT")
    assert bytes(kept.content).decode() == NOTICE.texts["de"]
    assert policy.notice("privacy@1").languages["de"] == kept.sha256


def test_r02_words_that_were_shown_cannot_be_published_again_under_their_version(change, mia, ada):
    save(change, Kind.NOTICE, NOTICE, author=mia)
    publishing.submit(change, by=mia, now=NOW)
    go_live(change, by=ada)
    again = drafts.open_change(mia, now=NOW, title="Other words")
    other = replace(NOTICE, texts={"en": "<p>Other words.</p>"})

    save(again, Kind.NOTICE, other, author=mia)
    assert ("notice", "privacy", "version") in findings(again)
    save(again, Kind.NOTICE, replace(other, version=2), author=mia, why="New version")
    assert findings(again) == []
    assert candidate_of(again).policy.notice("privacy@1") is not None


def test_case_20_a_retired_purpose_that_is_still_in_use_is_not_published(change, mia):
    save(change, Kind.PURPOSE, replace(ADS, retired=True), author=mia)

    found = findings(change)

    assert ("offer", "winter-sale", "purposes") in found
    assert ("attribute", "tier", "purposes") in found
    with pytest.raises(publishing.NotPublishable):
        publishing.submit(change, by=mia, now=NOW)


def test_r16_special_data_serves_only_purposes_that_ask_for_it(change, mia):
    health = AttributeSpec(
        key="allergy", name="Allergy", type="text", purposes=("ads",), special_category=True
    )
    save(change, Kind.ATTRIBUTE, health, author=mia)

    assert findings(change) == [("attribute", "allergy", "purposes")]
    care = PurposeSpec(key="care", name="Care", special_category=True)
    save(change, Kind.PURPOSE, care, author=mia)
    save(change, Kind.ATTRIBUTE, replace(health, purposes=("care",)), author=mia)
    assert findings(change) == []


def test_r17_a_significant_offer_needs_a_purpose_that_allows_it_and_a_human(change, mia):
    credit = replace(OFFER, significant_effect=True)
    save(change, Kind.OFFER, credit, author=mia)

    assert findings(change) == [
        ("offer", "winter-sale", "review_route"),
        ("offer", "winter-sale", "purposes"),
    ]
    save(change, Kind.PURPOSE, replace(ADS, significant_effect=True), author=mia)
    save(change, Kind.OFFER, replace(credit, review_route="credit@shop.example"), author=mia)
    assert findings(change) == []


def test_changes_of_the_policy_are_told_in_words(change, mia):
    names = wording.names_of(candidate_of(change))
    before = wording.describe(Kind.JURISDICTION, body_of(GERMANY), names)
    looser = replace(GERMANY, mechanism="opt_out", validity_days={"*": 365})
    lines = wording.diff(before, wording.describe(Kind.JURISDICTION, body_of(looser), names))

    changed = {line.label: (line.before, line.after) for line in lines if line.change != "same"}
    assert changed == {
        "How people are asked": ("asked first", "told that they may say no"),
        "Consent holds for (days)": ("Personalised offers: 180", "every purpose: 365"),
    }


def test_r26_a_draft_of_the_policy_says_whom_it_would_treat_otherwise(change, mia, db):
    for number, days_ago in enumerate((10, 100, 300)):
        person = f"p00{number}" + "e" * 20
        Person.objects.create(id=person, partition=number, version=1, changed_at=NOW)
        ConsentState.objects.create(
            person=person,
            purpose="ads",
            channel="*",
            status="given",
            since=NOW.replace(year=2026) - (NOW - NOW.replace(day=1)) * days_ago / 21,
            event_id=uuid7(NOW),
        )
    live = policy_store.live_policy()
    shorter = candidate_of(change).policy

    same = dry_run.affected(live, shorter, now=NOW)
    save(change, Kind.PURPOSE, replace(ADS, validity_days=90), author=mia)
    fewer = dry_run.affected(live, candidate_of(change).policy, now=NOW)

    assert (same.looked_at, same.people) == (3, 0)
    assert (fewer.people, fewer.lose["ads"], fewer.gain["ads"]) == (2, 2, 0)


def test_r25_who_wrote_a_policy_does_not_approve_it_and_an_analyst_writes_none(change, mia, ana):
    save(change, Kind.PURPOSE, replace(ADS, validity_days=90), author=mia)
    publishing.submit(change, by=mia, now=NOW)
    digest = publishing.candidate_for(change).review_digest

    for who in (mia, ana):
        with pytest.raises(publishing.PermissionDenied):
            publishing.approve(change, by=who, digest=digest, now=NOW)
    written = browser(ana).get(reverse("admin:campaigns_purpose_add"))
    assert written.status_code == 403
