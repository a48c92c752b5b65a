"""What the buttons of comments do: say something, answer, close a thread."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import comments
from campaigns.models import Change, Item, ReviewComment
from campaigns.views.pages import attempt, needs, number_of, text_of, user_of


@require_POST
@needs("view_change")
def say(request: HttpRequest, pk: int) -> HttpResponse:
    change = get_object_or_404(Change, pk=pk)

    def step() -> object:
        text = text_of(request, "text", most=2000)
        about = _about(request)
        return comments.comment(change, text, by=user_of(request), now=timezone.now(), about=about)

    return attempt(request, step, done=_("Comment added."), to=_to(pk, request))


def _about(request: HttpRequest) -> comments.Place | ReviewComment:
    answered = number_of(request, "answers")
    if answered:
        return get_object_or_404(ReviewComment, pk=answered)
    item = number_of(request, "item")
    found = get_object_or_404(Item, pk=item) if item else None
    return comments.Place(found, text_of(request, "field", most=60))


@require_POST
@needs("view_change")
def resolve(request: HttpRequest, pk: int) -> HttpResponse:
    said = get_object_or_404(ReviewComment.objects.select_related("change", "parent"), pk=pk)
    is_open = request.POST.get("open") == "1"

    def step() -> object:
        return comments.resolve(said, by=user_of(request), now=timezone.now(), is_open=is_open)

    done = _("Open again.") if is_open else _("Resolved.")
    return attempt(request, step, done=done, to=_to(said.change_id, request))


def _to(change: int, request: HttpRequest) -> str:
    item = number_of(request, "item")
    place = f"#item-{item}" if item else "#comments"
    return reverse("admin:rtts-change", args=[change]) + place
