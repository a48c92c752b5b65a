"""The page that answers who sees what, and why; a person comes by POST only, never in an address."""

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from campaigns.curl import curl, request_body
from campaigns.fates import lay_out
from campaigns.flip_wording import FlipWords
from campaigns.forms.simulator import SimulatorForm
from campaigns.mapping import Refused
from campaigns.models import Change, Release
from campaigns.stages import NothingToTry, Stage, staged
from campaigns.trials import MOST_FLIPS, Question, Trial, try_out
from campaigns.views.pages import needs, page, user_of
from consent.models import RecordRead
from consent.people import Identifier
from decisioning.round_trips import RedisUnavailable
from decisioning.rules.compiler import CompileError
from rtts_site.foundation.language import told
from rtts_site.foundation.redis_clients import Down, redis_client

SEE_PEOPLE = "decisioning.view_decisionrecord"  # what lets staff read what a person was shown
AWAY = gettext_lazy("The profile store does not answer now; try again shortly.")


@never_cache
@require_http_methods(["GET", "POST"])
@needs("view_release")
def simulator(request: HttpRequest) -> HttpResponse:
    asked = request.GET if request.method == "GET" else None
    initial = {key: request.GET.get(key) for key in request.GET if key != "placements"}
    initial["placements"] = request.GET.getlist("placements")  # type: ignore[assignment]
    data = request.POST if request.method == "POST" else None
    form = SimulatorForm(data, asked=asked, initial=_sound(initial))
    context: dict[str, Any] = {"form": form}
    if data is not None and form.is_valid():
        context |= _answer(request, form)
    return page(request, "campaigns/simulator.html", context, title=_("Who sees what, and why"))


def _sound(initial: dict[str, Any]) -> dict[str, Any]:
    """Return what an address may fill in: where, when and under what, never who."""
    kept = ("under", "channel", "placements", "at", "zone")
    found = {key: value for key, value in initial.items() if key in kept and value}
    return {key: value for key, value in found.items() if "\0" not in str(value)}


@never_cache
@require_POST
@needs("view_release")
def simulator_fields(request: HttpRequest) -> HttpResponse:
    """Answer with the form for another release: its placements, purposes and facts; what was typed stays."""
    data = request.POST.copy()
    form = SimulatorForm(
        asked=data, initial={**data.dict(), "placements": data.getlist("placements")}
    )
    return render(request, "campaigns/simulator_fields.html", {"form": form})


def _answer(request: HttpRequest, form: SimulatorForm) -> dict[str, Any]:
    now = timezone.now()
    question = form.question(now=now, pepper=settings.RTTS_PEPPER)
    if not question.is_made_up:
        _note_reading(request, question.person)
    try:
        client = redis_client()
        with staged(client, form.subject) as stage:
            trial = try_out(client, stage, question)
            return _told(request, form, question, stage=stage, trial=trial)
    except (NothingToTry, Refused, CompileError) as error:
        form.add_error(None, told(error))
    except (*Down, RedisUnavailable):
        form.add_error(None, str(AWAY))
    return {}


def _note_reading(request: HttpRequest, person: str) -> None:
    user = user_of(request)
    if not user.has_perm(SEE_PEOPLE):
        raise PermissionDenied(_("Your role may ask about somebody made up only."))
    RecordRead.objects.create(
        person=person, reader=user.get_username(), what="simulator", read_at=timezone.now()
    )


def _told(
    request: HttpRequest, form: SimulatorForm, question: Question, *, stage: Stage, trial: Trial
) -> dict[str, Any]:
    zone = form.cleaned_data["zone"]
    words = FlipWords(stage.held.catalogue, stage.policy, zone)
    link = reverse("admin:rtts-simulator")
    looked = len(trial.explained) <= MOST_FLIPS
    return {
        "trial": trial,
        "question": question,
        "stage": stage,
        "zone": zone,
        "places": lay_out(trial, words, looked=looked),
        "looked": looked,
        "curl": _curl(request, form, question, stage=stage, trial=trial),
        "curl_notes": list(_notes(form, question, stage)),
        "link": f"{link}?{urlencode(form.link(), doseq=True)}",
    }


def _curl(
    request: HttpRequest, form: SimulatorForm, question: Question, *, stage: Stage, trial: Trial
) -> str:
    body = request_body(
        question,
        form.identifier or _first(trial.identifiers),
        stage.held.attributes,
        now=question.now if form.cleaned_data["at"] else None,
    )
    drafted = isinstance(stage.under, Change)
    headers = {"X-RTTS-Preview": "YOUR_PREVIEW_TOKEN"} if drafted else {}
    return curl(request.build_absolute_uri("/").rstrip("/"), body, headers=headers)


def _first(identifiers: tuple[str, ...]) -> Identifier | None:
    """Return a name that a request may use, a user's before any other."""
    ordered = sorted(identifiers, key=lambda name: not name.startswith("user:"))
    namespace, _colon, value = (ordered[0] if ordered else "").partition(":")
    if namespace == "user":
        return Identifier("user", value)
    return Identifier("anonymous", value) if namespace == "anonymous" else None


def _notes(form: SimulatorForm, question: Question, stage: Stage) -> list[str]:
    """Return what the request cannot say of the question."""
    notes = []
    if any(key in form.events for key in question.given):
        notes.append(_("A request cannot suppose counts of events: send the events instead."))
    if set(question.consent.values()) & {"allow", "unknown"}:
        notes.append(_("A request can only deny: consent is taken from what is recorded."))
    if isinstance(stage.under, Release):
        notes.append(_("A request is always answered by what is live, not by a past release."))
    if isinstance(stage.under, Change):
        notes.append(_("A change answers with a preview's token only; make one on its page."))
    if form.cleaned_data["at"]:
        notes.append(_("Another time needs a key with the scope decisions:now."))
    return notes
