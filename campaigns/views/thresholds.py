"""What a page asks about the number of one condition: its spread, its worth for a goal, an experiment over it."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseStopPolling

from campaigns import drafts
from campaigns.candidates import Candidate, candidate_of
from campaigns.mapping import Refused
from campaigns.models.items import Kind
from campaigns.rule_builder.form_tree import Node
from campaigns.rule_builder.threshold_display import draw_distribution, draw_measures
from campaigns.rule_builder.widgets import Posted, without
from campaigns.sampling import sampled_facts
from campaigns.thresholds import jobs
from campaigns.thresholds.comparing import Comparison, draft_comparison, values_of
from campaigns.thresholds.distribution import distribution
from campaigns.thresholds.history import MAX_DAYS, Goal
from campaigns.thresholds.questions import Question, question_of
from campaigns.views.pages import REFUSALS, needs, text_of, user_of
from decisioning.rules.catalogue import Catalogue
from rtts_site.foundation.jobs import Job
from rtts_site.foundation.redis_clients import Down, redis_client

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
DAYS: Final = 14  # until the goal, unless chosen


class _Unreadable(Exception):
    """The page sent no such condition; the message says what to do."""


def make_threshold_view(
    catalogue: Callable[[Any], Catalogue],
) -> Callable[[HttpRequest], HttpResponse]:
    """Return the view of one condition's number; `step` is "" (all of it), spread or measure."""

    def threshold(request: HttpRequest) -> HttpResponse:
        try:
            name, posted, node = _asked(request)
            known = without(catalogue(request.user), request.POST.get(f"{name}-exclude", ""))
            question = _question(node, known)
            if request.POST.get("step") == "measure":
                return _measure(request, name, node, question, known)
            context = _spread(question, now=timezone.now())
        except _Unreadable as error:
            return _refusal(str(error))
        except Down:
            return _refusal(_("The profile store does not answer now; try again shortly."))
        context |= {"prefix": f"{name}-{node.id}-", "unit": question.unit}
        if request.POST.get("step") == "spread":
            return render(request, "rule_builder/spread.html", context)
        context |= _offers(request, name, posted) | _goals(known)
        return render(request, "rule_builder/threshold.html", context)

    return require_POST(needs("view_change")(threshold))


def _asked(request: HttpRequest) -> tuple[str, Posted, Node]:
    name, number = request.POST.get("rb", ""), request.POST.get("node", "")
    if not NAME.fullmatch(name) or not re.fullmatch(r"\d{1,6}", number, re.ASCII):
        raise _Unreadable(_("Reload the page and try again."))
    posted = Posted.of(request.POST, name)
    if posted.error:
        raise _Unreadable(posted.error)
    for node in posted.tree.walk():
        if node.id == int(number) and node.kind == "leaf":
            return name, posted, node
    raise _Unreadable(_("That condition is no longer there."))


def _question(node: Node, catalogue: Catalogue) -> Question:
    question = question_of(node, catalogue)
    if question is None:
        raise _Unreadable(_("Finish this condition first: its number cannot be looked at yet."))
    return question


def _spread(question: Question, *, now: datetime) -> dict[str, Any]:
    specs = [question.aggregate] if question.aggregate else []
    attributes = () if question.aggregate else (question.fact,)
    known, _population = sampled_facts(
        redis_client(),
        attributes=attributes,
        aggregates=specs,
        now=now,
        of_accounts=attributes if question.of_account else (),
    )
    values = [_number(facts.get(question.fact)) for facts in known.values()]
    return draw_distribution(distribution(values, question), question)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None


def _goals(catalogue: Catalogue) -> dict[str, Any]:
    goals = sorted(((one.key, one.name) for one in catalogue.events.values()), key=lambda g: g[1])
    return {"goals": goals, "days": DAYS, "most_days": MAX_DAYS}


