"""The management API: what is authored, changes on their way to be live, releases, reports."""

from datetime import timedelta
from typing import Any, ClassVar, cast

from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from campaigns import drafts, publishing, reports, review, wording
from campaigns.api_access import ManagementView
from campaigns.api_forms import (
    ArchiveForm,
    ChangeAnswer,
    ItemAnswer,
    OpenForm,
    ReleaseAnswer,
    ResultAnswer,
    RollBackForm,
    SaveForm,
    StepForm,
)
from campaigns.candidates import candidate_of
from campaigns.models import Change, Item, Release, Revision
from campaigns.models.items import Kind
from rtts_site.foundation.problems import Unprocessable, invalid_field

PAGE_SIZE = 100
PLURALS: dict[str, Kind] = {
    "attributes": Kind.ATTRIBUTE,
    "event-types": Kind.EVENT_TYPE,
    "channels": Kind.CHANNEL,
    "placements": Kind.PLACEMENT,
    "segments": Kind.SEGMENT,
    "offers": Kind.OFFER,
    "campaigns": Kind.CAMPAIGN,
    "experiments": Kind.EXPERIMENT,
    "purposes": Kind.PURPOSE,
}
KIND = OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=sorted(PLURALS))
PAGE = OpenApiParameter("page", int, description=f"From 1; {PAGE_SIZE} a page.")


def _kind(plural: str) -> Kind:
    if plural not in PLURALS:
        raise Http404(f"There is nothing called “{plural}”.")
    return PLURALS[plural]


def _find(plural: str, key: str) -> Item:
    kind = _kind(plural)
    if not key.isprintable():
        raise Http404("A key has no such characters.")
    return get_object_or_404(Item, kind=kind, key=key)


