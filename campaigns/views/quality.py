"""The page of data quality: what comes in beside what is usual."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from campaigns.candidates import candidate_of
from campaigns.incoming import quality as told
from campaigns.incoming import reconciling
from campaigns.incoming.sources import source_names
from campaigns.people_reading import moment
from campaigns.views.pages import attempt, needs, page, user_of
from decisioning.models import QualityFault, Reconciliation
from decisioning.observing import quality
from decisioning.observing.judging import WEEK
from decisioning.observing.keeping import moment_of
from rtts_site.foundation.charts import line_chart

HOURS = 48
PAST = 20
RUNS = 10


@require_GET
@needs("view_eventtype")
def overview(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    names, candidate = source_names(), candidate_of(None)
    standing = [_fault(one, names, candidate) for one in quality.standing_faults()]
    past = QualityFault.objects.exclude(ended_at=None).order_by("-ended_at")[:PAST]
    context: dict[str, Any] = {
        "standing": standing,
        "past": [_fault(one, names, candidate) for one in past],
        "rows": [_row(one, names) for one in quality.day_of(now)],
        "runs": Reconciliation.objects.order_by("-pk")[:RUNS],
        "may_reconcile": user_of(request).has_perm(reconciling.PERMISSION),
    }
    if "source" in request.GET:
        context["detail"] = _detail(request, names)
    return page(request, "campaigns/incoming/quality.html", context, title=_("Data quality"))


def _fault(one: QualityFault, names: dict[str, str], candidate: Any) -> dict[str, Any]:
    return {
        "fault": one,
        "place": told.place_of(one, names),
        "words": told.words_of(one),
        "users": [name for _kind, name in told.users_of(one, candidate)],
    }


def _row(row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    events = row["events__sum"]
    came = events + row["duplicates__sum"] + row["refused__sum"]
    return {
        "source": row["source"],
        "source_name": names.get(row["source"], row["source"]),
        "event": row["event"],
        "events": events,
        "duplicates": row["duplicates__sum"] / came if came else None,
        "refused": row["refused__sum"] / came if came else None,
        "watched": row["watched__sum"],
        "late": timedelta(milliseconds=row["late_ms__sum"] // events) if events else None,
        "newest": moment(row["newest_ms__max"]) if row["newest_ms__max"] else None,
    }


def _detail(request: HttpRequest, names: dict[str, str]) -> dict[str, Any]:
    now = timezone.now()
    source = request.GET.get("source", "").replace("\0", "")[:200]
    event = request.GET.get("event", "").replace("\0", "")[:200]
    hours = quality.volumes(source, event, now=now, hours=HOURS)
    usual = dict(quality.volumes(source, event, now=now, hours=HOURS + WEEK))
    points = [(f"{localtime(moment_of(hour)):%H:%M}", float(count)) for hour, count in hours]
    name = names.get(source, source)
    return {
        "name": f"{name}: {event or _('traits')}",
        "chart": line_chart(points, label=_("Events per hour over the last 48 hours"), every=6),
        "hours": [
            (localtime(moment_of(hour)), count, usual.get(hour - WEEK, 0))
            for hour, count in reversed(hours)
        ],
        "values": [
            {"key": key, "values": values, "shapes": shapes}
            for key, values, shapes in quality.values_of(source, event, now=now)
        ],
    }


@require_POST
@needs(reconciling.PERMISSION)
def reconcile(request: HttpRequest) -> HttpResponse:
    def step() -> object:
        return reconciling.ask()

    done = _("A worker compares some people's profiles with their history now.")
    return attempt(request, step, done=done, to=reverse("admin:rtts-quality"))
