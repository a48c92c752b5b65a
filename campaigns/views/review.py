"""Pages on which changes are read, reviewed, approved and published."""

from collections.abc import Callable
from typing import Any

import msgspec
from django.contrib.auth.models import User
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from campaigns import (
    approvals,
    comments,
    consent_effect,
    drafts,
    exchange,
    publishing,
    review,
    simulation,
)
from campaigns import inbox as inboxes
from campaigns.mapping import Refused
from campaigns.models import PROXIES, Change, Item, Release, ReviewComment
from campaigns.models.items import Kind
from campaigns.views.pages import attempt, needs, number_of, page, text_of, user_of
from campaigns.views.releases import job_of
from decisioning.rules.compiler import CompileError
from rtts_site.foundation.redis_clients import Down

AWAY = gettext_lazy("The profile store does not answer now; reload the page shortly.")


@require_GET
@needs("view_change")
def inbox(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    chosen = inboxes.Filter(**{name: _asked(request, name) for name in FILTERS})
    context = {
        "inbox": inboxes.inbox_of(user, chosen),
        "chosen": chosen,
        "is_filtered": chosen != inboxes.Filter(),
        "states": [(state.value, state.label) for state in inboxes.OPEN],
        "kinds": Kind.choices,
        "authors": list(inboxes.authors_of_open()),
        "recent": Release.objects.exclude(version=None)
        .select_related("change", "published_by")
        .defer("spec", "artifact", "policy")
        .order_by("-version")[:5],
        "current": drafts.current_change(user),
        "may_edit": user.has_perm("campaigns.add_change"),
    }
    return page(request, "campaigns/review.html", context, title=_("Review"))


FILTERS = ("state", "author", "kind", "query")


def _asked(request: HttpRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\0", "").strip()[:100]


@require_GET
@needs("view_change")
def change_page(request: HttpRequest, pk: int) -> HttpResponse:
    user, now = user_of(request), timezone.now()
    story = ReviewComment.objects.exclude(verdict=ReviewComment.Verdict.COMMENT)
    told = Prefetch("comments", story.select_related("author").order_by("pk"))
    change = get_object_or_404(Change.objects.prefetch_related("authors", told), pk=pk)
    candidate = publishing.candidate_for(change)
    standing = approvals.standing_of(change)
    threads = comments.threads_of(change)
    context = {
        "change": change,
        "candidate": candidate,
        "told": [_with_threads(one, threads) for one in review.tell(change)],
        "threads": [one for one in threads if one.first.item_id is None],
        "open_threads": sum(one.is_open for one in threads),
        "standing": standing,
        "stopped": review.stopped(change) if change.is_editable else [],
        "why_not": approvals.why_not(user, standing),
        "faults": review.faults(change) if change.state == Change.State.DRAFT else [],
        "is_current": drafts.current_change(user) == change,
        "may": _may(user, change, standing),
        "edits_policy": consent_effect.edits_policy(change),
        "job": job_of(candidate),
        "now": now,
    }
    return page(request, "campaigns/change.html", context, title=change.title)


def _with_threads(told: review.Told, threads: list[comments.Thread]) -> dict[str, Any]:
    """Return a thing with what was said on it, and each of its fields with what was said on that."""
    mine = [one for one in threads if one.first.item_id == told.revision.item_id]
    fields = {one.field for one in told.differences}
    last = {one.field: number for number, one in enumerate(told.differences)}
    rows = [
        {
            "difference": one,
            # A field of several lines has its threads below the last.
            "threads": [t for t in mine if t.first.field == one.field]
            if last[one.field] == number
            else [],
        }
        for number, one in enumerate(told.differences)
    ]
    rest = [one for one in mine if one.first.field not in fields]
    return {"one": told, "rows": rows, "threads": rest}


def _may(user: User, change: Change, standing: approvals.Standing) -> dict[str, bool]:
    state, is_author = change.state, user.pk in standing.authors
    approver = user.has_perm("campaigns.approve_change")
    return {
        "submit": state == Change.State.DRAFT and user.has_perm("campaigns.submit_change"),
        "approve": state == Change.State.IN_REVIEW and not approvals.why_not(user, standing),
        "send_back": state in (Change.State.IN_REVIEW, Change.State.APPROVED) and approver,
        "publish": state == Change.State.APPROVED and user.has_perm("campaigns.publish_release"),
        "edit": change.is_editable and user.has_perm("campaigns.change_change"),
        "discard": change.is_editable and is_author,
    }


Step = Callable[[HttpRequest, Change], object]


def _submit(request: HttpRequest, change: Change) -> object:
    return publishing.submit(change, by=user_of(request), now=timezone.now())


def _approve(request: HttpRequest, change: Change) -> object:
    return publishing.approve(
        change,
        by=user_of(request),
        digest=request.POST.get("digest", ""),
        text=text_of(request, "text", most=2000),
        now=timezone.now(),
    )


def _send_back(request: HttpRequest, change: Change) -> object:
    text = text_of(request, "text", most=2000)
    return publishing.send_back(change, by=user_of(request), text=text, now=timezone.now())


def _publish(request: HttpRequest, change: Change) -> object:
    return publishing.publish(change, by=user_of(request), now=timezone.now())


def _discard(request: HttpRequest, change: Change) -> object:
    return publishing.discard(change, by=user_of(request), now=timezone.now())


def _switch(request: HttpRequest, change: Change) -> None:
    drafts.switch_change(user_of(request), change)


def _take_out(request: HttpRequest, change: Change) -> object:
    item = get_object_or_404(Item, pk=number_of(request, "item"))
    return drafts.withdraw_draft(change, item, author=user_of(request), now=timezone.now())


def _rename(request: HttpRequest, change: Change) -> None:
    title = text_of(request, "title", most=120)
    drafts.rename_change(change, title, by=user_of(request), now=timezone.now())


STEPS: dict[str, tuple[Step, str, Any]] = {  # step, permission, what is said afterwards
    "submit": (
        _submit,
        "submit_change",
        gettext_lazy("Submitted. An approver sees it in the review inbox."),
    ),
    "approve": (_approve, "approve_change", gettext_lazy("Your approval is recorded.")),
    "send-back": (_send_back, "approve_change", gettext_lazy("Sent back to its authors.")),
    "publish": (
        _publish,
        "publish_release",
        gettext_lazy("Being prepared; the progress is shown below."),
    ),
    "discard": (_discard, "submit_change", gettext_lazy("Discarded. Its history is kept.")),
    "switch": (
        _switch,
        "change_change",
        gettext_lazy("Your next edits go into this change."),
    ),
    "take-out": (_take_out, "change_change", gettext_lazy("Taken out of this change.")),
    "rename": (_rename, "change_change", gettext_lazy("Renamed.")),
}


@require_POST
def change_step(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    if step not in STEPS:
        raise Http404(_("There is no such step."))
    take, permission, done = STEPS[step]

    @needs(permission)
    def run(request: HttpRequest) -> HttpResponse:
        change = get_object_or_404(Change, pk=pk)
        to = reverse("admin:rtts-change", args=[pk])
        return attempt(request, lambda: take(request, change), done=str(done), to=to)

    return run(request)


@require_GET
@needs("view_change")
def export(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer with a change as a document that can be imported."""
    change = get_object_or_404(Change, pk=pk)
    answer = JsonResponse(exchange.export_change(change), json_dumps_params={"indent": 2})
    answer["Content-Disposition"] = f'attachment; filename="change-{pk}.json"'
    return answer


@require_GET
@needs("view_change")
def item(request: HttpRequest, pk: int) -> HttpResponse:
    """Lead to the form of an item, whatever its kind."""
    found = get_object_or_404(Item, pk=pk)
    name = PROXIES[found.kind]._meta.model_name
    return redirect(f"admin:campaigns_{name}_change", pk)


@require_POST
@needs("add_change")
def new_change(request: HttpRequest) -> HttpResponse:
    user, now = user_of(request), timezone.now()
    made: list[Change] = []

    def step() -> None:
        made.append(drafts.open_change(user, now=now, title=text_of(request, "title", most=120)))
        drafts.switch_change(user, made[0])

    done = _("Opened. Your next edits go into it.")
    answer = attempt(request, step, done=done, to=reverse("admin:rtts-review"))
    if made:
        answer["Location"] = reverse("admin:rtts-change", args=[made[0].pk])
    return answer


@require_GET
@needs("view_change")
def effect(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer with the audience before and after: measured now, and kept as the reviewer saw it."""
    change = get_object_or_404(Change, pk=pk)
    release = change.candidates.order_by("-pk").first()
    if not change.is_editable and release is not None:
        kept = msgspec.convert(release.effect or [], list[simulation.Effect])
        return render(request, "campaigns/effect.html", {"effects": kept})
    try:
        effects = simulation.effect_of(change, now=timezone.now())
    except CompileError as error:
        return render(request, "campaigns/effect.html", {"trouble": error})
    except Down:
        return render(request, "campaigns/effect.html", {"trouble": AWAY})
    if release is not None and release.state == Release.State.CANDIDATE:
        release.effect = msgspec.to_builtins(effects)
        release.save(update_fields=["effect"])
    return render(request, "campaigns/effect.html", {"effects": effects})


@require_GET
@needs("view_change")
def effect_on_consent(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer with how many people the policy of an open change would treat otherwise."""
    change = get_object_or_404(Change, pk=pk)
    if not consent_effect.edits_policy(change):
        raise Http404(_("This change says nothing of consent, or is over."))
    try:
        found = consent_effect.consent_effect(change, now=timezone.now())
    except Refused as error:
        return render(request, "campaigns/consent_effect.html", {"trouble": error})
    return render(request, "campaigns/consent_effect.html", {"found": found})
