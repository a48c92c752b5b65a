"""What came of decisions: the numbers of Home and of the page that each offer and campaign has."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import redis
from django.db import connection
from django.db.models import Count, Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.candidates import candidate_of
from campaigns.incoming import quality
from campaigns.incoming.sources import source_names
from campaigns.models import Change, Item, Release
from campaigns.models.items import Kind
from consent.models import RightsRequest
from consent.rights import clocks
from decisioning.dispatching.flapping import flapping
from decisioning.models import ShownRecord
from decisioning.observing.quality import standing_faults
from rtts_site.foundation.language import ACTIVE
from rtts_site.foundation.redis_clients import redis_client

MOST_FAULTS = 10  # on Home


@dataclass(frozen=True, slots=True)
class Today:
    """The numbers of one day until now, UTC."""

    decisions: int
    decisions_week_ago: int  # until the same time of day
    offers_shown: int  # decisions with at least one offer
    p95_ms: float | None
    consent_blocks: int  # answers of placements that want of consent left to the fallback


@dataclass(frozen=True, slots=True)
class Warning:
    """Something that somebody should look at, and where."""

    text: str
    url: str


def today(now: datetime) -> Today:
    """Return the numbers of the day of `now`; two queries."""
    start = now.replace(hour=0, minute=0, second=0, microsecond=0)
    week = timedelta(days=7)
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) filter (where decided_at >= %(start)s),"
            " count(*) filter (where decided_at < %(then)s),"
            " percentile_cont(0.95) within group (order by took_ms)"
            " filter (where decided_at >= %(start)s)"
            " from decisioning_decision where decided_at >= %(start)s and decided_at < %(now)s"
            " or decided_at >= %(week_start)s and decided_at < %(then)s",
            {"start": start, "now": now, "then": now - week, "week_start": start - week},
        )
        decisions, week_ago, p95 = cursor.fetchone()
    shown = ShownRecord.objects.filter(decided_at__gte=start, decided_at__lt=now).aggregate(
        offers=Count("decision_id", filter=Q(status="offers"), distinct=True),
        blocked=Count("shown_id", filter=Q(reason__icontains="consent")),
    )
    return Today(decisions, week_ago, shown["offers"], p95, shown["blocked"])


def decisions_per_hour(now: datetime, *, hours: int) -> list[tuple[datetime, int]]:
    """Return (hour, decisions) for the last hours, oldest first, none left out; one query."""
    last = now.replace(minute=0, second=0, microsecond=0)
    first = last - timedelta(hours=hours - 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "select date_trunc('hour', decided_at), count(*) from decisioning_decision"
            " where decided_at >= %s and decided_at < %s group by 1",
            [first, now],
        )
        found = {hour.timestamp(): count for hour, count in cursor.fetchall()}
    every = [first + timedelta(hours=step) for step in range(hours)]
    return [(hour, found.get(hour.timestamp(), 0)) for hour in every]


def warnings(now: datetime) -> Sequence[Warning]:
    """Return what needs a look now: campaigns about to end, stuck publishing; `analysis` finds the rest. Four queries."""
    return [
        *_rights_due(now),
        *_broken(),
        *_flapping(now),
        *_ending(_live_bodies((Kind.CAMPAIGN,)), now),
        *_stuck(),
    ]


def _rights_due(now: datetime) -> Iterable[Warning]:
    """Yield requests of people that are due soon, or late; they say nothing of who asks."""
    for row in RightsRequest.objects.filter(
        state__in=RightsRequest.OPEN, due_at__lt=now + clocks.REMIND
    ).order_by("due_at"):
        words = _("{request} is due on {day}").format(
            request=row, day=ACTIVE.day(row.due_at.date())
        )
        yield Warning(words, reverse("admin:rtts-rights-one", args=[row.pk]))


def _flapping(now: datetime) -> Iterable[Warning]:
    """Yield segments that people enter and leave all the time; nothing while Redis is away."""
    try:
        found = dict(flapping(redis_client(), now=now))
    except (redis.RedisError, OSError):
        return
    for item, body in _live_bodies((Kind.SEGMENT,)) if found else ():
        if item.key in found:
            words = _(
                "People enter and leave “{segment}” {times} times a day: give it a leaving condition or a shortest stay."
            )
            url = reverse("admin:campaigns_segment_change", args=[item.pk])
            said = ACTIVE.number(round(found[item.key]))
            yield Warning(words.format(segment=body["name"], times=said), url)


def _broken() -> Iterable[Warning]:
    """Yield what is wrong with what comes in, and which conditions rest on it."""
    faults = standing_faults()[:MOST_FAULTS]
    names = source_names() if faults else {}
    for fault in faults:
        words = quality.sentence(fault, names, candidate_of(None))
        yield Warning(words, reverse("admin:rtts-quality"))


def _live_bodies(kinds: Iterable[Kind]) -> list[tuple[Item, dict[str, Any]]]:
    wanted = frozenset(kinds)
    live = [(row.item, row.body) for row in candidate_of(None).revisions if row.item.kind in wanted]
    return sorted(live, key=lambda pair: (pair[0].kind, pair[0].key))


def _ending(bodies: list[tuple[Item, dict[str, Any]]], now: datetime) -> Iterable[Warning]:
    for item, body in bodies:
        ends = datetime.fromisoformat(body["ends_at"]) if body["ends_at"] else None
        if item.kind == Kind.CAMPAIGN and ends and now <= ends < now + timedelta(days=1):
            url = reverse("admin:campaigns_campaign_change", args=[item.pk])
            yield Warning(
                _("Campaign “{item}” ends at {ends:%H:%M} {ends:%Z}").format(item=item, ends=ends),
                url,
            )


def _stuck() -> Iterable[Warning]:
    newest = Release.objects.order_by("-pk").select_related("change").first()
    if newest is not None and newest.state == Release.State.FAILED:
        url = reverse("admin:rtts-change", args=[newest.change_id]) if newest.change_id else ""
        yield Warning(_("Publishing failed: {why}").format(why=newest.why), url)
    approved = Change.objects.filter(state=Change.State.APPROVED).count()
    if approved:
        words = ngettext(
            "{count} approved change waits to be published",
            "{count} approved changes wait to be published",
            approved,
        )
        yield Warning(words.format(count=approved), reverse("admin:rtts-review"))


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one offer, campaign, arm or day."""

    name: str
    decisions: int
    impressions: int
    clicks: int
    conversions: int
    dismissals: int
    value: float  # of the conversions

    @property
    def click_rate(self) -> float | None:
        """Return clicks per impression, None without impressions."""
        return self.clicks / self.impressions if self.impressions else None

    @property
    def conversion_rate(self) -> float | None:
        """Return conversions per impression, None without impressions."""
        return self.conversions / self.impressions if self.impressions else None


