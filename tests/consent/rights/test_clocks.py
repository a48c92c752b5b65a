"""By when requests are due."""

from datetime import UTC, datetime, timedelta

from consent.policy import JurisdictionSpec
from consent.rights.clocks import after_workdays, due, is_to_be_reminded

FRIDAY = datetime(2026, 5, 8, 15, 0, tzinfo=UTC)


def test_r20_an_answer_is_due_by_the_clock_of_the_place():
    assert due("DE", received_at=FRIDAY).answer_by == FRIDAY + timedelta(days=30)
    assert due("*", received_at=FRIDAY).answer_by == FRIDAY + timedelta(days=30)
    california = due("US-CA", received_at=FRIDAY)
    assert california.answer_by == FRIDAY + timedelta(days=45)
    assert california.acknowledge_by == datetime(2026, 5, 22, 15, 0, tzinfo=UTC)


def test_the_policy_may_only_shorten_a_clock():
    place = JurisdictionSpec(key="de", name="Germany", codes=("DE",), answer_days=14)
    slow = JurisdictionSpec(key="fr", name="France", codes=("FR",), answer_days=90)

    assert due("DE", received_at=FRIDAY, policy=[place]).answer_by == FRIDAY + timedelta(days=14)
    assert due("FR", received_at=FRIDAY, policy=[slow]).answer_by == FRIDAY + timedelta(days=30)


def test_working_days_skip_weekends():
    assert after_workdays(FRIDAY, 1) == FRIDAY + timedelta(days=3)


def test_staff_are_reminded_a_week_ahead_once_and_daily_when_late():
    day = timedelta(days=1)
    due_at = FRIDAY + 30 * day

    assert not is_to_be_reminded(due_at, None, now=FRIDAY)
    assert is_to_be_reminded(due_at, None, now=due_at - 6 * day)
    assert not is_to_be_reminded(due_at, due_at - 6 * day, now=due_at - 2 * day)
    assert is_to_be_reminded(due_at, due_at - 6 * day, now=due_at + day)
    assert not is_to_be_reminded(due_at, due_at + day, now=due_at + day)
