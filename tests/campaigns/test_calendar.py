"""The calendar of campaigns: its days, its bars, and where campaigns meet."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from campaigns import drafts
from campaigns.calendar import Page, beside, page_of, rows_of
from campaigns.forms.schedules import LocalTimeField, in_zone
from campaigns.mapping import Refused, body_of, parse
from campaigns.models import Item
from campaigns.models.items import Kind
from decisioning.specs import CampaignSpec
from tests.campaigns.conftest import NOW, save
from tests.campaigns.posting import fields_of
from tests.campaigns.test_authoring import browser
from tests.decisioning.making import campaign, offer, release

DECEMBER = page_of(date(2026, 12, 10), "month", "Europe/Berlin")


def day(number, month=12):
    return datetime(2026, month, number, tzinfo=UTC)


def hero(spec, page=DECEMBER):
    (row,) = [one for one in rows_of(spec, page) if one.placement.key == "web.home.hero"]
    return row


def two_campaigns(**second):
    return release(
        offers=(offer("one"), offer("two")),
        campaigns=(
            campaign("a", "one", starts_at=day(3), ends_at=day(10)),
            campaign("b", "two", **second),
        ),
    )


def test_a_bar_covers_the_days_that_a_campaign_runs_on():
    bar = hero(two_campaigns(starts_at=day(20))).bars[0]

    assert (bar.campaign.key, bar.column, bar.length) == ("a", 2, 8)
    assert not bar.began_before
    assert not bar.goes_on


def test_a_campaign_without_dates_covers_the_whole_page():
    _, bar = sorted(hero(two_campaigns()).bars, key=lambda one: one.campaign.key)

    assert (bar.column, bar.length) == (0, 31)
    assert (bar.starts, bar.ends) == (None, None)
    assert bar.began_before
    assert bar.goes_on


def test_campaigns_that_meet_on_a_placement_are_told_with_when():
    (meeting,) = hero(two_campaigns(starts_at=day(8), ends_at=day(20))).meetings

    assert {meeting.one.key, meeting.other.key} == {"a", "b"}
    assert (meeting.starts, meeting.ends) == (day(8), day(10))


def test_one_that_begins_as_another_ends_does_not_meet_it():
    assert hero(two_campaigns(starts_at=day(10))).meetings == ()


def test_an_offer_that_never_runs_in_its_campaign_has_no_bar():
    spec = release(
        offers=(offer("one", starts_at=day(20)),),
        campaigns=(campaign("a", "one", ends_at=day(10)),),
    )

    assert hero(spec).bars == ()


def test_a_month_with_a_change_of_clocks_has_all_its_days():
    page = page_of(date(2026, 10, 1), "month", "Europe/Berlin")

    assert page.days == 31
    assert page.ends_at - page.starts_at == timedelta(days=31, hours=1)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.sampled_from(["week", "month"]))
def test_pages_follow_one_another_without_a_gap(day, step):
    page = page_of(day, step, "America/New_York")
    before, after = beside(page, step)

    assert page.first <= day < page.first + timedelta(days=page.days)
    assert page_of(after, step, page.zone).starts_at == page.ends_at
    assert page_of(before, step, page.zone).ends_at == page.starts_at


@given(
    st.datetimes(datetime(2026, 11, 1), datetime(2027, 1, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.timedeltas(timedelta(minutes=1), timedelta(days=60)),
)
def test_a_bar_stays_on_its_page(start, length):
    spec = two_campaigns(starts_at=start, ends_at=start + length)

    for bar in hero(spec).bars:
        assert 0 <= bar.column < DECEMBER.days
        assert 1 <= bar.length <= DECEMBER.days - bar.column


def page(user, **asked):
    return browser(user).get(reverse("admin:rtts-calendar"), asked)


def test_the_page_shows_what_is_live_and_what_a_change_moves(live, mia):
    change = drafts.open_change(mia, now=NOW, title="Move winter")
    spec = CampaignSpec(
        key="winter", name="Winter", offers=("winter-sale",), goal_event="Order Completed"
    )
    save(change, Kind.CAMPAIGN, replace(spec, starts_at=day(5)), author=mia)

    as_live = page(mia, day="2026-12-01").content.decode()
    as_drafted = page(mia, day="2026-12-01", under=change.pk).content.decode()

    assert "Winter" in as_live
    assert "moved" not in as_live
    assert "moved" in as_drafted
    assert "5 Dec 2026 00:00" in as_drafted


@pytest.mark.parametrize(
    "odd",
    [
        {"day": "0001-01-01"},
        {"day": "9999-12-31"},
        {"day": "soon"},
        {"step": "year"},
        {"zone": "../etc"},
        {"under": "9" * 40},
        {"channel": "\0"},
    ],
)
def test_odd_addresses_show_the_calendar_of_now(live, mia, odd):
    assert page(mia, **odd).status_code == 200


@pytest.mark.parametrize(
    ("wall", "words"),
    [
        ("2027-03-28T02:30", "skip this time; the next valid time is 03:00"),
        ("2027-10-31T02:30", "show this time twice; the next valid time is 03:00"),
    ],
)
def test_a_local_time_that_clocks_skip_or_double_is_refused_with_the_next_valid_one(wall, words):
    with pytest.raises(ValidationError, match=words):
        in_zone(datetime.fromisoformat(wall), "Europe/Berlin")


@pytest.mark.parametrize(
    "odd",
    [
        *("0001-01-01T00:00", "0002-12-31T12:00", "9999-12-31T23:59", "2201-01-01T00:00"),
        *("2027-01-31T09:00+00:00", "2027-01-31T09:00Z", "soon"),
    ],
)
def test_a_date_that_no_clock_can_show_is_refused_in_words(odd):
    with pytest.raises(ValidationError, match="Write date and time"):
        LocalTimeField().clean(odd)


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_the_content_preview_answers_while_a_year_is_being_typed(live, mia, year):
    client = browser(mia)
    row = Item.objects.get(kind=Kind.OFFER, key="winter-sale")
    data = fields_of(client.get(reverse("admin:campaigns_offer_change", args=[row.pk])))
    data |= {"starts_at": f"{year}-12-31T23:59", "time_zone": "America/New_York"}

    answer = client.post(reverse("admin:rtts-content-preview"), data)

    assert answer.status_code == 200


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_no_door_takes_a_date_at_the_calendar_s_end(year):
    body = body_of(offer("a"))
    body["starts_at"] = f"{year}-12-31T23:59:00+00:00"

    with pytest.raises(Refused) as refused:
        parse(Kind.OFFER, body)

    assert [error.field for error in refused.value.errors] == ["starts_at"]


def test_a_page_is_a_week_from_monday():
    assert page_of(date(2026, 12, 3), "week", "UTC") == Page(date(2026, 11, 30), 7, "UTC")
