"""The only place that gathers what Home shows: numbers, reviews, warnings, decisions per hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from campaigns import first_steps, inbox, reports
from campaigns.analysis import runs
from campaigns.views import shop
from campaigns.views.attention import placed
from campaigns.wording import percent
from rtts_site.foundation.charts import line_chart
from rtts_site.foundation.language import ACTIVE

TARGET_MS: Final = 50
ATTENTION: Final = 6  # findings on Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One card: a figure and what it means."""

    title: str
    value: str
    note: str
    tone: Literal["", "good", "bad"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Everything on Home."""

    greeting: str
    now: datetime
    zone: str
    numbers: tuple[Number, ...]
    waiting: Sequence[Any]  # changes in review that the user may approve
    warnings: Sequence[reports.Warning]
    attention: tuple[tuple[Any, str], ...]  # findings and the addresses of their fields
    odd: int  # findings in all
    hours: Sequence[tuple[datetime, int]]  # oldest first
    chart: SafeString | None  # None: nothing was decided in these hours
    connect_url: str
    has_shop: bool  # the demo's, to be visited
    first_steps: Sequence[first_steps.Step]  # until something was published


def board(user: AbstractBaseUser | AnonymousUser, *, now: datetime) -> Board:
    """Return Home for a user; `now` is aware and in the zone to show. A handful of queries."""
    sees = user.has_perm("campaigns.view_release")  # type: ignore[union-attr]  # every user of the admin has it
    hours = reports.decisions_per_hour(now, hours=24) if sees else []
    has_keys = user.has_perm("foundation.view_apikey")  # type: ignore[union-attr]
    found = runs.attention_of(user, most=ATTENTION) if sees else None
    return Board(
        greeting=_greeting(now.hour),
        now=now,
        zone=now.tzname() or "UTC",
        numbers=_numbers(reports.today(now)) if sees else (),
        waiting=inbox.waiting_for(user),
        warnings=reports.warnings(now) if sees else (),
        attention=tuple(placed(found.told)) if found else (),
        odd=found.count if found else 0,
        hours=[(hour.astimezone(now.tzinfo), count) for hour, count in hours],
        chart=_chart(hours, now),
        connect_url=_url("admin:rtts-connect") if has_keys else "",
        has_shop=shop.is_open(),
        first_steps=first_steps.steps() if first_steps.is_new(user) else (),
    )


def _greeting(hour: int) -> str:
    if hour < 12:
        return _("Good morning")
    return _("Good afternoon") if hour < 18 else _("Good evening")


def _numbers(today: reports.Today) -> tuple[Number, ...]:
    shown = today.offers_shown / today.decisions if today.decisions else None
    p95 = today.p95_ms
    return (
        Number(title=_("Decisions today"), value=ACTIVE.number(today.decisions), **_trend(today)),
        Number(
            title=_("Offers shown"),
            value="–" if shown is None else percent(shown, places=1),
            note=_("of decisions; the rest were fallback"),
        ),
        Number(
            title=_("95th percentile"),
            value="–" if p95 is None else f"{ACTIVE.number(float(f'{p95:.3g}'))} ms",
            note=_("target: {ms} ms").format(ms=TARGET_MS),
            tone="bad" if p95 is not None and p95 > TARGET_MS else "",
        ),
        Number(
            title=_("Consent blocks"),
            value=ACTIVE.number(today.consent_blocks),
            note=_("offers withheld for want of consent"),
        ),
    )


def _trend(today: reports.Today) -> dict[str, Any]:
    before = today.decisions_week_ago
    if not before:
        return {"note": _("no figure from a week ago yet")}
    change = today.decisions / before - 1
    arrow = "▲" if change >= 0 else "▼"
    return {
        "note": _("{arrow} {share} on a week ago").format(
            arrow=arrow, share=percent(abs(change), places=0)
        ),
        "tone": "good" if change >= 0 else "",
    }


def _chart(hours: Sequence[tuple[datetime, int]], now: datetime) -> SafeString | None:
    if not any(count for _hour, count in hours):
        return None
    points = [(f"{hour.astimezone(now.tzinfo):%H:%M}", float(count)) for hour, count in hours]
    return line_chart(points, label=_("Decisions per hour over the last 24 hours"))


def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
