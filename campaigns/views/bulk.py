"""The page that shows what an act on many things would do, and does it when its reader says so."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import drafts
from campaigns.bulk import acts, scenes
from campaigns.bulk.plans import Effect, Plan
from campaigns.candidates import candidate_of
from campaigns.forms.bulk import MOST_IDS, ActForm
from campaigns.linking import Linked, linked
from campaigns.models import PROXIES, Item
from campaigns.views.pages import REFUSALS, needs, page, user_of


@require_POST
@needs("view_change")
def bulk_act(request: HttpRequest, kind: str, act: str) -> HttpResponse:
    if kind not in PROXIES or act not in acts.ACTS or kind not in acts.ACTS[act].kinds:
        raise Http404(_("There is no such act."))
    name = PROXIES[kind]._meta.model_name
    if not user_of(request).has_perm(f"campaigns.change_{name}"):
        raise PermissionDenied(_("Your role does not edit these."))
    things = request.POST.get("things", "")[:MOST_IDS].split(",")
    chosen = [int(pk) for pk in things if pk.isascii() and pk.isdigit() and len(pk) < 19]
    items = list(Item.objects.filter(kind=kind, pk__in=chosen).order_by("name", "pk")[: acts.MOST])
    return _answer(request, kind, act, items)


def start(request: HttpRequest, kind: str, act: str, things: list[int]) -> HttpResponse:
    """Answer with the first page of an act on things that were ticked in a list."""
    items = Item.objects.filter(kind=kind, pk__in=things).order_by("name", "pk")
    return _answer(request, kind, act, list(items))


def _answer(request: HttpRequest, kind: str, act: str, items: list[Item]) -> HttpResponse:
    change = drafts.current_change(request.user)
    candidate = candidate_of(change)
    asked = "step" in request.POST or not acts.ACTS[act].asks
    form = ActForm(request.POST if asked else None, act=act, candidate=candidate)
    context: dict[str, Any] = {"form": form, "act": act, "kind": kind, "items": items}
    if items and asked and form.is_valid():
        scene = scenes.scene_of(items, candidate=candidate, change=change, said=form.cleaned_data)
        made = acts.plan(act, scene)
        if request.POST.get("step") == "do" and made.ready:
            if request.POST.get("shown") == made.digest:
                return _do(request, kind, made, scene)
            messages.warning(request, _("The effect is another one now. Look at it again."))
        context |= {"plan": made, "rows": _rows(made), "shown": made.digest}
    return bulk_page(request, context)


def bulk_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    model = PROXIES[context["kind"]]
    act = acts.ACTS[context["act"]]
    more = {
        "label": act.label,
        "list_name": capfirst(model._meta.verbose_name_plural),
        "list_url": _list_url(context["kind"]),
        "things": ",".join(str(item.pk) for item in context["items"]),
        "is_draft": context["act"] not in acts.TAGGING,
        "most": acts.MOST,
    }
    return page(request, "campaigns/bulk.html", context | more, title=str(act.label))


def _rows(plan: Plan) -> list[tuple[Effect, list[Linked]]]:
    """Return what is done, then what is refused, each with links to who stands in the way."""
    links = linked({(use.kind, use.key) for effect in plan.refused for use in effect.users})
    return [
        (effect, [links[use.kind, use.key] for use in effect.users if (use.kind, use.key) in links])
        for effect in (*plan.refused, *plan.ready)
    ]


def _do(request: HttpRequest, kind: str, made: Plan, scene: scenes.Scene) -> HttpResponse:
    user, now = user_of(request), timezone.now()
    change = drafts.ensure_change(user, now=now) if made.drafts else None
    try:
        count = acts.carry_out(made, scene, change=change, by=user, now=now)
    except REFUSALS as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(_list_url(kind))
    words = acts.ACTS[made.act].done(count)
    if change is None:
        messages.success(request, words)
        return HttpResponseRedirect(_list_url(kind))
    url = reverse("admin:rtts-change", args=[change.pk])
    messages.success(request, format_html('{} <a href="{}">{}</a>', words, url, change.title))
    return HttpResponseRedirect(_list_url(kind))


def _list_url(kind: str) -> str:
    return reverse(f"admin:campaigns_{PROXIES[kind]._meta.model_name}_changelist")
