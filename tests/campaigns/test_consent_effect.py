"""How many people a changed policy of consent would treat otherwise, as its reviewer reads it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns import consent_effect, drafts
from campaigns.models import Change
from campaigns.models.items import Kind
from consent.ids import uuid7
from consent.models import ConsentState, Person
from tests.campaigns.conftest import NOW, save, specs
from tests.campaigns.test_authoring import browser
from tests.campaigns.test_policies import ADS


@pytest.fixture
def change(live, mia):
    return drafts.open_change(mia, now=NOW, title="Policy")


def consented(*days_ago):
    """Have people who allowed ads so long ago."""
    now = timezone.now()
    names = [f"p001{number:020x}" for number in range(len(days_ago))]
    Person.objects.bulk_create(
        Person(id=one, partition=1, version=1, changed_at=now) for one in names
    )
    ConsentState.objects.bulk_create(
        ConsentState(
            person=one,
            purpose="ads",
            channel="*",
            status="given",
            since=now - timedelta(days=days),
            event_id=uuid7(now),
        )
        for one, days in zip(names, days_ago, strict=True)
    )


def shorter(change, mia):
    """Let consent to ads hold for 90 days."""
    save(change, Kind.PURPOSE, replace(ADS, validity_days=90), author=mia)


def address(change):
    return reverse("admin:rtts-consent-effect", args=[change.pk])


def test_a_reviewer_reads_how_many_people_a_policy_would_treat_otherwise(change, mia):
    consented(10, 100, 300)
    shorter(change, mia)

    page = browser(mia).get(reverse("admin:rtts-change", args=[change.pk])).content.decode()
    told = browser(mia).get(address(change)).content.decode()

    assert f'hx-get="{address(change)}"' in page
    assert "2 people would be treated otherwise" in told
    assert f'<th scope="row">{ADS.name}</th>' in told
    assert "Looked at: 3 of 3 people" in told


def test_of_many_people_some_are_looked_at(change, mia, monkeypatch):
    monkeypatch.setattr(consent_effect, "LOOKED_AT", 1)
    monkeypatch.setattr("consent.dry_run.CHUNK", 2)
    consented(300, 300, 10, 10)
    shorter(change, mia)

    found = consent_effect.consent_effect(change, now=timezone.now())

    assert (found.looked_at, found.people.population, found.people.people) == (2, 4, 4)
    assert found.people.low < found.people.high


def test_a_policy_that_treats_everybody_alike_says_so(change, mia):
    consented(10)
    shorter(change, mia)

    assert "Nobody looked at" in browser(mia).get(address(change)).content.decode()


def test_only_open_changes_of_the_policy_are_asked_about(change, mia):
    kind, spec = next((kind, spec) for kind, spec in specs() if kind == Kind.OFFER)
    save(change, kind, replace(spec, name="Another"), author=mia)
    page = browser(mia).get(reverse("admin:rtts-change", args=[change.pk])).content.decode()

    assert address(change) not in page
    assert browser(mia).get(address(change)).status_code == 404

    shorter(change, mia)
    Change.objects.filter(pk=change.pk).update(state=Change.State.REJECTED)
    assert browser(mia).get(address(change)).status_code == 404
