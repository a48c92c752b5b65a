"""One page of history for each thing, filtered by who and when, and the same as a file."""

import csv
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model
from django.forms import DateField
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from campaigns.cells import guarded
from campaigns.history import Asked, Entry, history_of
from campaigns.models import ApprovalRule, Change, Item, Webhook
from campaigns.views.pages import page, user_of
from decisioning.models import Destination, Source
from rtts_site.foundation.models import ApiKey

SUBJECTS: dict[str, tuple[type[Model], str]] = {
    "item": (Item, "campaigns.view_change"),
    "change": (Change, "campaigns.view_change"),
    "rule": (ApprovalRule, "campaigns.view_approvalrule"),
    "webhook": (Webhook, "campaigns.change_webhook"),
    "key": (ApiKey, "foundation.view_apikey"),
    "source": (Source, "decisioning.change_source"),
    "destination": (Destination, "decisioning.change_destination"),
    "user": (User, "auth.view_user"),
}


@require_GET
def history(request: HttpRequest, subject: str, pk: str) -> HttpResponse:
    found = _found(request, subject, pk)
    if odd := _odd_day(request):
        words = f"“{odd[:40]}”: {DateField.default_error_messages['invalid']}"
        return HttpResponse(words, status=422, content_type="text/plain; charset=utf-8")
    everything = history_of(found)
    asked = Asked(
        request.GET.get("who", ""),
        since=_day(request, "since"),
        until=_day(request, "until", after=timedelta(days=1)),
    )
    entries = [entry for entry in everything if asked.wants(entry)]
    if request.GET.get("format") == "csv":
        return _csv(entries, f"{subject}-{pk}")
    if request.GET.get("format") == "json":
        return JsonResponse({"entries": [_plain(entry) for entry in entries]})
    query = request.GET.copy()
    query.pop("format", None)
    context = {
        "subject": found,
        "entries": entries,
        "people": sorted({entry.who for entry in everything if entry.who}),
        "who": asked.who,
        "since": request.GET.get("since", ""),
        "until": request.GET.get("until", ""),
        "query": query.urlencode(),
    }
    title = _("History of %(thing)s") % {"thing": found}
    return page(request, "campaigns/history.html", context, title=title)


def _found(request: HttpRequest, subject: str, pk: str) -> Model:
    if subject not in SUBJECTS:
        raise Http404(_("There is no such history."))
    model, permission = SUBJECTS[subject]
    if not user_of(request).has_perm(permission):
        raise PermissionDenied(_("Your role does not open this page."))
    try:
        row = model._default_manager.filter(pk=pk).first()
    except (ValueError, ValidationError, OverflowError):
        row = None
    if row is None:
        raise Http404(_("There is no such thing."))
    return row


def _odd_day(request: HttpRequest) -> str:
    """Return what was written for a day and is none, "" where all days are days."""
    for name in ("since", "until"):
        text = request.GET.get(name, "")
        if text and _day(request, name, after=timedelta(days=1)) is None:
            return text
    return ""


def _day(request: HttpRequest, name: str, after: timedelta = timedelta(0)) -> datetime | None:
    try:
        day = date.fromisoformat(request.GET.get(name, ""))
        return datetime.combine(day, time(), UTC) + after
    except (ValueError, OverflowError):
        return None


def _plain(entry: Entry) -> dict[str, Any]:
    return {
        "at": entry.at.isoformat(),
        "who": entry.who,
        "what": entry.what,
        "why": entry.why,
        "differences": entry.lines,
        "request": entry.request,
    }


def _csv(entries: list[Entry], name: str) -> HttpResponse:
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="history-{name}.csv"'
    writer = csv.writer(answer)
    writer.writerow(["at", "who", "what", "why", "differences", "request"])
    for entry in entries:
        row = _plain(entry) | {"differences": " | ".join(entry.lines)}
        writer.writerow([guarded(str(cell)) for cell in row.values()])
    return answer
