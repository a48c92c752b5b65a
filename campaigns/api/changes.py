"""The management API of changes: open, read, discuss, submit, approve, send back, publish; the rules of the pages hold."""

import hashlib
from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import approvals, comments, drafts, publishing, review
from campaigns.api.access import ManagementView
from campaigns.api.forms import (
    ChangeAnswer,
    CommentAnswer,
    CommentForm,
    OpenForm,
    ResolveForm,
    StepForm,
)
from campaigns.api.reading import (
    IDEMPOTENCY_KEY,
    IF_MATCH,
    PAGING,
    Order,
    asked_for,
    check_version,
    find_item,
    page_of,
    repeatable,
    said_in,
    with_version,
)
from campaigns.candidates import content_digest
from campaigns.models import Change, ReviewComment
from campaigns.models.items import Kind

NEWEST_FIRST = Order("-pk", int)
TITLE = OpenApiParameter("q", str, description="Part of the title.")


class ChangesView(ManagementView):
    """Changes: list them, open one."""

    permissions: ClassVar[dict[str, str]] = {"GET": "view_change", "POST": "add_change"}

    @extend_schema(
        summary="List changes",
        parameters=[
            OpenApiParameter("state", str, enum=Change.State.values),
            OpenApiParameter("author", str, description="A user name."),
            OpenApiParameter("kind", str, enum=Kind.values, description="Of a thing in it."),
            TITLE,
            *PAGING,
        ],
        responses=ChangeAnswer(many=True),
    )
    def get(self, request: Request) -> Response:
        rows = Change.objects.prefetch_related("authors").select_related("approved_by")
        chosen = {
            "state": asked_for(request, "state", Change.State.values),
            "authors__username": asked_for(request, "author"),
            "revisions__item__kind": asked_for(request, "kind", Kind.values),
            "title__icontains": asked_for(request, "q"),
        }
        rows = rows.filter(**{name: value for name, value in chosen.items() if value}).distinct()
        changes, following = page_of(request, rows, NEWEST_FIRST)
        return Response({"changes": [_change(one) for one in changes], "next": following})

    @extend_schema(
        summary="Open a change; your next drafts go into it",
        parameters=[IDEMPOTENCY_KEY],
        request=OpenForm,
        responses={201: ChangeAnswer},
    )
    @repeatable
    def post(self, request: Request) -> Response:
        said = said_in(OpenForm, request)
        change = drafts.open_change(self.actor, now=timezone.now(), title=said["title"])
        drafts.switch_change(self.actor, change)
        return with_version(request, _told(change), _version(change), status=201)


class ChangeView(ManagementView):
    """One change, in words."""

    permissions: ClassVar[dict[str, str]] = {"GET": "view_change", "PUT": "change_change"}

    @extend_schema(summary="Read what a change does", responses=ChangeAnswer)
    def get(self, request: Request, pk: int) -> Response:
        change = get_object_or_404(Change, pk=pk)
        return with_version(request, _told(change), _version(change))

    @extend_schema(
        summary="Give a change another title",
        description="The title is reviewed too: a change in review or approved goes back to draft.",
        parameters=[IF_MATCH],
        request=OpenForm,
        responses=ChangeAnswer,
    )
    def put(self, request: Request, pk: int) -> Response:
        change = get_object_or_404(Change, pk=pk)
        check_version(request, _version(change), exists=True)
        title = said_in(OpenForm, request)["title"]
        change = drafts.rename_change(change, title, by=self.actor, now=timezone.now())
        return with_version(request, _told(change), _version(change))


def _version(change: Change) -> str:
    said = f"{content_digest(drafts.drafts_of(change))} {change.title}"
    return f"{change.state}:{hashlib.sha256(said.encode()).hexdigest()[:32]}"


def _change(change: Change) -> dict[str, Any]:
    return {
        "id": change.pk,
        "title": change.title,
        "state": change.state,
        "authors": sorted(author.get_username() for author in change.authors.all()),
        "approved_by": change.approved_by.get_username() if change.approved_by else None,
    }


def _told(change: Change) -> dict[str, Any]:
    candidate = publishing.candidate_for(change)
    standing = approvals.standing_of(change)
    return _change(change) | {
        "version": _version(change),
        "candidate_digest": candidate.digest if candidate else None,
        "review_digest": candidate.review_digest if candidate else None,
        "approvals": [_need(need) for need in standing.needs],
        "missing": standing.missing_words,
        "told": [_thing(one) for one in review.tell(change)],
    }


def _need(need: approvals.Need) -> dict[str, Any]:
    return {
        "count": need.count,
        "role": need.role or None,
        "because": list(need.because),
        "missing": need.missing,
        "given": [
            {"by": one.user.get_username(), "at": one.given_at, "digest": one.digest}
            for one in need.given
        ],
    }


