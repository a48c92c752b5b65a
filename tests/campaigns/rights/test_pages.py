"""Pages of requests about rights: who may, what they need, the register, reminders."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Notice
from campaigns.reports import warnings
from campaigns.rights.processing import COLUMNS
from campaigns.rights.reminding import remind
from consent.models import RecordRead, RightsRequest
from consent.rights import exporting
from consent.rights.asking import subject_of
from tests.campaigns.conftest import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def clara(client, redis):
    user = person("clara", "Compliance")
    user.email = "clara@example.com"
    user.save()
    client.force_login(user)
    return user


def taken_in(client, **fields):
    answer = client.post(
        reverse("admin:rtts-rights"), {"kind": "erasure", "person": "user:ann", **fields}
    )
    assert answer.status_code == 302
    return RightsRequest.objects.latest("pk")


def act(client, row, verb, words=""):
    client.post(reverse("admin:rtts-rights-act", args=[row.pk]), {"act": verb, "words": words})
    row.refresh_from_db()
    return row


def test_only_compliance_opens_the_pages(client, redis):
    for role, status in (
        ("Marketer", 403),
        ("Analyst", 403),
        ("Approver", 403),
        ("Compliance", 200),
        ("Auditor", 200),
    ):
        client.force_login(person(f"some-{role}".lower(), role))
        for name in ("admin:rtts-rights", "admin:rtts-register"):
            assert client.get(reverse(name)).status_code == status, (role, name)


def test_r30_a_request_is_read_for_its_own_purpose_only(client, redis):
    client.force_login(person("olaf", "Approver"))

    assert not [one for one in olaf_permissions("Approver") if "rights" in one or "capsule" in one]
    assert client.get(reverse("admin:rtts-rights")).status_code == 403


def olaf_permissions(role):
    from django.contrib.auth.models import Group

    return Group.objects.get(name=role).permissions.values_list("codename", flat=True)


def test_a_request_goes_from_intake_to_running(client, clara):
    row = taken_in(client, jurisdiction="US-CA", hold_why="a claim", hold_until="2030-01-01")
    page = client.get(reverse("admin:rtts-rights-one", args=[row.pk]))
    assert page.status_code == 200
    assert row.acknowledge_by is not None

    assert act(client, row, "start").state == "received"  # nobody was verified
    assert act(client, row, "verify", "letter").state == "verified"
    assert act(client, row, "start").state == "verified"  # nobody agreed to the hold
    assert act(client, row, "agree").hold_agreed_by == ""
    client.force_login(person("otto", "Compliance"))
    assert act(client, row, "agree").hold_agreed_by == "otto"
    assert act(client, row, "start").state == "running"


START = 'value="start"'
ALONE = "Nobody but you handles requests here."


def page_of(client, row):
    return client.get(reverse("admin:rtts-rights-one", args=[row.pk])).content.decode()


def test_r30_who_verified_an_erasure_does_not_start_it(client, clara):
    row = act(client, taken_in(client), "verify", "letter")
    assert row.verified_by == "clara"

    text = page_of(client, row)
    assert START not in text
    assert "You made sure, so somebody else" in text
    answer = client.post(
        reverse("admin:rtts-rights-act", args=[row.pk]), {"act": "start"}, follow=True
    )
    assert "Ask somebody else who handles requests" in answer.content.decode()
    row.refresh_from_db()
    assert (row.state, row.run_by) == ("verified", "")

    client.force_login(person("otto", "Compliance"))
    assert START in page_of(client, row)
    assert act(client, row, "start").state == "running"


def test_r30_who_is_alone_with_the_role_sees_why_no_erasure_starts(client, clara):
    row = taken_in(client)
    assert ALONE in page_of(client, row)
    assert ALONE in page_of(client, act(client, row, "verify", "letter"))
    assert ALONE not in page_of(client, taken_in(client, kind="access"))

    person("otto", "Compliance")
    assert ALONE not in page_of(client, row)


def test_one_person_carries_out_what_removes_nobody(client, clara):
    row = act(client, taken_in(client, kind="access"), "verify", "letter")

    assert START in page_of(client, row)
    assert act(client, row, "start").state == "running"


def test_r25_an_auditor_sees_requests_with_the_reading_noted_and_changes_nothing(
    client, clara, settings, tmp_path
):
    settings.RTTS_VAR = tmp_path
    row = taken_in(client, kind="access")
    exporting.folder().mkdir(parents=True, exist_ok=True)
    (exporting.folder() / "1.zip").write_bytes(b"all of it")
    RightsRequest.objects.filter(pk=row.pk).update(file="1.zip")
    client.force_login(person("aud", "Auditor"))
    addresses = {
        name: reverse(f"admin:rtts-rights{name}", args=[row.pk])
        for name in ("-one", "-act", "-file")
    }

    assert 'name="person"' not in client.get(reverse("admin:rtts-rights")).content.decode()
    text = page_of(client, row)
    assert 'name="act"' not in text
    assert addresses["-file"] not in text
    assert RecordRead.objects.get().reader == "aud"

    refused = [
        client.post(reverse("admin:rtts-rights"), {"kind": "erasure", "person": "user:ann"}),
        client.post(addresses["-act"], {"act": "verify", "words": "letter"}),
        client.get(addresses["-file"]),
    ]
    assert [one.status_code for one in refused] == [403, 403, 403]
    row.refresh_from_db()
    assert (row.state, RightsRequest.objects.count()) == ("received", 1)
    assert RecordRead.objects.count() == 1


def test_a_denial_needs_a_basis(client, clara):
    row = taken_in(client)

    assert act(client, row, "deny").state == "received"
    assert act(client, row, "deny", "Article 12(5)").denial == "Article 12(5)"


def test_staff_hear_of_what_is_due(client, clara, settings):
    row = taken_in(client)
    soon = row.due_at - timedelta(days=3)

    assert remind(now=soon) == 1
    assert remind(now=soon + timedelta(hours=1)) == 0
    assert Notice.objects.filter(user=clara).count() == 1
    assert "user:ann" not in mail.outbox[0].body
    assert any(f"/rights/{row.pk}/" in one.url for one in warnings(soon))


def test_r19_the_register_is_one_click(client, clara, live):
    page = client.get(reverse("admin:rtts-register"))
    assert page.status_code == 200

    rows = json.loads(client.get(reverse("admin:rtts-register") + "?as=json").content)
    told = list(
        csv.DictReader(
            io.StringIO(client.get(reverse("admin:rtts-register") + "?as=csv").content.decode())
        )
    )

    assert rows
    assert all(set(COLUMNS) == set(row) for row in rows)
    assert [row["purpose"] for row in told] == [row["purpose"] for row in rows]
    assert all(row["legal_basis"] and row["retention"] and row["security"] for row in rows)
    assert timezone.now()


def test_r25_reading_a_request_is_noted_on_the_record_of_its_person(client, clara):
    row = taken_in(client, kind="access")

    client.get(reverse("admin:rtts-rights-one", args=[row.pk]))

    read = RecordRead.objects.get()
    assert (read.reader, read.what) == ("clara", f"request {row.pk}")
    assert read.person == subject_of(row).person


def test_r25_fetching_a_copy_is_noted_on_the_record_of_its_person(
    client, clara, settings, tmp_path
):
    settings.RTTS_VAR = tmp_path
    row = taken_in(client, kind="access")
    exporting.folder().mkdir(parents=True, exist_ok=True)
    (exporting.folder() / "1.zip").write_bytes(b"all of it")
    RightsRequest.objects.filter(pk=row.pk).update(file="1.zip")

    answer = client.get(reverse("admin:rtts-rights-file", args=[row.pk]))

    assert b"".join(answer.streaming_content) == b"all of it"
    assert RecordRead.objects.get().what == f"copy of everything, of request {row.pk}"
