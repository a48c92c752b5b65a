"""Pages with what came of offers and campaigns."""

from datetime import datetime, timedelta
from typing import Any, Literal, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from campaigns import reports
from campaigns.models import Item
from campaigns.views.pages import needs, page
from rtts_site.foundation.charts import line_chart

SPANS = {7: "7 days", 28: "28 days", 90: "90 days"}
BREAKDOWNS: dict[str, tuple[reports.Grouping, ...]] = {
    "offer": ("campaign", "placement", "variant"),
    "campaign": ("offer", "placement", "arm"),
}


def _span(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    return int(asked) if asked in map(str, SPANS) else 28


@require_GET
@needs("view_release")
def overview(request: HttpRequest) -> HttpResponse:
    days, now = _span(request), timezone.now()
    since = now - timedelta(days=days)
    tables = {
        kind: _named(kind, reports.results(kind="", key="", by=kind, since=since, until=now))
        for kind in ("campaign", "offer")
    }
    context = {"tables": tables, "days": days, "spans": SPANS}
    return page(request, "campaigns/reports.html", context, title=_("Reports"))


def _named(kind: Literal["campaign", "offer"], rows: list[reports.Result]) -> list[dict[str, Any]]:
    items = {item.key: item for item in Item.objects.filter(kind=kind)}
    named = [{"item": items.get(row.name), "row": row} for row in rows if row.name]
    return sorted(named, key=lambda one: -cast("reports.Result", one["row"]).decisions)


@require_GET
@needs("view_release")
def report(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    if kind not in BREAKDOWNS:
        raise Http404(_("There is no such report."))
    item = Item.objects.filter(kind=kind, key=key).first() if key.isprintable() else None
    if item is None:
        raise Http404(_("There is no {kind} “{key}”.").format(kind=kind, key=key))
    days, now = _span(request), timezone.now()
    since = now - timedelta(days=days)
    subject = cast("Literal['offer', 'campaign']", kind)
    daily = reports.results(kind=subject, key=key, by="day", since=since, until=now)
    context = {
        "item": item,
        "kind": kind,
        "total": reports.total(daily),
        "daily": daily,
        "chart": _chart(daily, since=since, now=now),
        "breakdowns": {
            by: reports.results(kind=subject, key=key, by=by, since=since, until=now)
            for by in BREAKDOWNS[kind]
        },
        "days": days,
        "spans": SPANS,
    }
    return page(
        request, "campaigns/report.html", context, title=_("Report: {item}").format(item=item)
    )


def _chart(daily: list[reports.Result], *, since: datetime, now: datetime) -> Any:
    if not daily:
        return None
    shown = {row.name: row.impressions for row in daily}
    every = [since + timedelta(days=step) for step in range((now - since).days + 1)]
    points = [(f"{day:%d %b}", float(shown.get(f"{day:%Y-%m-%d}", 0))) for day in every]
    return line_chart(points, label=_("Impressions per day"), every=max(1, len(points) // 8))
