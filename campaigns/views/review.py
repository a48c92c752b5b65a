"""Pages on which changes are read, reviewed, approved and published, and releases rolled back."""

from collections.abc import Callable
from typing import Any

import msgspec
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseStopPolling

from campaigns import drafts, publishing, review, simulation
from campaigns.models import PROXIES, Change, Item, Release, ReviewComment
from campaigns.views.pages import attempt, needs, page, text_of, user_of
from decisioning.rules.compiler import CompileError
from rtts_site.foundation.jobs import Job
from rtts_site.foundation.redis_clients import Down

AWAY = "The profile store does not answer now; reload the page shortly."
OPEN = (Change.State.DRAFT, Change.State.IN_REVIEW, Change.State.APPROVED, Change.State.PREPARING)


@require_GET
@needs("view_change")
def inbox(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    open_changes = Change.objects.filter(state__in=OPEN).order_by("-pk").prefetch_related("authors")
    mine = open_changes.filter(authors=user)
    context = {
        "mine": mine,
        "waiting": publishing.waiting_for(user).prefetch_related("authors"),
        "approved": open_changes.filter(state=Change.State.APPROVED),
        "others": open_changes.exclude(authors=user).filter(state=Change.State.DRAFT),
        "recent": Release.objects.exclude(version=None)
        .select_related("change", "published_by")
        .defer("spec", "artifact", "policy")
        .order_by("-version")[:5],
        "current": drafts.current_change(user),
        "may_edit": user.has_perm("campaigns.add_change"),
    }
    return page(request, "campaigns/review.html", context, title="Review")


@require_GET
@needs("view_change")
def change_page(request: HttpRequest, pk: int) -> HttpResponse:
    user, now = user_of(request), timezone.now()
    told = ReviewComment.objects.select_related("author").order_by("pk")
    change = get_object_or_404(
        Change.objects.prefetch_related("authors", Prefetch("comments", told)), pk=pk
    )
    candidate = publishing.candidate_for(change)
    is_author = drafts.is_author(user, change)
    context = {
        "change": change,
        "candidate": candidate,
        "told": review.tell(change),
        "faults": review.faults(change) if change.state == Change.State.DRAFT else [],
        "doubts": review.doubts(change) if change.is_editable else [],
        "is_current": drafts.current_change(user) == change,
        "is_author": is_author,
        "may": _may(user, change, is_author=is_author),
        "job": _job(candidate),
        "now": now,
    }
    return page(request, "campaigns/change.html", context, title=change.title)


def _may(user: Any, change: Change, *, is_author: bool) -> dict[str, bool]:
    state = change.state
    approver = user.has_perm("campaigns.approve_change")
    return {
        "submit": state == Change.State.DRAFT and user.has_perm("campaigns.submit_change"),
        "approve": state == Change.State.IN_REVIEW and approver and not is_author,
        "send_back": state in (Change.State.IN_REVIEW, Change.State.APPROVED) and approver,
        "publish": state == Change.State.APPROVED and user.has_perm("campaigns.publish_release"),
        "edit": change.is_editable and user.has_perm("campaigns.change_change"),
        "discard": change.is_editable and is_author,
    }


def _job(release: Release | None) -> Job | None:
    return Job.objects.filter(pk=release.job).first() if release and release.job else None


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


def _comment(request: HttpRequest, change: Change) -> object:
    text = text_of(request, "text", most=2000)
    return publishing.comment(change, by=user_of(request), text=text, now=timezone.now())


def _publish(request: HttpRequest, change: Change) -> object:
    return publishing.publish(change, by=user_of(request), now=timezone.now())


def _discard(request: HttpRequest, change: Change) -> object:
    return publishing.discard(change, by=user_of(request), now=timezone.now())


def _switch(request: HttpRequest, change: Change) -> None:
    drafts.switch_change(user_of(request), change)


def _take_out(request: HttpRequest, change: Change) -> object:
    item = get_object_or_404(Item, pk=_number(request.POST.get("item", "")))
    return drafts.withdraw_draft(change, item, author=user_of(request), now=timezone.now())


def _rename(request: HttpRequest, change: Change) -> None:
    drafts.rename_change(change, text_of(request, "title", most=120))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


STEPS: dict[str, tuple[Step, str, str]] = {  # step, permission, what is said afterwards
    "submit": (_submit, "submit_change", "Submitted. An approver sees it in the review inbox."),
    "approve": (_approve, "approve_change", "Approved. It can be published now."),
    "send-back": (_send_back, "approve_change", "Sent back to its authors."),
    "comment": (_comment, "view_change", "Comment added."),
    "publish": (_publish, "publish_release", "Being prepared; the progress is shown below."),
    "discard": (_discard, "submit_change", "Discarded. Its history is kept."),
    "switch": (_switch, "change_change", "Your next edits go into this change."),
    "take-out": (_take_out, "change_change", "Taken out of this change."),
    "rename": (_rename, "change_change", "Renamed."),
}


@require_POST
def change_step(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    if step not in STEPS:
        raise Http404("There is no such step.")
    take, permission, done = STEPS[step]

    @needs(permission)
    def run(request: HttpRequest) -> HttpResponse:
        change = get_object_or_404(Change, pk=pk)
        to = reverse("admin:rtts-change", args=[pk])
        return attempt(request, lambda: take(request, change), done=done, to=to)

    return run(request)


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
    change = drafts.open_change(user, now=now, title=text_of(request, "title", most=120))
    drafts.switch_change(user, change)
    return attempt(
        request,
        lambda: None,
        done="Opened. Your next edits go into it.",
        to=reverse("admin:rtts-change", args=[change.pk]),
    )


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
@needs("view_release")
def job(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer the poll of a progress bar; 286 ends it."""
    found = get_object_or_404(Job, pk=pk, kind=publishing.JOB_KIND)
    response = render(request, "campaigns/job.html", {"job": found})
    if found.is_over:
        stop = HttpResponseStopPolling(response.content)
        stop["HX-Refresh"] = "true"
        return stop
    return response


@require_GET
@needs("view_release")
def release_page(request: HttpRequest, pk: int) -> HttpResponse:
    related = ("change", "base", "restores", "approved_by", "published_by")
    release = get_object_or_404(Release.objects.select_related(*related), pk=pk)
    context = {
        "release": release,
        "told": review.tell_release(release),
        "job": _job(release),
        "may_roll_back": release.state == Release.State.RETIRED
        and user_of(request).has_perm("campaigns.roll_back_release"),
    }
    return page(request, "campaigns/release.html", context, title=str(release))


@require_POST
@needs("roll_back_release")
def roll_back(request: HttpRequest, pk: int) -> HttpResponse:
    release = get_object_or_404(Release, pk=pk)
    made: list[Release] = []

    def step() -> None:
        why = text_of(request, "why", most=500)
        made.append(publishing.roll_back(release, by=user_of(request), why=why, now=timezone.now()))

    response = attempt(
        request,
        step,
        done=f"{release} is being restored as a new version.",
        to=reverse("admin:rtts-release", args=[pk]),
    )
    if made:
        response["Location"] = reverse("admin:rtts-release", args=[made[0].pk])
    return response
