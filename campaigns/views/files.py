"""Files of things: lists as CSV, and CSV as drafts after a dry run."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseStopPolling

from campaigns import csv_files, dry_runs, exporting, importing
from campaigns.candidates import candidate_of
from campaigns.drafts import current_change
from campaigns.models import PROXIES, CsvImport, Item
from campaigns.views.everyday import list_admin
from campaigns.views.pages import needs, page, user_of
from rtts_site.foundation.jobs import Job


@require_GET
@needs("view_change")
def export(request: HttpRequest, label: str) -> HttpResponse:
    """Answer with a list as a file: filtered, searched and sorted as its address says."""
    url, model_admin = list_admin(request, label)
    try:
        cl = model_admin.get_changelist_instance(request)
    except IncorrectLookupParameters:
        messages.error(request, _("This list cannot be filtered so: choose its filters again."))
        return HttpResponseRedirect(url)
    if cl.result_count > csv_files.ROWS:
        most = _("Filter the list to at most %(most)s rows, then export it.")
        messages.error(request, most % {"most": number_format(csv_files.ROWS, force_grouping=True)})
        return HttpResponseRedirect(f"{url}{cl.get_query_string()}")
    if issubclass(cl.model, Item):
        candidate = candidate_of(current_change(request.user))
        made = exporting.export_things(cl.queryset, cl.model.KIND, candidate)
    else:
        made = exporting.export_list(model_admin, cl)
    name = f"{label.rpartition('.')[2]}-{timezone.localdate():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(made, content_type="text/csv; charset=utf-8", headers=headers)


def _kind(request: HttpRequest, kind: str) -> Any:
    if kind not in csv_files.IMPORTED:
        raise Http404(_("There is no import of these."))
    model = PROXIES[kind]
    verbs = ("add", "change")
    if not user_of(request).has_perms(
        [f"campaigns.{verb}_{model._meta.model_name}" for verb in verbs]
    ):
        raise PermissionDenied(_("Your role does not edit these."))
    return model._meta


@require_http_methods(["GET", "POST"])
@needs("change_change")
def import_page(request: HttpRequest, kind: str) -> HttpResponse:
    opts = _kind(request, kind)
    context: dict[str, Any] = {"opts": opts, "kind": kind, "trouble": ""}
    if request.method == "POST":
        try:
            row = _receive(request, kind)
        except csv_files.Unreadable as error:
            context["trouble"] = str(error)
        else:
            return HttpResponseRedirect(reverse("admin:rtts-import-read", args=[row.pk]))
    more = {
        "columns": csv_files.columns_of(kind).items(),
        "rows": csv_files.ROWS,
        "megabytes": csv_files.BYTES // 1_000_000,
        "cell": csv_files.CELL,
        "list_url": reverse(f"admin:campaigns_{opts.model_name}_changelist"),
        "list_name": capfirst(opts.verbose_name_plural),
        "export_url": reverse("admin:rtts-export", args=[opts.label_lower]),
    }
    status = 422 if context["trouble"] else 200
    title = _("Import %(things)s") % {"things": opts.verbose_name_plural}
    return page(request, "campaigns/import.html", context | more, title=title, status=status)


def _receive(request: HttpRequest, kind: str) -> CsvImport:
    sent = request.FILES.get("file")
    if sent is None or isinstance(sent, list):
        raise csv_files.Unreadable(_("Choose a file."))
    if (sent.size or 0) > csv_files.BYTES:
        csv_files.refuse_size()
    return importing.receive(
        sent.read(), kind=kind, file_name=sent.name or "", user=user_of(request), now=timezone.now()
    )


def _mine(request: HttpRequest, pk: int) -> CsvImport:
    """Return a file that this user sent; those of others are not there."""
    rows = CsvImport.objects.filter(user=user_of(request)).select_related("user", "change")
    row = get_object_or_404(rows, pk=pk)
    _kind(request, row.kind)
    return row


@require_GET
@needs("change_change")
def read(request: HttpRequest, pk: int) -> HttpResponse:
    row = _mine(request, pk)
    opts = PROXIES[row.kind]._meta
    is_read = row.state == CsvImport.State.READ
    told = dry_runs.changed_rows(row, candidate_of(current_change(row.user))) if is_read else []
    job = Job.objects.filter(pk=row.job).first() if row.job else None
    context = {
        "row": row,
        "job": job if row.state in ("reading", "saving") else None,
        "words": dry_runs.outcome_words(row.outcome) if row.outcome else "",
        "told": told,
        "more": row.outcome["changed"] - len(told) if is_read else 0,
        "list_url": reverse(f"admin:campaigns_{opts.model_name}_changelist"),
        "list_name": capfirst(opts.verbose_name_plural),
    }
    return page(request, "campaigns/import_read.html", context, title=row.file_name)


@require_POST
@needs("change_change")
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    row = _mine(request, pk)
    try:
        importing.accept(row, now=timezone.now())
    except (importing.NotImported, csv_files.Unreadable) as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(reverse("admin:rtts-import-read", args=[pk]))


@require_GET
@needs("change_change")
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer the poll of a file's progress bar; 286 ends it."""
    row = _mine(request, pk)
    job = get_object_or_404(Job, pk=row.job or 0, kind=importing.JOB_KIND)
    response = render(request, "campaigns/import_bar.html", {"job": job, "row": row})
    if job.is_over:
        stop = HttpResponseStopPolling(response.content)
        stop["HX-Refresh"] = "true"
        return stop
    return response
