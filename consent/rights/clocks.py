"""By when a request has to be acknowledged and answered, by the law of the place. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from consent.policy import JurisdictionSpec

REMIND: Final = timedelta(days=7)  # before an answer is due
KEEP: Final = timedelta(days=730)  # the log of requests, after their end: 24 months


@dataclass(frozen=True, slots=True)
class Clock:
    """Times that a law gives; days are calendar days but where they are of work."""

    acknowledge_workdays: int | None
    answer_days: int
    extension_days: int
    source: str


# Source: GDPR article 12(3), a month, taken as 30 days, and two more where it is complex; 11 CCR 7021.
GDPR: Final = Clock(None, 30, 60, "GDPR article 12(3)")
CALIFORNIA: Final = Clock(10, 45, 45, "11 CCR 7021")
US: Final = Clock(None, 45, 45, "state privacy laws: 45 days")


def clock_of(jurisdiction: str) -> Clock:
    """Return the clock of a place, ISO 3166-2 or "*"; of one that is not known the shortest."""
    if jurisdiction == "US-CA":
        return CALIFORNIA
    return US if jurisdiction.startswith("US") else GDPR


@dataclass(frozen=True, slots=True)
class Due:
    """When things are due."""

    acknowledge_by: datetime | None
    answer_by: datetime


def due(
    jurisdiction: str, *, received_at: datetime, policy: Iterable[JurisdictionSpec] = ()
) -> Due:
    """Return when a request is due: what the policy in force says of the place, else the law's own clock."""
    clock = clock_of(jurisdiction)
    said = next((one for one in policy if jurisdiction in one.codes), None)
    days = min(clock.answer_days, said.answer_days) if said is not None else clock.answer_days
    by = (
        [after_workdays(received_at, clock.acknowledge_workdays)]
        if clock.acknowledge_workdays
        else []
    )
    if said is not None and said.acknowledge_days is not None:
        by.append(received_at + timedelta(days=said.acknowledge_days))
    return Due(min(by, default=None), received_at + timedelta(days=days))


def after_workdays(start: datetime, days: int) -> datetime:
    """Return the moment so many working days later, Monday to Friday; holidays are not known and count."""
    moment = start
    while days:
        moment += timedelta(days=1)
        days -= moment.weekday() < 5  # Saturday
    return moment


def is_to_be_reminded(due_at: datetime, reminded_at: datetime | None, *, now: datetime) -> bool:
    """Return whether staff are to be reminded: once, a week ahead, and each day that it is late."""
    if due_at - now > REMIND:
        return False
    if reminded_at is None:
        return True
    return now > due_at and _day(reminded_at) < _day(now)


def _day(moment: datetime) -> date:
    return moment.date()
