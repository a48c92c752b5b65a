from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from consent import ledger, policy_store
from consent.forms import parse_person
from consent.models import RecordRead
from tests.consent.builders import EVIDENCE, SUBJECT, given, withdrawn


@pytest.fixture
def compliance(policy, client):
    user = User.objects.create_user(f"olga-{uuid4().hex[:6]}", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="consent", codename__startswith="view")
    )
    client.force_login(user)
    return client


@pytest.fixture
def ana(trusted):
    name = f"user:{uuid4().hex}"
    ledger.record_change(
        parse_person(name).id,
        [given(), withdrawn()],
        evidence=EVIDENCE,
        actor=SUBJECT,
        now=timezone.now(),
    )
    return name


def test_a_person_is_found_by_what_a_channel_calls_them(compliance, ana):
    found = compliance.get(reverse("admin:consent_person_changelist"), {"q": ana})
    other = compliance.get(reverse("admin:consent_person_changelist"), {"q": "user:nobody"})

    assert parse_person(ana).id in found.content.decode()
    assert parse_person(ana).id not in other.content.decode()


def test_the_timeline_shows_all_and_notes_who_read_it(compliance, ana):
    person = parse_person(ana).id

    page = compliance.get(reverse("admin:consent_person_change", args=[person])).content.decode()

    assert "consent was withdrawn" in page
    assert "cookie banner" in page
    assert RecordRead.objects.filter(person=person).count() == 1


def test_nothing_can_be_edited(compliance, ana):
    person = parse_person(ana).id

    assert compliance.post(reverse("admin:consent_person_change", args=[person])).status_code == 403
    assert compliance.get(reverse("admin:consent_person_add")).status_code == 403
    assert compliance.get(reverse("admin:consent_person_delete", args=[person])).status_code == 403


def test_policies_and_the_ledger_can_be_read(compliance, ana):
    version = policy_store.live_policy().version

    policy = compliance.get(reverse("admin:consent_policyversion_change", args=[version]))
    events = compliance.get(reverse("admin:consent_consentevent_changelist"))

    assert "Personalised advertising" in policy.content.decode()
    assert "sha256:" in events.content.decode()


@pytest.mark.parametrize("version", ["²", "abc", "99999999999999999999", "-1", "_2F", "%00"])
def test_a_policy_that_never_was_is_not_found(compliance, version):
    answer = compliance.get(f"/admin/consent/policyversion/{version}/change/", follow=True)

    assert "doesn’t exist" in answer.content.decode() or answer.status_code in (403, 404)
