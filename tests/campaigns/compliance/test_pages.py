"""The pages of the compliance workspace, as compliance staff and others see them."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.compliance import lag
from campaigns.models import CrowdReport
from consent import relay
from consent.changes import Actor, ConsentChange, Evidence
from consent.ledger import record_change
from consent.models import ConsentChange as ChangeRow
from consent.models import RecordRead
from consent.policy import Status
from tests.campaigns.conftest import person
from tests.campaigns.test_authoring import browser
from tests.campaigns.test_simulator import trust
from tests.decisioning.making import person_of

PAGES = ("compliance", "lag", "drills", "what-if", "crowd", "lineage")
EVIDENCE = Evidence(
    controller="Shop",
    collection_method="cookie banner",
    notice_version="privacy@3",
    language="en",
    jurisdiction="DE",
)


@pytest.fixture
def carol(db):
    return person("carol", "Compliance")


def said(name, status, *, now=None):
    now = now or timezone.now()
    change = ConsentChange(purpose="ads", status=status, event_time=now)
    actor = Actor(kind="subject")
    return record_change(person_of(name), [change], evidence=EVIDENCE, actor=actor, now=now)


@pytest.mark.parametrize("page", PAGES)
def test_compliance_staff_may_open_each_page(live, carol, redis, page):
    assert browser(carol).get(reverse(f"admin:rtts-{page}")).status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_an_auditor_opens_each_page(live, redis, page):
    assert browser(person("aud", "Auditor")).get(reverse(f"admin:rtts-{page}")).status_code == 200


def test_an_auditors_navigation_leads_to_what_they_may_open_only(live, redis):
    auditor = browser(person("aud", "Auditor"))

    home = auditor.get(reverse("admin:index")).content.decode()

    links = set(re.findall(r'href="(/admin/[^"?#]*)"', home))
    assert {reverse("admin:rtts-rights"), reverse("admin:rtts-compliance")} <= links
    assert reverse("admin:rtts-connect") not in links
    assert [one for one in links if auditor.get(one).status_code not in (200, 302)] == []


def test_r25_an_auditor_searches_with_the_reading_noted_and_spends_no_budget(live, redis):
    trust(redis)
    said("ana", Status.GIVEN)
    auditor = browser(person("aud", "Auditor"))

    found = auditor.post(reverse("admin:rtts-compliance"), {"person": "user:ana"}, follow=True)

    assert found.status_code == 200
    assert RecordRead.objects.get().reader == "aud"
    assert 'value="standings' not in auditor.get(reverse("admin:rtts-crowd")).content.decode()
    asked = auditor.post(reverse("admin:rtts-crowd"), {"question": "standings:ads"})
    begun = auditor.post(reverse("admin:rtts-drill-now"))
    assert (asked.status_code, begun.status_code) == (403, 403)
    assert not CrowdReport.objects.exists()


@pytest.mark.parametrize("page", ["compliance", "lag", "what-if", "crowd"])
def test_others_may_not(live, mia, page):
    assert browser(mia).get(reverse(f"admin:rtts-{page}")).status_code == 403


def test_r25_a_search_leads_to_the_record_without_the_name_in_an_address(live, carol, redis):
    trust(redis)
    said("ana", Status.GIVEN)
    said("ana", Status.WITHDRAWN)

    found = browser(carol).post(
        reverse("admin:rtts-compliance"), {"person": "user:ana"}, follow=True
    )

    ((address, _),) = found.redirect_chain
    assert address == reverse("admin:rtts-timeline", args=[person_of("ana")])
    text = found.content.decode()
    assert text.index("ads: withdrawn") < text.index("ads: given, shown privacy@3")
    read = RecordRead.objects.get()
    assert (read.reader, read.person, read.what) == ("carol", person_of("ana"), "timeline")


def test_a_record_shows_who_read_it(live, carol, redis):
    trust(redis)
    said("ana", Status.GIVEN)
    staff = browser(carol)
    staff.get(reverse("admin:rtts-timeline", args=[person_of("ana")]))

    page = staff.get(reverse("admin:rtts-timeline", args=[person_of("ana")]), {"kind": "read"})

    text = page.content.decode()
    assert 'data-kind="read"' in text
    assert 'data-kind="said"' not in text


def test_nobody_reads_a_record_of_what_is_no_person(live, carol):
    page = browser(carol).get(reverse("admin:rtts-timeline", args=["ana@example.org"]))

    assert page.status_code == 404
    assert not RecordRead.objects.exists()


def test_the_lag_of_changes_is_counted_from_recording_to_effect(live, redis):
    trust(redis)
    now = timezone.now()
    said("ana", Status.GIVEN)
    said("ben", Status.WITHDRAWN)
    relay.settle(redis, now=now)
    slow = ChangeRow.objects.order_by("recorded_at").last()
    slow.settled_at = slow.recorded_at + timedelta(seconds=3)
    slow.save(update_fields=["settled_at"])

    found = lag.lag_of(now=now + timedelta(minutes=1))

    assert (found.changes, found.waiting, found.breaches) == (2, 0, 0)
    assert found.longest_ms == pytest.approx(3_000)


def test_a_change_that_is_not_in_force_yet_is_counted_as_on_its_way(live, redis):
    trust(redis)
    said("ana", Status.WITHDRAWN)

    assert lag.lag_of(now=timezone.now() + timedelta(minutes=1)).waiting == 1


def test_lineage_names_what_reads_an_attribute_through_a_segment(live, carol):
    text = browser(carol).get(reverse("admin:rtts-lineage")).content.decode()

    assert "Gold members" in text
    assert "through Gold members" in text


def test_who_may_only_look_begins_no_drill(live, mia, carol, redis, monkeypatch):
    begun = []
    monkeypatch.setattr(
        "campaigns.compliance.views.ask_for_drill", lambda **more: begun.append(more)
    )
    addresses = [reverse("admin:rtts-drills"), reverse("admin:rtts-drill-now")]

    for who, allowed in ((mia, False), (carol, True)):
        page = browser(who).get(addresses[0])
        assert page.status_code == 200
        assert ('type="submit" class="button"' in page.content.decode()) is allowed
        assert (browser(who).post(addresses[1]).status_code == 302) is allowed
    assert len(begun) == 1
