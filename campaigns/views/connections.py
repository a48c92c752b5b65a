"""The pages of connections: what comes in and from where, and files on their way in."""

from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseStopPolling

from campaigns.forms.connections import FileForm, MappingForms
from campaigns.views.pages import needs, page, user_of
from decisioning.api.imports import refused_file
from decisioning.connections import importing
from decisioning.connections.acceptance import Unique, by_place, reading_for
from decisioning.connections.importing import NotStarted, Sender
from decisioning.connections.layouts import Unreadable
from decisioning.connections.lines import Line
from decisioning.connections.mapping import Mapping, faults_of
from decisioning.connections.presets import PRESETS
from decisioning.connections.sampling import columns_of, sample
from decisioning.models import Import, Source
from rtts_site.foundation.jobs import Job
from rtts_site.foundation.language import told
from rtts_site.foundation.problems import Problem
from rtts_site.foundation.redis_clients import redis_client

LISTED = 20
SHOWN_COLUMNS = 12
TIMEOUT_MS = 1_000


@require_GET
@needs("decisioning.view_source")
def overview(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    context = {
        "sources": [
            (one, one.runs.order_by("-pk").first()) for one in Source.objects.order_by("name")
        ],
        "imports": Import.objects.order_by("-pk")[:LISTED],
        "may_import": user.has_perm("decisioning.add_import"),
        "may_add": user.has_perm("decisioning.add_source"),
        "may_keys": user.has_perm("foundation.view_apikey"),
        "may_send": user.has_perm("decisioning.change_destination"),
        "may_export": user.has_perm("decisioning.export_members"),
        "may_webhooks": user.has_perm("campaigns.change_webhook"),
    }
    return page(request, "connections/overview.html", context, title=_("Connections"))


@never_cache
@require_http_methods(["GET", "POST"])
@needs("decisioning.add_import")
def new_import(request: HttpRequest) -> HttpResponse:
    form = FileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        sent = form.cleaned_data["file"]
        try:
            row = importing.receive(
                sent.chunks(),
                file_name=sent.name or "",
                sender=Sender(user=user_of(request).pk),
                now=timezone.now(),
            )
        except Unreadable as error:
            form.add_error("file", told(error))
        else:
            address = reverse("admin:rtts-events-import", args=[row.pk])
            preset = form.cleaned_data["preset"]
            return HttpResponseRedirect(f"{address}?preset={preset}" if preset else address)
    status = 422 if form.errors else 200
    title = _("Import a file")
    return page(request, "connections/new_import.html", {"form": form}, title=title, status=status)


def mapping_of_preset(key: str) -> Mapping | None:
    """Return the mapping of a known shape, None where it is none."""
    if key == "messages":
        return Mapping(call="message")
    return PRESETS[key].mapping if key in PRESETS else None


@never_cache
@require_http_methods(["GET", "POST"])
@needs("decisioning.add_import")
def import_page(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Import, pk=pk)
    if row.state == Import.State.DRAFT:
        return _draft(request, row)
    if request.method == "POST":
        if importing.go_on(row, now=timezone.now()):
            messages.success(request, _("It goes on where it was."))
        else:
            messages.error(request, _("It cannot go on: upload the file again."))
        return HttpResponseRedirect(reverse("admin:rtts-events-import", args=[pk]))
    return page(request, "connections/import.html", _told(row), title=row.file_name)


def _draft(request: HttpRequest, row: Import) -> HttpResponse:
    context: dict[str, Any] = {"row": row, "layout": importing.layout_of(row)}
    try:
        lines = importing.first_rows(row)
    except Unreadable as error:
        context["trouble"] = told(error)
        return page(request, "connections/import.html", context, title=row.file_name, status=422)
    data = request.POST if request.method == "POST" else None
    start = mapping_of_preset(request.GET.get("preset", ""))
    forms = MappingForms(data, mapping=start, columns=columns_of(lines))
    status = 200
    if data is not None:
        if forms.is_valid():
            try:
                importing.start(row, forms.mapping(), now=timezone.now())
                return HttpResponseRedirect(reverse("admin:rtts-events-import", args=[row.pk]))
            except NotStarted as error:
                context["trouble"] = told(error)
        status = 422
    context |= {"forms": forms, "preview_url": reverse("admin:rtts-import-preview", args=[row.pk])}
    return page(request, "connections/import.html", context, title=row.file_name, status=status)


@require_POST
@needs("decisioning.add_import")
def import_preview(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer with the first rows as read and as understood by the mapping that is being written."""
    row = get_object_or_404(Import, pk=pk, state=Import.State.DRAFT)
    forms = MappingForms(request.POST)
    try:
        lines = importing.first_rows(row)
    except Unreadable as error:
        return render(request, "connections/preview.html", {"trouble": told(error)})
    unique = by_place(f"import:{row.digest[:24]}")
    return preview(request, forms, lines, unique=unique)


def preview(
    request: HttpRequest, forms: MappingForms, lines: list[Line], *, unique: Unique
) -> HttpResponse:
    """Answer with rows beside what the mapping in the forms makes of them."""
    context: dict[str, Any] = {}
    if not forms.is_valid():
        context["trouble"] = _("Some fields cannot be read; they are marked when you save.")
        return render(request, "connections/preview.html", context)
    mapping = forms.mapping()
    reading = reading_for(redis_client(timeout_ms=TIMEOUT_MS), source="", now_ms=_now_ms())
    sampled = sample(mapping, lines, reading=reading, unique=unique)
    mapped = [rule.column for rule in mapping.rules] or columns_of(lines)
    columns = list(dict.fromkeys(mapped))[:SHOWN_COLUMNS]
    context |= {
        "faults": faults_of(mapping),
        "columns": columns,
        "rows": [(one, one.cells(columns), one.told()) for one in sampled],
        "good": sum(one.record is not None for one in sampled),
    }
    return render(request, "connections/preview.html", context)


def _now_ms() -> int:
    return int(timezone.now().timestamp() * 1000)


def _told(row: Import) -> dict[str, Any]:
    job = Job.objects.filter(pk=row.job or 0).first()
    pace = importing.pace_of(row, done=job.done if job is not None else 0)
    left = pace.left_s
    return {
        "row": row,
        "pace": pace,
        "trouble": job.told
        if job is not None and row.state == Import.State.FAILED
        else row.trouble,
        "left": (_("%s min") % round(left / 60) if left > 90 else _("%s s") % round(left))
        if left is not None
        else "",
        "may_cancel": row.state in Import.OPEN,
        "may_go_on": importing.may_go_on(row),
    }


@require_GET
@needs("decisioning.add_import")
def import_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer the poll of an import's bar; 286 ends it."""
    row = get_object_or_404(Import.objects.exclude(state=Import.State.DRAFT), pk=pk)
    response = render(request, "connections/bar.html", _told(row))
    if row.is_over:
        stop = HttpResponseStopPolling(response.content)
        stop["HX-Refresh"] = "true"
        return stop
    return response


@require_GET
@needs("decisioning.add_import")
def import_refused(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        return cast("HttpResponse", refused_file(get_object_or_404(Import, pk=pk)))
    except Problem as problem:
        raise Http404(problem.detail) from problem


@require_POST
@needs("decisioning.add_import")
def import_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Import, pk=pk)
    if importing.cancel(row, now=timezone.now()):
        messages.success(request, _("Cancelled. Rows that were taken stay."))
    else:
        messages.error(request, _("It was over already."))
    return HttpResponseRedirect(reverse("admin:rtts-connections"))
