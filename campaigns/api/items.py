"""The management API of authored things: read them, save drafts, archive, take a draft back."""

from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import drafts, wording
from campaigns.api.access import ManagementView
from campaigns.api.forms import ArchiveForm, ItemAnswer, MakeForm, SaveForm
from campaigns.api.reading import (
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    KIND,
    PAGING,
    Order,
    asked_for,
    check_version,
    find_item,
    kind_of,
    page_of,
    repeatable,
    said_in,
    with_version,
)
from campaigns.candidates import candidate_of
from campaigns.models import Change, Item, Revision
from rtts_site.foundation.problems import Problem, invalid_field

CHANGE = OpenApiParameter("change", int, description="Drafts of this change; else your current.")
STATES = ["live", "draft", "archived"]
BY_KEY = Order("key", str)


def _change_asked(view: ManagementView, request: Request) -> Change | None:
    asked = asked_for(request, "change")
    if not asked:
        return drafts.current_change(view.actor)
    if not (asked.isascii() and asked.isdigit() and len(asked) < 19):
        raise invalid_field("/change", "Use the id of a change.")
    return get_object_or_404(Change, pk=int(asked))


class ItemsView(ManagementView):
    """All things of a kind."""

    permissions: ClassVar[dict[str, str]] = {"GET": "view_item", "POST": "change_change"}

    @extend_schema(
        summary="List what is authored",
        parameters=[
            KIND,
            CHANGE,
            OpenApiParameter("q", str, description="Part of the name or key."),
            OpenApiParameter("state", str, enum=STATES),
            *PAGING,
        ],
        responses=ItemAnswer(many=True),
    )
    def get(self, request: Request, kind: str) -> Response:
        change = _change_asked(self, request)
        mine = {row.item_id: row for row in drafts.drafts_of(change)} if change else {}
        rows = Item.objects.filter(kind=kind_of(kind)).select_related("live_revision")
        items, following = page_of(request, _filtered(request, rows, set(mine)), BY_KEY)
        names = wording.names_of(candidate_of(change))
        told = [_item(item, mine.get(item.pk), names) for item in items]
        return Response({"items": told, "next": following})

    @extend_schema(
        summary="Make a new thing as a draft",
        description="409 where its key is taken. Nothing is live before it is reviewed.",
        parameters=[KIND, IDEMPOTENCY_KEY],
        request=MakeForm,
        responses={201: ItemAnswer},
    )
    @repeatable
    def post(self, request: Request, kind: str) -> Response:
        said = said_in(MakeForm, request)
        key = said["body"].get("key")
        if not isinstance(key, str):
            raise invalid_field("/body/key", "Give the new thing a key.")
        found = (
            Item.objects.filter(kind=kind_of(kind), key=key[:200]) if key.isprintable() else None
        )
        if found is not None and found.exists():
            raise Problem(409, "There already", f"There is a thing with the key “{key}”.")
        draft = _draft(kind_of(kind), key, said)
        return save(self, request, draft, said.get("change"), status=201)


def _filtered(request: Request, rows: QuerySet[Item], drafted: set[int]) -> QuerySet[Item]:
    query, state = asked_for(request, "q"), asked_for(request, "state", STATES)
    if query:
        rows = rows.filter(Q(name__icontains=query) | Q(key__icontains=query))
    archived = Q(archived_at__isnull=False, live_revision=None)
    chosen = {"live": Q(live_revision__isnull=False), "draft": Q(pk__in=drafted)}
    return rows.filter(chosen.get(state, archived)) if state else rows


