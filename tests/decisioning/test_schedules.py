"""Dates and hours are read on the right clock, through every change of it."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisioning.content.templates import parse_template
from decisioning.schedules import (
    ZONES,
    QuietHours,
    Schedule,
    Window,
    known_zone,
    minutes,
    quiet_hours_of,
    read_zones,
    schedule_of,
    windows_of,
)
from decisioning.specs import CampaignSpec, ChannelSpec, HoursSpec, OfferSpec

EVERY_DAY = frozenset(range(7))
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


def campaign(**more):
    return CampaignSpec(key="c", name="C", offers=("o",), goal_event="Order Completed", **more)


def offer(**more):
    return OfferSpec(key="o", name="O", purposes=(), variants=(), **more)


def at(text, zone=UTC):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def test_no_zone_is_read_in_a_request(monkeypatch):
    read_zones()
    content = parse_template("{{ since | date: '%H:%M', 'Asia/Kathmandu' }}", "text")

    def read(name):
        raise AssertionError(f"{name} is read from a file")

    monkeypatch.setattr("decisioning.schedules.ZoneInfo", read)
    monkeypatch.setattr("decisioning.content.filters.ZoneInfo", read)
    quiet = QuietHours("UTC", windows_of((HoursSpec(days=(0,), starts="22:00", ends="07:00"),)))

    for zone in ZONES:
        quiet.hold(at("2026-12-01T12:00"), zone)
    assert content.fill({"since": at("2026-12-01T12:00")}) == "17:45"


def test_an_offer_runs_while_both_it_and_its_campaign_do():
    schedule = schedule_of(
        offer(starts_at=at("2026-12-02"), ends_at=at("2026-12-20")),
        campaign(starts_at=at("2026-12-01"), ends_at=at("2026-12-10")),
    )

    assert not schedule.runs(at("2026-12-01T12:00"))
    assert schedule.runs(at("2026-12-02"))
    assert schedule.runs(at("2026-12-09T23:59"))
    assert not schedule.runs(at("2026-12-10"))


def test_nine_o_clock_is_nine_o_clock_wherever_a_person_is():
    nine = at("2026-12-01T09:00", BERLIN)
    schedule = schedule_of(
        offer(), campaign(starts_at=nine, time_zone="Europe/Berlin", clock="person")
    )

    assert schedule.runs(nine)
    assert not schedule.runs(nine, "America/New_York")
    assert schedule.runs(at("2026-12-01T09:00", NEW_YORK), "America/New_York")
    assert not schedule.runs(at("2026-12-01T08:59", NEW_YORK), "America/New_York")
    assert schedule.runs(at("2026-12-01T09:00", ZoneInfo("Asia/Tokyo")), "Asia/Tokyo")


def test_a_campaign_on_its_own_clock_starts_everywhere_at_once():
    nine = at("2026-12-01T09:00", BERLIN)
    schedule = schedule_of(offer(), campaign(starts_at=nine, time_zone="Europe/Berlin"))

    assert schedule.runs(nine, "America/New_York")


def test_a_local_time_that_a_person_s_clock_skips_comes_as_much_later():
    half_past_two = at("2027-03-28T02:30")
    schedule = Schedule(starts_at=half_past_two, ends_at=None, zone="UTC", follows_person=True)

    assert not schedule.runs(at("2027-03-28T01:59", BERLIN), "Europe/Berlin")
    assert not schedule.runs(at("2027-03-28T03:29", BERLIN), "Europe/Berlin")
    assert schedule.runs(at("2027-03-28T03:30", BERLIN), "Europe/Berlin")


def test_a_local_time_that_a_person_s_clock_shows_twice_comes_at_the_first():
    half_past_two = at("2027-10-31T02:30")
    schedule = Schedule(starts_at=half_past_two, ends_at=None, zone="UTC", follows_person=True)

    assert schedule.runs(at("2027-10-31T00:30"), "Europe/Berlin")
    assert not schedule.runs(at("2027-10-31T00:29"), "Europe/Berlin")


@pytest.mark.parametrize(
    ("clock", "open_"),
    [
        ("2026-11-27T17:59", False),
        ("2026-11-27T18:00", True),
        ("2026-11-28T01:59", True),
        ("2026-11-28T02:00", False),
        ("2026-11-28T18:00", False),
    ],
)
def test_a_night_belongs_to_the_day_that_it_starts_on(clock, open_):
    friday_night = HoursSpec(days=(4,), starts="18:00", ends="02:00")
    schedule = schedule_of(offer(), campaign(hours=(friday_night,)))

    assert schedule.runs(at(clock)) is open_


def test_hours_are_those_of_the_campaign_s_zone_in_summer_and_in_winter():
    hours = (HoursSpec(starts="09:00", ends="17:00"),)
    schedule = schedule_of(offer(), campaign(hours=hours, time_zone="Europe/Berlin"))

    assert schedule.runs(at("2026-07-01T07:00"))
    assert not schedule.runs(at("2026-12-01T07:00"))
    assert schedule.runs(at("2026-12-01T08:00"))


def test_quiet_hours_follow_the_person_s_clock_else_the_channel_s():
    quiet = quiet_hours_of(
        ChannelSpec(
            key="email",
            name="E-mail",
            quiet_hours=(HoursSpec(starts="21:00", ends="08:00"),),
            time_zone="Europe/Berlin",
        )
    )

    assert quiet.hold(at("2026-12-01T21:30", BERLIN))
    assert not quiet.hold(at("2026-12-01T21:30", BERLIN), "America/New_York")
    assert quiet.hold(at("2026-12-01T23:00", NEW_YORK), "America/New_York")


def test_a_channel_without_quiet_hours_is_never_quiet():
    assert not QuietHours().hold(at("2026-12-01T03:00"))
    assert not quiet_hours_of(None).hold(at("2026-12-01T03:00"))


@pytest.mark.parametrize("wrong", ["", "9:00", "24:00", "12:60", "1a:00", "12.00", "-1:00"])
def test_what_is_no_time_of_day_is_refused(wrong):
    with pytest.raises(ValueError, match=f"^{re.escape(wrong)}$"):
        minutes(wrong)


def test_a_zone_that_does_not_exist_counts_as_unknown():
    assert known_zone("Europe/Berlin") == "Europe/Berlin"
    for wrong in ("Mars/Phobos", "../../etc/passwd", "", None, 7, ["UTC"]):
        assert known_zone(wrong) == ""


def walls(first, last):
    """Return wall-clock times of these years."""
    return st.datetimes(datetime(first, 1, 1), datetime(last, 12, 31))  # noqa: DTZ001 - no zone is meant


MINUTES = st.integers(0, 1439)
ANY_WINDOW = st.builds(Window, st.frozensets(st.integers(0, 6)), MINUTES, MINUTES)


@given(ANY_WINDOW, walls(2026, 2027))
def test_a_window_holds_what_counting_minutes_from_its_days_gives(window, wall):
    length = (window.ends - window.starts) % 1440 or 1440
    found = False
    for back in (0, 1):
        day = (wall - timedelta(days=back)).replace(hour=0, minute=0, second=0, microsecond=0)
        start = day + timedelta(minutes=window.starts)
        inside = start <= wall < start + timedelta(minutes=length)
        found |= day.weekday() in window.days and inside

    assert window.holds(wall) is found


@given(
    walls(2026, 2027),
    st.timedeltas(timedelta(0), timedelta(days=400)),
    st.sampled_from(sorted(ZONES)),
    st.sampled_from(sorted(ZONES)),
    st.lists(walls(2026, 2028), min_size=2, max_size=5),
)
def test_nothing_starts_again_once_it_has_started(start, length, written, lived, moments):
    begins = start.replace(tzinfo=ZoneInfo(written))
    schedule = Schedule(
        starts_at=begins, ends_at=begins + length, zone=written, follows_person=True
    )
    now = sorted(one.replace(tzinfo=UTC) for one in moments)
    running = [schedule.runs(one, lived) for one in now]

    spans = [index for index, value in enumerate(running) if value]
    assert spans == list(range(spans[0], spans[-1] + 1)) if spans else True


def test_hours_read_from_specs_keep_their_days():
    (window,) = windows_of((HoursSpec(days=(0, 2), starts="08:30", ends="09:00"),))

    assert window == Window(frozenset({0, 2}), 510, 540)
    assert windows_of((HoursSpec(),))[0].days == EVERY_DAY