def _thing(told: review.Told) -> dict[str, Any]:
    return {
        "kind": told.revision.item.kind,
        "key": told.revision.item.key,
        "verb": told.verb,
        "author": told.revision.author.get_username(),
        "lines": [
            {
                "field": one.field,
                "label": one.label,
                "change": one.change,
                "before": one.line.before,
                "after": one.line.after,
            }
            for one in told.differences
        ],
    }


class StepView(ManagementView):
    """A step of a change; the same rules as on its page."""

    @extend_schema(parameters=[IF_MATCH, IDEMPOTENCY_KEY], request=StepForm, responses=ChangeAnswer)
    @repeatable
    def post(self, request: Request, pk: int) -> Response:
        said = said_in(StepForm, request)
        change = get_object_or_404(Change, pk=pk)
        check_version(request, _version(change), exists=True)
        self.take(change, said)
        change = Change.objects.get(pk=pk)
        return with_version(request, _told(change), _version(change))

    def take(self, change: Change, said: dict[str, Any]) -> object:
        """Take the step."""
        raise NotImplementedError


class SubmitView(StepView):
    """Ask for review."""

    permissions: ClassVar[dict[str, str]] = {"POST": "submit_change"}

    def take(self, change: Change, said: dict[str, Any]) -> object:
        return publishing.submit(change, by=self.actor, now=timezone.now())


class ApproveView(StepView):
    """Approve exactly the candidate with this digest; never an author's own."""

    permissions: ClassVar[dict[str, str]] = {"POST": "approve_change"}
    people_only = True

    def take(self, change: Change, said: dict[str, Any]) -> object:
        return publishing.approve(
            change, by=self.actor, digest=said["digest"], text=said["text"], now=timezone.now()
        )


class SendBackView(StepView):
    """Return a change to its authors."""

    permissions: ClassVar[dict[str, str]] = {"POST": "approve_change"}
    people_only = True

    def take(self, change: Change, said: dict[str, Any]) -> object:
        return publishing.send_back(change, by=self.actor, text=said["text"], now=timezone.now())


class DiscardView(StepView):
    """Close a change without publishing it."""

    permissions: ClassVar[dict[str, str]] = {"POST": "submit_change"}

    def take(self, change: Change, said: dict[str, Any]) -> object:
        return publishing.discard(change, by=self.actor, now=timezone.now())


class PublishView(StepView):
    """Start to take an approved change live."""

    permissions: ClassVar[dict[str, str]] = {"POST": "publish_release"}
    people_only = True

    def take(self, change: Change, said: dict[str, Any]) -> object:
        return publishing.publish(change, by=self.actor, now=timezone.now())


class CommentsView(ManagementView):
    """What was said on a change."""

    permissions: ClassVar[dict[str, str]] = {"GET": "view_change", "POST": "view_change"}

    @extend_schema(summary="List the comments on a change", responses=CommentAnswer(many=True))
    def get(self, request: Request, pk: int) -> Response:
        threads = comments.threads_of(get_object_or_404(Change, pk=pk))
        said = [row for one in threads for row in (one.first, *one.replies)]
        return Response({"comments": [_comment(row) for row in said]})

    @extend_schema(
        summary="Comment on a change, a thing of it or a field of a thing",
        parameters=[IDEMPOTENCY_KEY],
        request=CommentForm,
        responses={201: CommentAnswer},
    )
    @repeatable
    def post(self, request: Request, pk: int) -> Response:
        said = said_in(CommentForm, request)
        change = get_object_or_404(Change, pk=pk)
        about: comments.Place | ReviewComment | None = None
        if said.get("answers"):
            about = get_object_or_404(ReviewComment, pk=said["answers"])
        elif said.get("thing"):
            thing = said["thing"]
            about = comments.Place(find_item(thing["kind"], thing["key"]), said["field"])
        row = comments.comment(change, said["text"], by=self.actor, now=timezone.now(), about=about)
        return Response(_comment(row), status=201)


class ResolveView(ManagementView):
    """Close a thread, or open it again."""

    permissions: ClassVar[dict[str, str]] = {"POST": "view_change"}

    @extend_schema(summary="Resolve a comment", request=ResolveForm, responses=CommentAnswer)
    def post(self, request: Request, pk: int) -> Response:
        said = said_in(ResolveForm, request)
        row = get_object_or_404(ReviewComment.objects.select_related("change"), pk=pk)
        comments.resolve(row, by=self.actor, now=timezone.now(), is_open=said["open"])
        return Response(_comment(ReviewComment.objects.get(pk=row.parent_id or row.pk)))


def _comment(row: ReviewComment) -> dict[str, Any]:
    return {
        "id": row.pk,
        "answers": row.parent_id,
        "thing": {"kind": row.item.kind, "key": row.item.key} if row.item else None,
        "field": row.field,
        "author": row.author.get_username() if row.author else None,
        "text": row.text,
        "at": row.created_at,
        "resolved_at": row.resolved_at,
    }
