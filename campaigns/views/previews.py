"""The page on which a change is shown to a browser or a test person before it is published."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import previews
from campaigns.candidates import candidate_of
from campaigns.curl import curl
from campaigns.drafts import drafts_of
from campaigns.forms.previews import PreviewForm
from campaigns.mapping import Refused
from campaigns.models import Change, Preview
from campaigns.models.items import Kind
from campaigns.stages import OPEN
from campaigns.views.pages import needs, page, user_of
from decisioning.models import DecisionRecord
from rtts_site.foundation.jobs import Job
from rtts_site.foundation.redis_clients import Down, redis_client

HEADER = "X-RTTS-Preview"
PARAMETER = "rtts_preview"
RECENT = 20
MAKERS = ("campaigns.change_change", "campaigns.approve_change")


@dataclass(frozen=True, slots=True)
class Row:
    """One preview as the page shows it."""

    preview: Preview
    has_ended: bool
    is_behind: bool
    job: Job | None
    token: str
    link: str
    curl: str
    decisions: list[DecisionRecord]


@never_cache
@require_http_methods(["GET", "POST"])
@needs("view_change")
def change_previews(request: HttpRequest, pk: int) -> HttpResponse:
    change = get_object_or_404(Change, pk=pk)
    form = PreviewForm(request.POST if request.method == "POST" else None)
    may_make = _may_make(request) and change.state in OPEN
    if form.is_bound:
        if not _may_make(request):
            raise PermissionDenied(_("Your role makes no previews."))
        if form.is_valid() and _made(request, change, form):
            return HttpResponseRedirect(reverse("admin:rtts-previews", args=[pk]))
    rows = [_row(request, preview) for preview in change.previews.select_related("created_by")]
    context = {
        "change": change,
        "form": form,
        "rows": rows,
        "may_make": may_make,
        "edits_purposes": drafts_of(change).filter(item__kind=Kind.PURPOSE).exists(),
        "header": HEADER,
        "parameter": PARAMETER,
        "is_waiting": any(row.job and not row.job.is_over for row in rows),
    }
    title = _("Preview of {change}").format(change=change.title)
    return page(request, "campaigns/previews.html", context, title=title)


def _may_make(request: HttpRequest) -> bool:
    return any(user_of(request).has_perm(name) for name in MAKERS)


def _made(request: HttpRequest, change: Change, form: PreviewForm) -> bool:
    try:
        previews.open_preview(change, form.asked(), by=user_of(request), now=timezone.now())
    except previews.PreviewImpossible as error:
        form.add_error(None, str(error))
        return False
    messages.success(request, _("It is being made ready; that takes a few seconds."))
    return True


def _row(request: HttpRequest, preview: Preview) -> Row:
    has_ended = preview.has_ended(timezone.now())
    token = "" if has_ended else previews.token_of(preview)
    made = DecisionRecord.objects.filter(preview=preview.code).defer("body")
    return Row(
        preview,
        has_ended,
        not has_ended and previews.is_behind(preview),
        Job.objects.filter(pk=preview.job).first() if preview.job else None,
        token,
        _link(preview, token) if token else "",
        _curl(request, preview, token) if token else "",
        list(made.order_by("-decided_at")[:RECENT]),
    )


def _link(preview: Preview, token: str) -> str:
    if not preview.address:
        return ""
    joint = "&" if "?" in preview.address else "?"
    address, _hash, fragment = preview.address.partition("#")
    tail = f"#{fragment}" if fragment else ""
    return f"{address}{joint}{urlencode({PARAMETER: token})}{tail}"


def _curl(request: HttpRequest, preview: Preview, token: str) -> str:
    body: dict[str, Any] = {
        "person": {"anonymous_id": "try-me"},
        "placements": [{"key": _placement(preview.change)}],
        "options": {"explain": "reasons"},
    }
    if preview.person:
        body["person"] = {"user_id": "THE_TEST_PERSON"}
    address = request.build_absolute_uri("/").rstrip("/")
    return curl(address, body, headers={HEADER: token})


def _placement(change: Change) -> str:
    try:
        placements = candidate_of(change).spec.placements
    except Refused:
        placements = ()
    return placements[0].key if placements else "web.home"


@require_POST
@needs("view_change")
def preview_step(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    if not _may_make(request):
        raise PermissionDenied(_("Your role makes no previews."))
    if step not in ("renew", "revoke"):
        raise Http404(_("There is no such step."))
    preview = get_object_or_404(Preview.objects.select_related("change"), pk=pk)
    to = HttpResponseRedirect(reverse("admin:rtts-previews", args=[preview.change_id]))
    try:
        if step == "revoke":
            previews.revoke_preview(redis_client(), preview, now=timezone.now())
            messages.success(request, _("Revoked: it shows nothing from now on."))
        else:
            previews.renew_preview(preview, now=timezone.now())
            messages.success(request, _("It is being made ready; that takes a few seconds."))
    except previews.PreviewImpossible as error:
        messages.error(request, str(error))
    except Down:
        messages.error(request, _("Redis does not answer now, so it goes on: try again shortly."))
    return to