Grouping = Literal["day", "offer", "campaign", "placement", "variant", "arm"]
_COLUMN: dict[Grouping, tuple[str, str]] = {
    "day": (
        "to_char(decided_at at time zone 'UTC', 'YYYY-MM-DD')",
        "to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD')",
    ),
    "offer": ("offer", "offer"),
    "campaign": ("campaign", "campaign"),
    "placement": ("placement", "placement"),
    "variant": ("variant", "variant"),
    "arm": ("nullif(arm, '')", "nullif(arm, '')"),
}


def results(
    *,
    kind: Literal["offer", "campaign", ""],
    key: str,
    by: Grouping,
    since: datetime,
    until: datetime,
) -> list[Result]:
    """Return what came of one offer or campaign (kind "": of all) by day, placement …; two queries.

    Days without anything are left out; rows come in the order of their names.
    """
    shown_name, outcome_name = _COLUMN[by]
    where = f"and {kind} = %s" if kind else ""
    params: list[datetime | str] = [since, until, *([key] if kind else [])]
    with connection.cursor() as cursor:
        cursor.execute(
            f"select {shown_name}, count(distinct decision_id) from decisioning_shown"  # noqa: S608
            f" where decided_at >= %s and decided_at < %s and rank > 0 {where} group by 1",
            params,
        )
        decisions = dict(cursor.fetchall())
        cursor.execute(
            f"select {outcome_name}, kind, count(*), coalesce(sum(value), 0)"  # noqa: S608
            f" from decisioning_outcome where recorded_at >= %s and recorded_at < %s {where}"
            " group by 1, 2",
            params,
        )
        outcomes = {(name, kind): (count, value) for name, kind, count, value in cursor.fetchall()}
    names = {*decisions, *(name for name, _kind in outcomes)} - {None}
    return [_result(name, decisions.get(name, 0), outcomes) for name in sorted(names)]


def _result(
    name: str, decisions: int, outcomes: dict[tuple[str, str], tuple[int, float]]
) -> Result:
    def count(kind: str) -> int:
        return outcomes.get((name, kind), (0, 0.0))[0]

    return Result(
        name,
        decisions,
        impressions=count("impression"),
        clicks=count("click"),
        conversions=count("conversion"),
        dismissals=count("dismissal"),
        value=outcomes.get((name, "conversion"), (0, 0.0))[1],
    )


def total(rows: Sequence[Result]) -> Result:
    """Return the sum of results."""
    return Result(
        "",
        decisions=sum(row.decisions for row in rows),
        impressions=sum(row.impressions for row in rows),
        clicks=sum(row.clicks for row in rows),
        conversions=sum(row.conversions for row in rows),
        dismissals=sum(row.dismissals for row in rows),
        value=sum(row.value for row in rows),
    )