def _said(form: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    bound = form(data=request.data)
    if not bound.is_valid():
        raise Unprocessable(bound.errors)
    return cast("dict[str, Any]", bound.validated_data)


def _page(request: Request, rows: Any) -> tuple[list[Any], dict[str, Any]]:
    asked = request.query_params.get("page", "1")
    if not (asked.isascii() and asked.isdigit() and 1 <= len(asked) <= 9 and int(asked)):
        raise invalid_field("/page", "Use a whole number from 1.")
    paginator = Paginator(rows, PAGE_SIZE)
    if int(asked) > paginator.num_pages:
        return [], {"total": paginator.count, "next": None}
    page = paginator.page(int(asked))
    following = page.next_page_number() if page.has_next() else None
    return list(page.object_list), {"total": paginator.count, "next": following}


class ItemsView(ManagementView):
    """All things of a kind."""

    permissions: ClassVar[dict[str, str]] = {"GET": "view_item"}

    @extend_schema(
        summary="List what is authored", parameters=[KIND, PAGE], responses=ItemAnswer(many=True)
    )
    def get(self, request: Request, kind: str) -> Response:
        current = drafts.current_change(self.actor)
        rows = Item.objects.filter(kind=_kind(kind)).select_related("live_revision")
        items, more = _page(request, rows.order_by("key"))
        mine = {row.item_id: row for row in drafts.drafts_of(current)} if current else {}
        names = wording.names_of(candidate_of(current))
        told = [_item(item, mine.get(item.pk), names) for item in items]
        return Response({"items": told, **more})


class ItemView(ManagementView):
    """One thing: read it, save a draft of it, archive it."""

    permissions: ClassVar[dict[str, str]] = {
        "GET": "view_item",
        "PUT": "change_change",
        "DELETE": "change_change",
    }

    @extend_schema(summary="Read one thing", parameters=[KIND], responses=ItemAnswer)
    def get(self, request: Request, kind: str, key: str) -> Response:
        item = _find(kind, key)
        return self._answer(item, drafts.current_change(self.actor))

    @extend_schema(
        summary="Save a draft of one thing",
        description="Nothing live is touched. With If-Match, refused where it was saved meanwhile.",
        parameters=[KIND, OpenApiParameter("If-Match", str, OpenApiParameter.HEADER)],
        request=SaveForm,
        responses=ItemAnswer,
    )
    def put(self, request: Request, kind: str, key: str) -> Response:
        said = _said(SaveForm, request)
        draft = drafts.Draft(
            kind=_kind(kind),
            key=key,
            body={"key": key, **said["body"]},
            details={"description": said["description"]} if said["description"] else {},
            why=said["why"],
        )
        expect = request.headers.get("If-Match")
        return self._save(draft, said.get("change"), expect=expect.strip('"') if expect else None)

    @extend_schema(
        summary="Archive one thing", parameters=[KIND], request=ArchiveForm, responses=ItemAnswer
    )
    def delete(self, request: Request, kind: str, key: str) -> Response:
        said = _said(ArchiveForm, request)
        item = _find(kind, key)
        draft = drafts.Draft(kind=item.kind, key=key, removed=True, why=said["why"])
        return self._save(draft, said.get("change"), expect=None)

    def _save(self, draft: drafts.Draft, pk: int | None, *, expect: str | None) -> Response:
        now = timezone.now()
        change = (
            get_object_or_404(Change, pk=pk) if pk else drafts.ensure_change(self.actor, now=now)
        )
        revision = drafts.save_draft(change, draft, author=self.actor, now=now, expect=expect)
        return self._answer(Item.objects.get(pk=revision.item_id), change)

    def _answer(self, item: Item, change: Change | None) -> Response:
        names = wording.names_of(candidate_of(change))
        draft = drafts.draft_of(item, change)
        told = _item(item, draft, names) | {"version": drafts.seen(item, change)}
        return Response(told, headers={"ETag": f'"{told["version"]}"'})


def _item(item: Item, draft: Revision | None, names: wording.Names) -> dict[str, Any]:
    live = item.live_revision
    body = draft.body if draft and not draft.removed else live.body if live else {}
    return {
        "kind": item.kind,
        "key": item.key,
        "name": item.name,
        "live": live.body if live else None,
        "draft": None if draft is None else {"archived": True} if draft.removed else draft.body,
        "words": wording.summary(item.kind, body, names),
        "version": f"{draft.pk if draft else ''}:{item.live_revision_id or ''}",
    }


class ChangesView(ManagementView):
    """Changes: list them, open one."""

    permissions: ClassVar[dict[str, str]] = {"GET": "view_change", "POST": "add_change"}

    @extend_schema(summary="List changes", parameters=[PAGE], responses=ChangeAnswer(many=True))
    def get(self, request: Request) -> Response:
        rows = Change.objects.prefetch_related("authors").select_related("approved_by")
        state = request.query_params.get("state", "")
        if state and state not in Change.State.values:
            raise invalid_field("/state", f"Use one of {', '.join(Change.State.values)}.")
        if state:
            rows = rows.filter(state=state)
        changes, more = _page(request, rows.order_by("-pk"))
        return Response({"changes": [_change(change) for change in changes], **more})

    @extend_schema(
        summary="Open a change; your next drafts go into it",
        request=OpenForm,
        responses={201: ChangeAnswer},
    )
    def post(self, request: Request) -> Response:
        said = _said(OpenForm, request)
        change = drafts.open_change(self.actor, now=timezone.now(), title=said["title"])
        drafts.switch_change(self.actor, change)
        return Response(_change(change), status=201)


class ChangeView(ManagementView):
    """One change, in words."""

    permissions: ClassVar[dict[str, str]] = {"GET": "view_change"}

    @extend_schema(summary="Read what a change does", responses=ChangeAnswer)
    def get(self, request: Request, pk: int) -> Response:
        return Response(_told(get_object_or_404(Change, pk=pk)))


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
    told = [
        {
            "kind": one.revision.item.kind,
            "key": one.revision.item.key,
            "verb": one.verb,
            "author": one.revision.author.get_username(),
            "lines": [
                {"label": line.label, "before": line.before, "after": line.after}
                for line in one.lines
            ],
        }
        for one in review.tell(change)
    ]
    digests = {
        "candidate_digest": candidate.digest if candidate else None,
        "review_digest": candidate.review_digest if candidate else None,
    }
    return _change(change) | digests | {"told": told}


class StepView(ManagementView):
    """A step of a change; the same rules as on its page."""

    permission: ClassVar[str] = ""

    @extend_schema(request=StepForm, responses=ChangeAnswer)
    def post(self, request: Request, pk: int) -> Response:
        said = _said(StepForm, request)
        self.take(get_object_or_404(Change, pk=pk), said)
        return Response(_told(Change.objects.get(pk=pk)))

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


class PublishView(StepView):
    """Start to take an approved change live."""

    permissions: ClassVar[dict[str, str]] = {"POST": "publish_release"}
    people_only = True

    def take(self, change: Change, said: dict[str, Any]) -> object:
        return publishing.publish(change, by=self.actor, now=timezone.now())


class ReleasesView(ManagementView):
    """Releases, newest first."""

    permissions: ClassVar[dict[str, str]] = {"GET": "view_release"}

    @extend_schema(summary="List releases", parameters=[PAGE], responses=ReleaseAnswer(many=True))
    def get(self, request: Request) -> Response:
        rows = Release.objects.exclude(version=None).select_related("approved_by")
        light = rows.defer("spec", "artifact", "policy").order_by("-version")
        releases, more = _page(request, light)
        return Response({"releases": [_release(release) for release in releases], **more})


class ReleaseView(ManagementView):
    """One release."""

    permissions: ClassVar[dict[str, str]] = {"GET": "view_release"}

    @extend_schema(summary="Read one release", responses=ReleaseAnswer)
    def get(self, request: Request, version: int) -> Response:
        return Response(_release(get_object_or_404(Release, version=version)))


class RollBackView(ManagementView):
    """Restore what a release said, as a new version."""

    permissions: ClassVar[dict[str, str]] = {"POST": "roll_back_release"}
    people_only = True

    @extend_schema(
        summary="Roll back to a release", request=RollBackForm, responses={202: ReleaseAnswer}
    )
    def post(self, request: Request, version: int) -> Response:
        said = _said(RollBackForm, request)
        release = get_object_or_404(Release, version=version)
        restored = publishing.roll_back(release, by=self.actor, why=said["why"], now=timezone.now())
        return Response(_release(restored), status=202)


def _release(release: Release) -> dict[str, Any]:
    return {
        "id": release.pk,
        "version": release.version,
        "state": release.state,
        "digest": release.digest,
        "approved_digest": release.approved_digest,
        "approved_by": release.approved_by.get_username() if release.approved_by else None,
        "published_at": release.published_at,
        "change": release.change_id,
        "restores": release.restores_id,
    }


class ReportView(ManagementView):
    """What came of an offer or campaign."""

    permissions: ClassVar[dict[str, str]] = {"GET": "view_release"}

    @extend_schema(
        summary="Read what came of an offer or campaign",
        parameters=[
            OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=["offers", "campaigns"]),
            OpenApiParameter("by", str, enum=["day", "placement", "variant", "arm"]),
            OpenApiParameter("days", int, description="1 to 366"),
        ],
        responses=ResultAnswer(many=True),
    )
    def get(self, request: Request, kind: str, key: str) -> Response:
        if kind not in ("offers", "campaigns"):
            raise Http404("There are reports of offers and campaigns.")
        item = _find(kind, key)
        by, days = request.query_params.get("by", "day"), request.query_params.get("days", "28")
        if by not in ("day", "placement", "variant", "arm"):
            raise invalid_field("/by", "Use day, placement, variant or arm.")
        if not (days.isascii() and days.isdigit() and len(days) < 4 and 1 <= int(days) <= 366):
            raise invalid_field("/days", "Use a whole number from 1 to 366.")
        now = timezone.now()
        rows = reports.results(
            kind=cast("Any", item.kind),
            key=key,
            by=cast("reports.Grouping", by),
            since=now - timedelta(days=int(days)),
            until=now,
        )
        return Response({"results": ResultAnswer(rows, many=True).data})
