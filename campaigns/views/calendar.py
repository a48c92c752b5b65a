"""The page with the calendar of campaigns."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal, cast, get_args
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from campaigns import calendar, stages, wording
from campaigns.calendar import Bar, Meeting, Page, Row, Step, page_of, rows_of
from campaigns.candidates import Candidate, candidate_of
from campaigns.models import Change, Item
from campaigns.models.items import Kind
from campaigns.views.pages import needs, page
from decisioning.schedules import known_zone
from decisioning.specs import ChannelSpec, HoursSpec

EARLIEST: Final = date(2000, 1, 1)
LATEST: Final = date(2100, 12, 31)
Fate = Literal["", "new", "moved"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for; whatever is odd in it counts as not said."""

    day: date
    step: Step
    zone: str
    channel: str
    under: str  # the change laid over what is live, "" for none

    def url(self, day: date, **other: str) -> str:
        """Return the address of another page of the same calendar."""
        said = {"day": day.isoformat(), "step": self.step, "zone": self.zone}
        said |= {"channel": self.channel, "under": self.under} | other
        kept = {name: value for name, value in said.items() if value}
        return f"{reverse('admin:rtts-calendar')}?{urlencode(kept)}"


def asked(request: HttpRequest) -> Asked:
    """Return what a request asks for."""
    said = request.GET
    zone = known_zone(said.get("zone")) or settings.TIME_ZONE
    step = cast("Step", said.get("step")) if said.get("step") in get_args(Step) else "month"
    return Asked(
        _day(said.get("day", "")) or _today(zone),
        step,
        zone,
        said.get("channel", "")[:100],
        said.get("under", "")[:20],
    )


def _today(zone: str) -> date:
    return timezone.now().astimezone(ZoneInfo(zone)).date()


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if EARLIEST <= found <= LATEST else None


@require_GET
@needs("view_campaign")
def calendar_page(request: HttpRequest) -> HttpResponse:
    question = asked(request)
    changes = list(Change.objects.filter(state__in=stages.OPEN).order_by("-pk")[:50])
    change = next((one for one in changes if str(one.pk) == question.under), None)
    candidate, live = candidate_of(change), candidate_of(None)
    shown = page_of(question.day, question.step, question.zone)
    told = Told(shown, candidate, live, dict(_addresses()))
    before, after = calendar.beside(shown, question.step)
    today = _today(question.zone)
    context: dict[str, Any] = {
        "asked": question,
        "changes": changes,
        "change": change,
        "channels": candidate.spec.channels,
        "zones": _zones(question.zone),
        "days": [_heading(day, today) for day in shown.dates],
        "count": shown.days,
        "sections": list(told.sections(question.channel)),
        "span": _span(shown, question.step),
        "before": question.url(before),
        "after": question.url(after),
        "today": question.url(today),
    }
    return page(request, "campaigns/calendar.html", context, title=_("Calendar"))


def _addresses() -> Iterator[tuple[str, str]]:
    rows = Item.objects.filter(kind=Kind.CAMPAIGN).values_list("key", "pk")
    for key, pk in rows:
        yield key, reverse("admin:campaigns_campaign_change", args=[pk])


def _zones(chosen: str) -> list[str]:
    """Return the zones to choose from: the site's, UTC and the one that is shown."""
    return sorted({settings.TIME_ZONE, "UTC", chosen})


def _heading(day: date, today: date) -> dict[str, Any]:
    return {
        "number": day.day,
        "name": date_format(day, "D"),
        "whole": date_format(day, "l, j F Y"),
        "is_weekend": day.weekday() > 4,
        "is_today": day == today,
    }


def _span(shown: Page, step: Step) -> str:
    if step == "month":
        return date_format(shown.first, "F Y")
    return f"{date_format(shown.first, 'j M')} – {date_format(shown.dates[-1], 'j M Y')}"


@dataclass(frozen=True, slots=True)
class Told:
    """The calendar in words."""

    page: Page
    candidate: Candidate
    live: Candidate
    addresses: dict[str, str]  # campaign -> where to edit it

    def sections(self, channel: str) -> Iterator[dict[str, Any]]:
        """Yield each channel with its placements."""
        rows = rows_of(self.candidate.spec, self.page, channel=channel)
        for one in self.candidate.spec.channels:
            mine = [row for row in rows if row.placement.channel == one.key]
            if mine:
                yield {
                    "channel": one,
                    "quiet": quiet_words(one),
                    "rows": [self._row(row) for row in mine],
                }

    def _row(self, row: Row) -> dict[str, Any]:
        return {
            "placement": row.placement,
            "bars": [self._bar(bar) for bar in row.bars],
            "meetings": [self._meeting(one) for one in row.meetings],
        }

    def _bar(self, bar: Bar) -> dict[str, Any]:
        campaign = bar.campaign
        hours = "; ".join(hours_words(one) for one in campaign.hours)
        return {
            "name": campaign.name,
            "url": self.addresses.get(campaign.key, ""),
            "bar": bar,
            "when": self._when(bar),
            "hours": hours,
            "fate": self._fate(campaign.key),
        }

    def _when(self, bar: Bar) -> str:
        zone = bar.campaign.time_zone
        starts, ends = (wording.clock(one, zone) if one else "" for one in (bar.starts, bar.ends))
        if bar.campaign.clock == "person":
            zone = _("each person's clock")
        if not starts and not ends:
            return _("always")
        if not ends:
            return _("from %(start)s, %(zone)s") % {"start": starts, "zone": zone}
        if not starts:
            return _("until %(end)s, %(zone)s") % {"end": ends, "zone": zone}
        return _("%(start)s to %(end)s, %(zone)s") % {"start": starts, "end": ends, "zone": zone}

    def _fate(self, key: str) -> Fate:
        place = (str(Kind.CAMPAIGN), key)
        now, then = self.live.bodies.get(place), self.candidate.bodies.get(place)
        if now is None:
            return "new"
        dates = ("starts_at", "ends_at", "hours", "clock", "time_zone")
        same = all((now or {}).get(name) == (then or {}).get(name) for name in dates)
        return "" if same else "moved"

    def _meeting(self, one: Meeting) -> dict[str, Any]:
        zone = self.page.zone
        return {
            "names": [
                {"name": campaign.name, "url": self.addresses.get(campaign.key, "")}
                for campaign in (one.one, one.other)
            ],
            "starts": wording.clock(one.starts, zone),
            "ends": wording.clock(one.ends, zone),
        }


def quiet_words(channel: ChannelSpec) -> str:
    """Return when a channel is quiet, e.g. "every day 21:00–08:00, Europe/Berlin"; "" for never."""
    hours = "; ".join(hours_words(one) for one in channel.quiet_hours)
    return f"{hours}, {channel.time_zone}" if hours else ""


def hours_words(hours: HoursSpec) -> str:
    """Return hours of the week in the language of the page."""
    return wording.hours_line(
        {"days": list(hours.days), "starts": hours.starts, "ends": hours.ends}
    )
