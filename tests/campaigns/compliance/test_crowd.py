"""Reports about everybody together: noise in each cell, a budget that runs out, nothing exact anywhere."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.urls import reverse

from campaigns.compliance import crowd
from campaigns.models import CrowdReport
from consent.models import ConsentState, Person
from tests.campaigns.conftest import NOW, person
from tests.campaigns.test_authoring import browser

QUESTION = "standings:ads"


@pytest.fixture
def carol(db):
    return person("carol", "Compliance")


def crowd_of(count, *, status="given"):
    names = [f"p001{number:020x}" for number in range(count)]
    Person.objects.bulk_create(Person(id=one, partition=1, changed_at=NOW) for one in names)
    ConsentState.objects.bulk_create(
        ConsentState(
            person=one,
            purpose="ads",
            channel="*",
            status=status,
            since=NOW,
            event_id="01890000-0000-7000-8000-000000000000",
        )
        for one in names
    )


def told(answer):
    return {cell.label: cell.people for cell in answer.cells}


def test_r34_a_count_is_published_with_noise_around_it(live, carol):
    crowd_of(1_000)

    answer = crowd.ask(QUESTION, by=carol, now=NOW)

    (given,) = (cell for cell in answer.cells if cell.label == "given")
    assert abs(given.people - 1_000) < 200
    assert given.low <= given.people <= given.high
    assert CrowdReport.objects.get().spent == crowd.EPSILON


def test_r34_a_small_cell_is_not_told_apart_from_an_empty_one(live, carol):
    crowd_of(1)

    for number in range(5):
        answer = crowd.ask(QUESTION, by=carol, now=NOW + timedelta(days=2 * number))
        assert all(people is None or people >= crowd.LEAST for people in told(answer).values())


def test_the_same_question_within_a_day_gets_the_same_answer_for_nothing(live, carol):
    crowd_of(500)
    first = crowd.ask(QUESTION, by=carol, now=NOW)

    again = crowd.ask(QUESTION, by=carol, now=NOW + timedelta(hours=20))

    assert told(again) == told(first)
    assert CrowdReport.objects.count() == 1


def test_what_makes_the_noise_is_loaded_before_anybody_waits_for_the_budget(
    live, carol, monkeypatch
):
    order, load, begin = [], crowd.noise, transaction.atomic
    monkeypatch.setattr(crowd, "noise", lambda epsilon: order.append("loaded") or load(epsilon))
    monkeypatch.setattr(transaction, "atomic", lambda *more: order.append("begun") or begin(*more))

    crowd.ask(QUESTION, by=carol, now=NOW)
    first = order.copy()
    crowd.ask(QUESTION, by=carol, now=NOW)

    assert first[:2] == ["loaded", "begun"]
    assert order == first  # known already: neither loaded nor waited for


def test_case_30_the_budget_falls_and_then_refuses(live, carol, settings):
    settings.RTTS_REPORT_BUDGET = 2 * crowd.EPSILON
    crowd_of(100)
    crowd.ask(QUESTION, by=carol, now=NOW)
    assert crowd.left(now=NOW) == pytest.approx(crowd.EPSILON)
    crowd.ask("first-offers:winter", by=carol, now=NOW)

    with pytest.raises(crowd.BudgetSpent, match="2026-12-01"):
        crowd.ask(QUESTION, by=carol, now=NOW + timedelta(days=2))

    december = datetime(2026, 12, 1, tzinfo=UTC)
    assert crowd.ask(QUESTION, by=carol, now=december).cells


def test_case_30_the_exact_count_is_nowhere_in_the_answer(live, carol):
    crowd_of(4_321)

    page = browser(carol).post(reverse("admin:rtts-crowd"), {"question": QUESTION})

    assert page.status_code == 200
    published = CrowdReport.objects.get().counts["given"]
    text = page.content.decode()
    assert f"{published:,}" in text
    assert published == 4_321 or "4,321" not in text


def test_noise_is_what_its_source_says():
    noisy = crowd.noise(0.5)([100] * 4_000)
    spread = [abs(one - 100) for one in noisy]

    # Laplace of scale 2: half within 2 ln 2 = 1.4, 95 in 100 within 2 ln 20 = 6.
    assert 1.7 < sum(spread) / len(spread) < 2.3
    assert 0.93 < sum(one <= 6 for one in spread) / len(spread) < 0.99


def test_a_marketer_may_not_ask(live, mia):
    assert browser(mia).get(reverse("admin:rtts-crowd")).status_code == 403
