"""What the report says of decisions that read older consent than was recorded when they began."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.compliance import lag
from consent.models import ConsentChange
from decisioning.models import DecisionRecord, ShownRecord
from tests.campaigns.conftest import NOW, person
from tests.campaigns.test_authoring import browser

ANA = "p001" + "a" * 20
SOON, LATE = timedelta(milliseconds=40), timedelta(seconds=9)  # put in force at once; by the relay


def changed(*, settled_after, at=NOW):
    """Ana says no in version 2 of her consent."""
    ConsentChange.objects.create(
        token="change:1",
        person=ANA,
        version=2,
        recorded_at=at,
        settled_at=None if settled_after is None else at + settled_after,
    )


def decided(*, after, consent=1, at=NOW):
    """Show an offer to Ana on a version of her consent."""
    at += after
    DecisionRecord.objects.create(
        decision_id=f"dec-{after}",
        nonce="0" * 16,
        decided_at=at,
        person_id=ANA,
        canary=False,
        consent_version=consent,
        degraded=[],
        state="recorded",
        took_ms=1.0,
        body=b"",
    )
    texts = "placement", "channel", "reason", "offer", "variant", "campaign", "experiment", "arm"
    ShownRecord.objects.create(
        shown_id=f"dec-{after}/home/1",
        decision_id=f"dec-{after}",
        decided_at=at,
        person_id=ANA,
        status="offers",
        rank=1,
        **dict.fromkeys(texts, ""),
    )


def verdicts():
    return [one.verdict for one in lag.lag_of(now=NOW + timedelta(hours=1)).between]


@pytest.mark.parametrize(
    ("settled_after", "decided_after", "verdict"),
    [
        (SOON, SOON / 2, lag.FENCED),
        (SOON, SOON * 2, lag.BREACH),
        (
            LATE,
            LATE / 2,
            lag.UNSURE,
        ),  # answered at once and the note lost, or not answered with yes
        (LATE, LATE * 2, lag.BREACH),
        (None, LATE, lag.UNSURE),
    ],
)
def test_a_decision_on_older_consent_is_judged_by_the_answer(
    db, settled_after, decided_after, verdict
):
    changed(settled_after=settled_after)
    decided(after=decided_after)

    assert verdicts() == [verdict]


def test_a_decision_on_the_changed_consent_is_in_no_list(db):
    changed(settled_after=LATE)
    decided(after=LATE / 2, consent=2)

    assert verdicts() == []


def test_the_page_says_what_is_not_known_exactly(live):
    began = timezone.now() - timedelta(minutes=1)
    changed(settled_after=LATE, at=began)
    decided(after=LATE / 2, at=began)

    page = browser(person("carol", "Compliance")).get(reverse("admin:rtts-lag"))

    assert "not known exactly" in page.content.decode()
