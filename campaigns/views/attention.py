"""Pages of what needs attention: all that is live, and what a change brings; findings are dismissed here."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from campaigns.analysis import runs
from campaigns.analysis.placing import address_of, items_of
from campaigns.analysis.telling import Told
from campaigns.models import Analysis, Change
from campaigns.publishing import NotPossible
from campaigns.views.pages import attempt, needs, page, text_of, user_of
from rtts_site.foundation.jobs import Job

PAGE_SIZE = 50


def placed(told: list[Told]) -> list[tuple[Told, str]]:
    """Return findings with the addresses of the fields that they are about; one query."""
    items = items_of(one.oddity for one in told)
    return [(one, address_of(one.oddity, items, row=one.oddity.args.get("row"))) for one in told]


@require_GET
@needs("view_release")
def attention(request: HttpRequest) -> HttpResponse:
    notes = request.GET.get("notes") == "1"
    found = runs.attention_of(user_of(request), notes=notes)
    shown = Paginator(found.told, PAGE_SIZE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "found": found,
        "shown": shown,
        "placed": placed(list(shown)),
        "dismissed": [
            (*pair, row)
            for pair, (_told, row) in zip(
                placed([told for told, _row in found.dismissed]), found.dismissed, strict=True
            )
        ],
        "notes": notes,
    }
    return page(request, "campaigns/attention/page.html", context, title=_("Needs attention"))


@require_POST
@needs("view_release")
def dismiss(request: HttpRequest) -> HttpResponse:
    to = "admin:index" if request.POST.get("from") == "home" else "admin:rtts-attention"
    try:
        mark = text_of(request, "mark", most=64)
        reason = text_of(request, "reason", most=300)
    except NotPossible as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse(to))
    if not mark or not reason:
        return page(
            request,
            "campaigns/attention/reason.html",
            {"mark": mark, "from": request.POST.get("from", "")[:10]},
            title=_("Why may it stay as it is?"),
            status=422,
        )

    def step() -> None:
        runs.dismiss(user_of(request), mark, reason=reason, now=timezone.now())

    done = _("Dismissed for you. It comes back when it changes.")
    return attempt(request, step, done=done, to=reverse(to))


@require_POST
@needs("view_release")
def bring_back(request: HttpRequest) -> HttpResponse:
    runs.bring_back(user_of(request), request.POST.get("mark", "").replace("\0", ""))
    return HttpResponseRedirect(f"{reverse('admin:rtts-attention')}?notes=1")


@require_GET
@needs("view_change")
def of_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer with what is odd about a change; a change that people were not looked at for asks for that."""
    return _of_change(request, get_object_or_404(Change, pk=pk))


@require_POST
@needs("view_change")
def look(request: HttpRequest, pk: int) -> HttpResponse:
    """Have a job look at a change and its people."""
    change = get_object_or_404(Change, pk=pk)
    runs.request_analysis(change)
    return _of_change(request, change)


def _of_change(request: HttpRequest, change: Change) -> HttpResponse:
    subject = runs.subject_of(change)
    row = Analysis.objects.filter(subject=subject).first()
    job = Job.objects.filter(kind=runs.KIND, subject=subject).order_by("-pk").first()
    context = {
        "change": change,
        "placed": placed(runs.told_of_change(change, now=timezone.now())),
        "row": row if runs.is_current(row, change) else None,
        "job": job if job and not job.is_over else None,
        "failed": job if job and job.state == Job.State.FAILED else None,
        "follows_links": runs.follows_links(),
    }
    return render(request, "campaigns/attention/of_change.html", context)
