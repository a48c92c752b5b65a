"""When an offer may be shown: dates, hours of the week, quiet hours, and whose clock they are read on; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from decisioning.specs import CampaignSpec, ChannelSpec, HoursSpec, OfferSpec

ZONE_ATTRIBUTE: Final = "time_zone"  # the attribute of the catalogue that tells a person's zone
ZONES: Final = frozenset(available_timezones())


@dataclass(frozen=True, slots=True)
class Window:
    """Minutes of certain days; one that ends before it starts runs over midnight."""

    days: frozenset[int]  # Monday is 0
    starts: int  # minutes after midnight, inclusive
    ends: int  # exclusive

    def holds(self, local: datetime) -> bool:
        """Return whether a wall clock is inside; the day of a night is the one that it starts on."""
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if self.starts < self.ends:
            return day in self.days and self.starts <= minute < self.ends
        began_today = day in self.days and minute >= self.starts
        return began_today or ((day - 1) % 7 in self.days and minute < self.ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When one offer of one campaign runs."""

    starts_at: datetime | None  # inclusive
    ends_at: datetime | None  # exclusive
    zone: str = "UTC"
    follows_person: bool = (
        False  # dates and hours are read on the person's clock, where it is known
    )
    windows: tuple[Window, ...] = ()  # none: at any hour

    def runs(self, now: datetime, person_zone: str = "") -> bool:
        """Return whether it runs at `now` for somebody in a zone; "" is unknown."""
        zone = person_zone if self.follows_person and person_zone else self.zone
        if self.starts_at is not None and now < self.moved(self.starts_at, zone):
            return False
        if self.ends_at is not None and now >= self.moved(self.ends_at, zone):
            return False
        return not self.windows or is_open(self.windows, now.astimezone(_zone(zone)))

    def moved(self, moment: datetime, zone: str) -> datetime:
        """Return when a clock in `zone` shows what the schedule's own clock shows at `moment`.

        A time that the clock skips is taken as much later, one that it shows twice as the first.
        """
        if zone == self.zone:
            return moment
        wall = moment.astimezone(_zone(self.zone)).replace(tzinfo=_zone(zone), fold=0)
        return wall.astimezone(UTC)


def schedule_of(offer: OfferSpec, campaign: CampaignSpec) -> Schedule:
    """Return when an offer runs in a campaign: while both do, on the campaign's clock."""
    starts = [one for one in (offer.starts_at, campaign.starts_at) if one is not None]
    ends = [one for one in (offer.ends_at, campaign.ends_at) if one is not None]
    return Schedule(
        starts_at=max(starts, default=None),
        ends_at=min(ends, default=None),
        zone=campaign.time_zone,
        follows_person=campaign.clock == "person",
        windows=windows_of(campaign.hours),
    )


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When a channel leaves people alone: on their own clock, else on the channel's."""

    zone: str = "UTC"
    windows: tuple[Window, ...] = ()

    def hold(self, now: datetime, person_zone: str = "") -> bool:
        """Return whether nothing may be shown at `now` to somebody in a zone; "" is unknown."""
        return bool(self.windows) and is_open(
            self.windows, now.astimezone(_zone(person_zone or self.zone))
        )


def quiet_hours_of(channel: ChannelSpec | None) -> QuietHours:
    """Return when a channel is quiet; None is never."""
    if channel is None:
        return QuietHours()
    return QuietHours(channel.time_zone, windows_of(channel.quiet_hours))


def windows_of(hours: Iterable[HoursSpec]) -> tuple[Window, ...]:
    """Return hours of the week as minutes."""
    return tuple(
        Window(frozenset(one.days), minutes(one.starts), minutes(one.ends)) for one in hours
    )


def is_open(windows: Iterable[Window], local: datetime) -> bool:
    """Return whether any window holds a wall clock."""
    return any(window.holds(local) for window in windows)


def minutes(clock: str) -> int:
    """Return minutes after midnight of "HH:MM".

    Raises:
        ValueError: it is no time of a day.
    """
    hour, colon, minute = clock.partition(":")
    if len(clock) != 5 or not (colon and hour.isdecimal() and minute.isdecimal()):
        raise ValueError(clock)
    if int(hour) > 23 or int(minute) > 59:
        raise ValueError(clock)
    return int(hour) * 60 + int(minute)


def known_zone(name: object) -> str:
    """Return a zone's name, "" where it is none."""
    return name if isinstance(name, str) and name in ZONES else ""


@lru_cache(maxsize=1024)  # more than there are
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def read_zones() -> None:
    """Read every zone, so that no request reads a file; tens of milliseconds, once in a process."""
    for name in ZONES:
        _zone(name)
