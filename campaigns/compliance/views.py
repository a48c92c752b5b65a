"""The pages of the compliance workspace."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from campaigns.compliance import covering, crowd, lag, lineage, timeline, working_out
from campaigns.compliance.drilling import ask_for_drill
from campaigns.compliance.forms import PurposeForm, QuestionForm, SearchForm
from campaigns.models import CrowdReport, OptOutDrill
from campaigns.views.pages import needs, page, user_of
from consent import ledger
from consent.forms import PERSON_ID
from consent.models import RecordRead
from consent.policy_store import live_policy
from consent.standing import load_view_of_record, standings
from decisioning.decision_log import DecisionErased
from decisioning.inspecting import DecisionUnavailable
from rtts_site.foundation.charts import histogram
from rtts_site.foundation.redis_clients import Down, redis_client

TIMEOUT_MS = 1_000
DRILLS = 30
SEE_PEOPLE = "consent.view_person"
ASKS = "campaigns.ask_crowd"
KINDS = {
    "said": gettext_lazy("what they said"),
    "shown": gettext_lazy("what they were shown"),
    "read": gettext_lazy("who read their record"),
    "joined": gettext_lazy("who they were taken for"),
}


@never_cache
@require_http_methods(["GET", "POST"])
@needs(SEE_PEOPLE)
def search(request: HttpRequest) -> HttpResponse:
    """Find somebody by a name that a channel knows them by; it never stands in an address."""
    form = SearchForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        person = ledger.current_person(form.cleaned_data["person"].id)
        return redirect("admin:rtts-timeline", person)
    reads = RecordRead.objects.filter(reader=user_of(request).get_username())
    context = {"form": form, "reads": reads.order_by("-read_at")[:10]}
    return page(request, "compliance/search.html", context, title=_("Find a person's record"))


@never_cache
@require_GET
@needs(SEE_PEOPLE)
def person_timeline(request: HttpRequest, person: str) -> HttpResponse:
    if not PERSON_ID.fullmatch(person):
        raise Http404(_("There is no such person."))
    owner, now = ledger.current_person(person), timezone.now()
    RecordRead.objects.create(
        person=owner, reader=user_of(request).get_username(), what="timeline", read_at=now
    )
    wanted = [one for one in request.GET.getlist("kind") if one in timeline.KINDS]
    policy = live_policy()
    context = {
        "person": owner,
        "moments": timeline.timeline_of(owner, wanted=wanted or timeline.KINDS),
        "kinds": [(one, label, one in wanted) for one, label in KINDS.items()],
        "standings": standings(policy, load_view_of_record(owner), now=now) if policy else [],
    }
    return page(request, "compliance/timeline.html", context, title=_("A person's record"))


@never_cache
@require_GET
@needs(SEE_PEOPLE)
def covered(request: HttpRequest, decision: str) -> HttpResponse:
    context: dict[str, Any] = {}
    try:
        context["covered"] = covering.cover(
            redis_client(timeout_ms=TIMEOUT_MS),
            decision,
            reader=user_of(request).get_username(),
            now=timezone.now(),
        )
    except ValueError as error:
        raise Http404(str(error)) from error
    except (DecisionErased, DecisionUnavailable) as error:
        context["problem"] = str(error)
    if context.get("covered", True) is None:
        raise Http404(_("There is no decision of this id."))
    return page(request, "compliance/covered.html", context, title=_("What covered this decision"))


@require_GET
@needs("consent.view_consentevent")
def lag_report(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    found = lag.lag_of(now=now)
    bars = [(f"{one.day:%d.%m.}", one.changes) for one in found.days]
    chart = histogram(bars, label=_("Changes of consent by day")) if bars else ""
    context = {"lag": found, "chart": chart, "days": lag.DAYS}
    return page(request, "compliance/lag.html", context, title=_("From a no to its effect"))


@never_cache
@require_http_methods(["GET", "POST"])
@needs("consent.view_policyversion")
def withdrawal(request: HttpRequest) -> HttpResponse:
    """Show what was worked out; only a POST has a job do it, for it takes seconds."""
    is_asking = request.method == "POST"
    said = request.POST if is_asking else request.GET
    form = PurposeForm(said if is_asking or "purpose" in said else None)
    context: dict[str, Any] = {"form": form}
    if form.is_bound and form.is_valid():
        client, purpose = redis_client(), form.cleaned_data["purpose"]
        try:
            if is_asking:
                working_out.ask(client, purpose)
                query = urlencode({"purpose": purpose})
                return redirect(f"{reverse('admin:rtts-what-if')}?{query}")
            context["answer"] = working_out.answer_to(client, purpose)
        except working_out.Busy as error:
            form.add_error(None, str(error))
        except Down:
            form.add_error(None, _("The profile store does not answer now; try again shortly."))
        context |= {"purpose": purpose, "job": working_out.last_job(purpose)}
    return page(request, "compliance/what_if.html", context, title=_("If everybody withdrew"))


@require_http_methods(["GET", "POST"])
@needs(ASKS, "consent.audit_compliance")
def crowd_report(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    is_asking = request.method == "POST"
    if is_asking and not user_of(request).has_perm(ASKS):
        raise PermissionDenied(_("Who may only look cannot spend the budget of reports."))
    form = QuestionForm(request.POST if is_asking else None)
    context: dict[str, Any] = {"form": form}
    if form.is_bound and form.is_valid():
        try:
            key = form.cleaned_data["question"]
            context["answer"] = crowd.ask(key, by=user_of(request), now=now)
        except (crowd.BudgetSpent, crowd.NoSuchQuestion) as error:
            form.add_error(None, str(error))
    context |= {
        "left": crowd.left(now=now),
        "cost": crowd.EPSILON,
        "more": int(crowd.left(now=now) / crowd.EPSILON + 1e-9),
        "least": crowd.LEAST,
        "asked": CrowdReport.objects.select_related("asked_by").order_by("-asked_at")[:20],
    }
    return page(request, "compliance/crowd.html", context, title=_("Everybody together"))


@require_GET
@needs("view_attribute")
def lineage_page(request: HttpRequest) -> HttpResponse:
    rows = [(one, lineage.summary(one)) for one in lineage.lineages()]
    return page(request, "compliance/lineage.html", {"rows": rows}, title=_("Where data goes"))


@require_GET
@needs("view_optoutdrill")
def drills(request: HttpRequest) -> HttpResponse:
    context = {"drills": OptOutDrill.objects.order_by("-began_at")[:DRILLS]}
    return page(request, "compliance/drills.html", context, title=_("Daily opt-out"))


@require_POST
@needs("consent.handle_rights")  # it writes consent and a key: who may only look does not begin it
def drill_now(request: HttpRequest) -> HttpResponse:
    ask_for_drill(by=user_of(request), now=timezone.now())
    messages.success(request, _("Somebody made up is opting out now; look again in some seconds."))
    return redirect("admin:rtts-drills")
