"""Which campaigns run on which placement and when, and where two of them meet; pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Final, Literal
from zoneinfo import ZoneInfo

from decisioning.schedules import Schedule, schedule_of
from decisioning.specs import CampaignSpec, PlacementSpec, ReleaseSpec

FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)
Step = Literal["week", "month"]


@dataclass(frozen=True, slots=True)
class Page:
    """Some days in a row, as a clock in a zone has them."""

    first: date
    days: int  # 7, or those of a month
    zone: str

    @property
    def dates(self) -> list[date]:
        """Return the days in order."""
        return [self.first + timedelta(days=number) for number in range(self.days)]

    @property
    def starts_at(self) -> datetime:
        """Return when the first day begins."""
        return _midnight(self.first, self.zone)

    @property
    def ends_at(self) -> datetime:
        """Return when the day after the last begins."""
        return _midnight(self.first + timedelta(days=self.days), self.zone)

    def column(self, moment: datetime) -> int:
        """Return the number of a moment's day, 0 for the first; beyond either end it is cut off."""
        if moment <= self.starts_at:
            return 0
        if moment >= self.ends_at:
            return self.days - 1
        return (moment.astimezone(ZoneInfo(self.zone)).date() - self.first).days


@dataclass(frozen=True, slots=True)
class Bar:
    """One campaign on one placement; `starts` and `ends` are None where it has no such date."""

    campaign: CampaignSpec
    starts: datetime | None
    ends: datetime | None
    column: int
    length: int  # days, at least 1
    began_before: bool
    goes_on: bool


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two campaigns that ask for the same placement at the same time, inside the days shown."""

    one: CampaignSpec
    other: CampaignSpec
    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """One placement and what runs on it, by start."""

    placement: PlacementSpec
    bars: tuple[Bar, ...]
    meetings: tuple[Meeting, ...]


def page_of(day: date, step: Step, zone: str) -> Page:
    """Return the week from Monday, or the month, that a day is in."""
    if step == "week":
        return Page(day - timedelta(days=day.weekday()), 7, zone)
    first = day.replace(day=1)
    return Page(first, (_next_month(first) - first).days, zone)


def beside(page: Page, step: Step) -> tuple[date, date]:
    """Return a day of the page before and one of the page after."""
    return page.first - timedelta(days=1), page.first + timedelta(days=page.days)


def rows_of(release: ReleaseSpec, page: Page, *, channel: str = "") -> list[Row]:
    """Return every placement, of one channel where it is named, with the campaigns that run in these days."""
    ran = _ran_by_placement(release)
    return [
        _row(placement, ran.get(placement.key, []), page)
        for placement in release.placements
        if channel in ("", placement.channel)
    ]


Ran = tuple[CampaignSpec, datetime, datetime]


def _ran_by_placement(release: ReleaseSpec) -> dict[str, list[Ran]]:
    """Return each placement's campaigns with when the first of their offers starts there and the last ends."""
    found: dict[str, list[Ran]] = {}
    for campaign in release.campaigns:
        for placement, schedules in _schedules(campaign, release).items():
            starts = min(one.starts_at or FIRST for one in schedules)
            ends = max(one.ends_at or LAST for one in schedules)
            if starts < ends:
                found.setdefault(placement, []).append((campaign, starts, ends))
    return found


def _schedules(campaign: CampaignSpec, release: ReleaseSpec) -> Mapping[str, list[Schedule]]:
    offers = {one.key: one for one in release.offers}
    found: dict[str, list[Schedule]] = {}
    for offer in filter(None, map(offers.get, campaign.offers)):
        schedule = schedule_of(offer, campaign)
        if schedule.starts_at and schedule.ends_at and schedule.starts_at >= schedule.ends_at:
            continue
        for placement in {key for variant in offer.variants for key in variant.placements}:
            found.setdefault(placement, []).append(schedule)
    return found


def _row(placement: PlacementSpec, ran: Iterable[Ran], page: Page) -> Row:
    here = sorted(
        (one for one in ran if one[1] < page.ends_at and one[2] > page.starts_at),
        key=lambda one: (one[1], one[0].key),
    )
    return Row(placement, tuple(_bar(one, page) for one in here), tuple(_meetings(here, page)))


def _bar(ran: Ran, page: Page) -> Bar:
    campaign, starts, ends = ran
    first = page.column(starts)
    last = page.column(min(ends, LAST - timedelta(days=1)) - timedelta(microseconds=1))
    return Bar(
        campaign,
        None if starts == FIRST else starts,
        None if ends == LAST else ends,
        first,
        max(last - first, 0) + 1,
        began_before=starts < page.starts_at,
        goes_on=ends > page.ends_at,
    )


def _meetings(here: list[Ran], page: Page) -> Iterator[Meeting]:
    for (one, starts, ends), (other, other_starts, other_ends) in combinations(here, 2):
        meets = max(starts, other_starts, page.starts_at)
        parts = min(ends, other_ends, page.ends_at)
        if meets < parts:
            yield Meeting(one, other, meets, parts)


def _midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _next_month(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)