def _offers(request: HttpRequest, name: str, posted: Posted) -> dict[str, Any]:
    """Return what an experiment could be made about, the offer of this page first."""
    user = user_of(request)
    if not user.has_perm("campaigns.add_experiment"):
        return {"offers": []}
    candidate = candidate_of(drafts.current_change(user))
    own = request.POST.get(f"{name}-offer", "")
    found = [
        (f"{campaign}/{offer}", f"{_name(candidate, Kind.CAMPAIGN, campaign)}: "
         f"{_name(candidate, Kind.OFFER, offer)}")
        for (kind, campaign), body in candidate.bodies.items()
        if kind == Kind.CAMPAIGN
        for offer in body.get("offers", ())
        if not own or offer == own
    ]  # fmt: skip
    return {"offers": sorted(found, key=lambda one: one[1])[:500]}


def _name(candidate: Candidate, kind: Kind, key: str) -> str:
    return str(candidate.bodies.get((kind, key), {}).get("name") or key)


def _measure(
    request: HttpRequest, name: str, node: Node, question: Question, catalogue: Catalogue
) -> HttpResponse:
    prefix = f"{name}-{node.id}-"
    goal = _goal(request, prefix, catalogue)
    found = jobs.measure_now(redis_client(), question, goal, now=timezone.now())
    if found is None:
        words = f"{catalogue.events[goal.event].name}, {goal.days} d"
        job = jobs.start(redis_client(), question, goal, words=words)
        return render(request, "rule_builder/measuring.html", {"job": job, "prefix": prefix})
    context = draw_measures(found, question, goal) | {"prefix": prefix, "unit": question.unit}
    return render(request, "rule_builder/measured.html", context)


def _goal(request: HttpRequest, prefix: str, catalogue: Catalogue) -> Goal:
    event, days = request.POST.get(f"{prefix}goal", ""), request.POST.get(f"{prefix}days", "")
    if event not in catalogue.events:
        raise _Unreadable(_("Choose the event that is the goal."))
    if not re.fullmatch(r"\d{1,3}", days.strip(), re.ASCII) or not 1 <= int(days) <= MAX_DAYS:
        raise _Unreadable(_("Write whole days from 1 to %(most)s.") % {"most": MAX_DAYS})
    return Goal(event, int(days))


@require_GET
@needs("view_change")
def measured(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer how far a measuring is, or what it found; the page stops asking then."""
    job = get_object_or_404(Job, pk=pk, kind=jobs.JOB_KIND)
    prefix = request.GET.get("prefix", "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", prefix):
        return _refusal(_("Reload the page and try again."))
    if not job.is_over:
        return render(request, "rule_builder/measuring.html", {"job": job, "prefix": prefix})
    found = jobs.measured_by(redis_client(), job)
    if found is None:
        return HttpResponseStopPolling(_("This was not measured. Try again."))
    question, goal, measures = found
    context = draw_measures(measures, question, goal) | {"prefix": prefix, "unit": question.unit}
    answer = render(request, "rule_builder/measured.html", context)
    answer.status_code = HttpResponseStopPolling.status_code
    return answer


@require_POST
@needs("add_experiment")
def compare(request: HttpRequest) -> HttpResponse:
    """Draft an experiment over the numbers of one condition."""
    user, now = user_of(request), timezone.now()
    try:
        name, posted, node = _asked(request)
        candidate = candidate_of(drafts.current_change(user))
        catalogue = without(Catalogue.of(candidate.spec), request.POST.get(f"{name}-exclude", ""))
        prefix = f"{name}-{node.id}-"
        campaign, _slash, offer = text_of(request, f"{prefix}about-offer", most=250).partition("/")
        comparison = Comparison(
            name=text_of(request, f"{prefix}experiment", most=200),
            campaign=campaign,
            offer=offer,
            node=node.id,
            values=values_of(text_of(request, f"{prefix}values", most=200)),
        )
        revision = draft_comparison(
            comparison, posted.tree, catalogue, candidate, author=user, now=now
        )
    except (_Unreadable, *REFUSALS) as error:
        words = " ".join(e.message for e in error.errors) if isinstance(error, Refused) else error
        return render(request, "rule_builder/compared.html", {"refused": words}, status=200)
    url = reverse("admin:campaigns_experiment_change", args=[revision.item_id])
    context = {"url": url, "name": comparison.name, "change": revision.change}
    return render(request, "rule_builder/compared.html", context)


def _refusal(words: str) -> HttpResponse:
    return HttpResponse(words, status=422, content_type="text/plain; charset=utf-8")
