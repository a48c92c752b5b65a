"""The pages of requests about rights: the list with its clocks, one request with its plan, capsules, the register."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from campaigns.publishing import NotPossible as Unfit
from campaigns.rights import processing
from campaigns.rights.reminding import BACKEND
from campaigns.views.pages import needs, number_of, page, text_of, user_of
from consent.models import LegalHold, RightsRequest
from consent.rights import asking, capsules, erasing
from consent.rights.api import file_of
from consent.rights.asking import Hold, Intake, NotPossible, subject_of
from consent.rights.reading import note_reading
from rtts_site.foundation.problems import Problem

HANDLES: Final = "consent.handle_rights"
AUDITS: Final = "consent.audit_compliance"
OPENS: Final = "consent.open_capsule"
REFUSALS: Final = (NotPossible, Unfit)
LIFT: Final = "lift"  # the line that ends a restriction
LISTED: Final = 50  # of the requests that have ended
INTAKES: Final = ("staff", "post", "phone", "e-mail", "web")


@never_cache
@require_http_methods(["GET", "POST"])
@needs(HANDLES, AUDITS)
def overview(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _take_in(request)
    ended = RightsRequest.objects.exclude(state__in=RightsRequest.OPEN).order_by("-done_at")
    context = {
        "open": RightsRequest.objects.filter(state__in=RightsRequest.OPEN).order_by("due_at"),
        "ended": ended[:LISTED],
        "kinds": RightsRequest.Kind.choices,
        "intakes": INTAKES,
        "now": timezone.now(),
        "holds": LegalHold.objects.filter(destroyed_at=None).order_by("destroy_on"),
    }
    return page(request, "campaigns/rights/list.html", context, title=_("People's requests"))


@needs(HANDLES)
def _take_in(request: HttpRequest) -> HttpResponse:
    now, user = timezone.now(), user_of(request)
    try:
        kind = request.POST.get("kind", "")
        if kind not in RightsRequest.Kind.values:
            raise NotPossible(_("Choose what the person asks for."))
        intake = request.POST.get("intake", "staff")
        row = asking.take_in(
            kind,
            text_of(request, "person", most=300),
            intake=Intake(
                by=user.get_username(),
                through=intake if intake in INTAKES else "staff",
                jurisdiction=text_of(request, "jurisdiction", most=10).upper() or "*",
                received_at=_day(text_of(request, "received", most=10)),
            ),
            now=now,
            details=_details(request),
            hold=_hold(request) if kind == RightsRequest.Kind.ERASURE else None,
        )
    except (ValueError, *REFUSALS) as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:rtts-rights"))
    messages.success(request, _("Request %d is taken in.") % row.pk)
    return HttpResponseRedirect(reverse("admin:rtts-rights-one", args=[row.pk]))


def _day(text: str) -> datetime | None:
    if not text:
        return None
    day = date.fromisoformat(text)
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def _details(request: HttpRequest) -> dict[str, Any]:
    """Return what is to be corrected or objected to, one to a line: ``city = Berlin``, ``email_marketing``."""
    lines = [one.strip() for one in text_of(request, "details", most=5_000).splitlines()]
    lines = [one for one in lines if one]
    if not lines:
        return {}
    if lines == [LIFT]:
        return {"lift": True}
    if all("=" in one for one in lines):
        pairs = (one.partition("=") for one in lines)
        return {"attributes": {key.strip(): value.strip() or None for key, _sign, value in pairs}}
    return {"purposes": lines}


def _hold(request: HttpRequest) -> Hold | None:
    why = text_of(request, "hold_why", most=500)
    if not why:
        return None
    until = text_of(request, "hold_until", most=10)
    if not until:
        raise NotPossible(_("Say until which day the proof is kept."))
    return Hold(why=why, until=date.fromisoformat(until))


@never_cache
@require_GET
@needs(HANDLES, AUDITS)
def one(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(RightsRequest, pk=pk)
    plan = _plan(row)
    by, now = user_of(request).get_username(), timezone.now()
    note_reading(row, "plan of erasure" if plan else "request", by=by, now=now)
    context = {
        "row": row,
        "plan": plan,
        "asked": asking.asked(row) if row.subject else None,
        "done": [step for step in row.steps if "name" in step],
        "stores": [step for step in row.steps if "store" in step],
        "now": now,
        "me": by,
        "verified_it": asking.verified_an_erasure(row, by),
        "is_alone": row.kind == RightsRequest.Kind.ERASURE and not _others(user_of(request)),
    }
    return page(request, "campaigns/rights/one.html", context, title=_("Request %d") % row.pk)


def _others(user: User) -> bool:
    """Return whether anybody else may handle requests."""
    handlers = User.objects.with_perm(HANDLES, backend=BACKEND)
    return handlers.exclude(pk=user.pk).exists()


def _plan(row: RightsRequest) -> list[tuple[str, int]]:
    """Return what an erasure would remove from each store."""
    if row.kind != RightsRequest.Kind.ERASURE or not row.subject or row.state == "running":
        return []
    return sorted(erasing.left(subject_of(row)).items())


@require_POST
@needs(HANDLES)
def act(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(RightsRequest, pk=pk)
    by, now = user_of(request).get_username(), timezone.now()
    acts: dict[str, Callable[[str], object]] = {
        "acknowledge": lambda _words: asking.acknowledge(row, now=now),
        "verify": lambda words: asking.verify(row, how=words, by=by, now=now),
        "extend": lambda words: asking.extend(row, why=words),
        "deny": lambda words: asking.deny(row, why=words, by=by, now=now),
        "agree": lambda _words: asking.agree_to_hold(row, by=by),
        "start": lambda _words: asking.start(row, by=by),
    }
    step = acts.get(request.POST.get("act", ""))
    if step is None:
        raise Http404
    try:
        step(text_of(request, "words", most=500))
        messages.success(request, _("Noted."))
    except REFUSALS as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(reverse("admin:rtts-rights-one", args=[row.pk]))


@require_GET
@needs(HANDLES)
def file(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(RightsRequest, pk=pk)
    try:
        answer: HttpResponseBase = file_of(row, by=user_of(request).get_username())
    except Problem as error:
        raise Http404 from error
    return answer  # type: ignore[return-value]  # a streamed answer is one too


@never_cache
@require_http_methods(["GET", "POST"])
@needs(OPENS)
def capsule(request: HttpRequest, pk: int) -> HttpResponse:
    held = get_object_or_404(LegalHold, pk=pk)
    by, now = user_of(request).get_username(), timezone.now()
    told: dict[str, Any] | None = None
    if request.method == "POST":
        try:
            told = _on_capsule(request, held, by=by, now=now)
        except REFUSALS as error:
            messages.error(request, str(error))
    context = {
        "held": held,
        "openings": held.openings.order_by("-asked_at"),
        "me": by,
        "told": json.dumps(told, indent=2, ensure_ascii=False) if told is not None else "",
    }
    title = _("Capsule %d") % held.pk
    return page(request, "campaigns/rights/capsule.html", context, title=title)


def _on_capsule(
    request: HttpRequest, held: LegalHold, *, by: str, now: datetime
) -> dict[str, Any] | None:
    number = number_of(request, "opening")
    if not number:
        capsules.ask_to_open(held, why=text_of(request, "why", most=500), by=by, now=now)
        return None
    opening = get_object_or_404(held.openings, pk=number)
    if request.POST.get("act") == "agree":
        capsules.agree_to_open(opening, by=by, now=now)
        return None
    return capsules.read_capsule(opening, by=by, now=now)


@never_cache
@require_GET
@needs(HANDLES, AUDITS)
def register(request: HttpRequest) -> HttpResponse:
    """Show the register of processing, or give it as a file: ``?as=json``, ``?as=csv``."""
    rows = processing.register_of_processing()
    wanted = request.GET.get("as", "")
    if wanted == "json":
        answer = HttpResponse(
            json.dumps(rows, indent=2, ensure_ascii=False), content_type="application/json"
        )
    elif wanted == "csv":
        answer = HttpResponse(content_type="text/csv; charset=utf-8")
        writer = csv.DictWriter(answer, list(processing.COLUMNS))
        writer.writeheader()
        writer.writerows(
            {key: processing.cell(one[key]) for key in processing.COLUMNS} for one in rows
        )
    else:
        context = {"rows": rows, "security": processing.SECURITY, "made_at": timezone.now()}
        title = _("Register of processing")
        return page(request, "campaigns/rights/register.html", context, title=title)
    answer["Content-Disposition"] = f'attachment; filename="register-of-processing.{wanted}"'
    return answer
