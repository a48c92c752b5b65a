"""When what comes in is not as usual: volumes by the hour of the week, values against the days before."""

import pytest

from decisioning.observing.judging import (
    WEEK,
    Hour,
    Values,
    judge_hour,
    judge_values,
    together,
    usual_events,
)

NOW = 500_000
PLACE = ("shop", "Order", "")
KEY = ("shop", "Order", "total")


def weeks(*events, **fields):
    """Return hours: now, then a week before, and so on."""
    return {NOW - WEEK * n: Hour(count, **fields) for n, count in enumerate(events)}


def faults(hours, first=0):
    return [one.fault for one in judge_hour(PLACE, hours, NOW, first=first)]


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ((100, 100, 110, 90, 100), []),
        ((0, 100, 110, 90, 100), ["silent"]),
        ((29, 100, 100, 100, 100), ["fewer"]),
        ((31, 100, 100, 100, 100), []),
        ((301, 100, 100, 100, 100), ["more"]),
        ((0, 19, 19, 19, 19), []),
        ((0, 100, 1000, 0, 100), ["silent"]),
    ],
)
def test_volume_is_compared_with_the_same_hour_of_other_weeks(events, found):
    assert faults(weeks(*events)) == found


def test_an_hour_without_a_row_had_nothing():
    hours = weeks(0, 100, 100, 100, 100)
    del hours[NOW]

    assert faults(hours) == ["silent"]


def test_too_few_weeks_say_nothing():
    assert faults(weeks(0, 100), first=NOW - WEEK) == []
    assert usual_events(weeks(5, 10), NOW) is None
    assert usual_events(weeks(5, 10, 30), NOW) == 20


def test_repeats_refusals_and_lateness():
    assert faults({NOW: Hour(80, duplicates=30)}) == ["duplicates"]
    assert faults({NOW: Hour(80, refused=30)}) == ["refused"]
    assert faults({NOW: Hour(5, refused=5)}) == []
    assert faults({NOW: Hour(80, late_s=1_000)}) == ["late"]
    assert faults({NOW: Hour(80, late_s=1_000), NOW - 1: Hour(80, late_s=800)}) == []


@pytest.mark.parametrize(
    ("now", "expected", "found"),
    [
        (Values(100, 95, {"number": 95}, 1, 50), "number", []),
        (Values(100, 70, {"number": 70}, 1, 50), "number", ["missing"]),
        (Values(100, 95, {"number": 85, "text": 10}, 1, 50), "number", ["types"]),
        (Values(100, 95, {"number": 85, "text": 10}, 1, 50), "", []),
        (Values(100, 95, {"number": 95}, 1, 501), "number", ["range"]),
        (Values(100, 95, {"number": 95}, -501, 5), "number", ["range"]),
        (Values(19, 0), "number", []),
    ],
)
def test_values_are_compared_with_the_days_before(now, expected, found):
    before = Values(1_000, 950, {"number": 950}, 1, 50)

    assert [one.fault for one in judge_values(KEY, now, before, expected=expected)] == found


def test_dates_may_come_as_numbers_and_stretches_add_up():
    dates = Values(100, 100, {"number": 100}, 1, 2)
    both = together([dates, Values(100, 50, {"text": 50}), Values()])

    assert judge_values(KEY, dates, dates, expected="date") == []
    assert (both.looked, both.present, both.types) == (200, 150, {"number": 100, "text": 50})
    assert (both.low, both.high, both.share) == (1, 2, 0.75)