class ItemView(ManagementView):
    """One thing: read it, save a draft of it, archive it."""

    permissions: ClassVar[dict[str, str]] = {
        "GET": "view_item",
        "PUT": "change_change",
        "DELETE": "change_change",
    }

    @extend_schema(summary="Read one thing", parameters=[KIND, CHANGE], responses=ItemAnswer)
    def get(self, request: Request, kind: str, key: str) -> Response:
        return answer_item(request, find_item(kind, key), _change_asked(self, request))

    @extend_schema(
        summary="Save a draft of one thing",
        description="Nothing live is touched. With If-Match, refused where it was saved meanwhile.",
        parameters=[KIND, IF_MATCH, IF_NONE_MATCH, IDEMPOTENCY_KEY],
        request=SaveForm,
        responses=ItemAnswer,
    )
    @repeatable
    def put(self, request: Request, kind: str, key: str) -> Response:
        said = said_in(SaveForm, request)
        return save(self, request, _draft(kind_of(kind), key, said), said.get("change"))

    @extend_schema(
        summary="Archive one thing",
        parameters=[KIND, IF_MATCH, IDEMPOTENCY_KEY],
        request=ArchiveForm,
        responses=ItemAnswer,
    )
    @repeatable
    def delete(self, request: Request, kind: str, key: str) -> Response:
        said = said_in(ArchiveForm, request)
        item = find_item(kind, key)
        draft = drafts.Draft(kind=item.kind, key=key, removed=True, why=said["why"])
        return save(self, request, draft, said.get("change"))


class WithdrawView(ManagementView):
    """Take what a change says of a thing out of the change."""

    permissions: ClassVar[dict[str, str]] = {"POST": "change_change"}

    @extend_schema(
        summary="Take a thing out of a change",
        parameters=[KIND, IDEMPOTENCY_KEY],
        request=ArchiveForm,
        responses=ItemAnswer,
    )
    @repeatable
    def post(self, request: Request, kind: str, key: str) -> Response:
        said = said_in(ArchiveForm, request)
        item = find_item(kind, key)
        self.require_kinds([item.kind])
        change = target_of(self, said.get("change"))
        if drafts.draft_of(item, change) is None:
            raise Problem(409, "Not possible now", f"“{change}” says nothing of “{item}”.")
        drafts.withdraw_draft(change, item, author=self.actor, now=timezone.now())
        return answer_item(request, item, change)


def _draft(kind: str, key: str, said: dict[str, Any]) -> drafts.Draft:
    details = {name: said[name] for name in ("description", "time_zone") if said.get(name)}
    body = {"key": key, **said["body"]}
    return drafts.Draft(kind=kind, key=key, body=body, details=details, why=said["why"])


def target_of(view: ManagementView, pk: int | None) -> Change:
    """Return the change that a write goes into."""
    if pk:
        return get_object_or_404(Change, pk=pk)
    return drafts.ensure_change(view.actor, now=timezone.now())


def save(
    view: ManagementView, request: Request, draft: drafts.Draft, pk: int | None, status: int = 200
) -> Response:
    """Append a draft to a change where the version is the expected one, and answer with the thing."""
    view.require_kinds([draft.kind])
    change = target_of(view, pk)
    item = Item.objects.filter(kind=draft.kind, key=draft.key).first()
    current = drafts.seen(item, change) if item else ":"
    expect = check_version(request, current, exists=item is not None)
    now = timezone.now()
    revision = drafts.save_draft(change, draft, author=view.actor, now=now, expect=expect)
    saved = Item.objects.select_related("live_revision").get(pk=revision.item_id)
    return answer_item(request, saved, change, status)


def answer_item(request: Request, item: Item, change: Change | None, status: int = 200) -> Response:
    """Return a thing as a change has it, with its version as ETag."""
    names = wording.names_of(candidate_of(change))
    told = _item(item, drafts.draft_of(item, change), names)
    return with_version(request, told, told["version"], status)


def _item(item: Item, draft: Revision | None, names: wording.Names) -> dict[str, Any]:
    live = item.live_revision
    body = draft.body if draft and not draft.removed else live.body if live else {}
    shown = draft or live
    return {
        "kind": item.kind,
        "key": item.key,
        "name": item.name,
        "live": live.body if live else None,
        "draft": None if draft is None else {"archived": True} if draft.removed else draft.body,
        "details": shown.details if shown else {},
        "words": wording.summary(item.kind, body, names),
        "version": f"{draft.pk if draft else ''}:{item.live_revision_id or ''}",
    }
