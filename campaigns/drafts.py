"""The only writer of revisions: every form, action and API call saves, archives and switches drafts here."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AbstractUser, AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from campaigns.body_rules import FieldError
from campaigns.mapping import Refused, body_of, parse, with_clean_html
from campaigns.models import PROXIES, Change, Item, OpenChange, ReviewComment, Revision
from campaigns.models.items import Kind
from rtts_site.foundation.models import ApiKey

Body = dict[str, Any]
KEY_ACCOUNT = (
    "key-"  # begins the user name of the account that stands for an API key; its id follows
)


class StaleDraft(Exception):
    """The item was saved by somebody else since the form was opened."""

    def __init__(self, current: Revision | None) -> None:
        super().__init__(_("Somebody saved this since you opened it. Compare, then save again."))
        self.current = current


class NobodyAnswers(Exception):
    """A program writes with a key of which nobody knows who made it."""


class ChangeClosed(Exception):
    """The change is being published, is live or was discarded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What an author wants an item to say."""

    kind: str
    key: str
    body: Body = field(default_factory=dict)
    details: Body = field(default_factory=dict)
    removed: bool = False
    why: str = ""


def open_change(author: AbstractUser, *, now: datetime, title: str = "") -> Change:
    """Create an empty change of an author."""
    authors = _with_issuer(author)
    change = Change.objects.create(
        title=title or f"{author.get_username()}, {now:%d %b %Y %H:%M}",
        created_by_id=author.pk,
        created_at=now,
    )
    change.authors.add(*authors)
    return change


def current_change(author: AbstractBaseUser | AnonymousUser) -> Change | None:
    """Return the change that the author's next save goes into, None before the first; one query."""
    row = OpenChange.objects.filter(user_id=author.pk or 0).select_related("change").first()
    return row.change if row is not None and row.change.is_editable else None


def switch_change(author: AbstractUser, change: Change) -> None:
    """Let the author's next save go into another change.

    Raises:
        ChangeClosed: the change takes no more edits.
    """
    if not change.is_editable:
        raise ChangeClosed(
            _("“{change}” is {state} and takes no more edits. Open another.").format(
                change=change, state=change.get_state_display()
            )
        )
    OpenChange.objects.update_or_create(user_id=author.pk, defaults={"change": change})


@transaction.atomic
def rename_change(change: Change, title: str, *, by: AbstractUser, now: datetime) -> Change:
    """Give a change another title, which is reviewed with it; whoever is no author of it only while it is a draft.

    Raises:
        ChangeClosed: it takes no more edits.
        PermissionDenied: it is in review or approved, and not theirs.
        Refused: no title.
        NobodyAnswers: a key renames it that nobody answers for.
    """
    change = _editable(change)
    if change.state != Change.State.DRAFT and not is_author(by, change):
        raise PermissionDenied(_("Your role does not allow this; ask an admin for it."))
    if not title.strip():
        raise Refused(FieldError("title", _("Give the change a title.")))
    title = title.strip()[:120]
    if title != change.title:
        change.title = title
        change.save(update_fields=["title"])
        change.authors.add(*_with_issuer(by))
        _void_approval(change, _("The title was edited; submit it again."), author=by, now=now)
    return change


def ensure_change(author: AbstractUser, *, now: datetime) -> Change:
    """Return the change that the author's next save goes into, a new one where there is none."""
    change = current_change(author)
    if change is None:
        change = open_change(author, now=now)
        switch_change(author, change)
    return change


def drafts_of(change: Change) -> QuerySet[Revision]:
    """Return the newest revision of each item in a change, in the order of item ids."""
    return newest_drafts([change.pk]).select_related("author", "base")


def newest_drafts(changes: Iterable[int]) -> QuerySet[Revision]:
    """Return the newest revision of each item in each of some changes, in the order of changes and item ids."""
    rows = Revision.objects.filter(change__in=list(changes))
    newest = rows.order_by("change_id", "item_id", "-number").distinct("change_id", "item_id")
    return newest.select_related("item")


def draft_of(item: Item, change: Change | None) -> Revision | None:
    """Return what a change says of an item, if it says anything."""
    if change is None:
        return None
    return Revision.objects.filter(item=item.pk, change=change).order_by("-number").first()


def seen(item: Item, change: Change | None) -> str:
    """Return the mark of what an author of this change sees of an item now, e.g. ``"17:12"``."""
    draft = draft_of(item, change)
    return f"{draft.pk if draft else ''}:{item.live_revision_id or ''}"


@transaction.atomic
def save_draft(
    change: Change, draft: Draft, *, author: AbstractUser, now: datetime, expect: str | None = None
) -> Revision:
    """Append a revision to a change; one in review or approved goes back to draft.

    `expect` is what `seen` gave when the author opened the item; None skips the comparison.

    Raises:
        Refused: the body cannot become a spec, or names another key.
        StaleDraft: the item was saved by somebody else since `expect`.
        ChangeClosed: the change takes no more edits.
        NobodyAnswers: the author is a key that nobody answers for.
    """
    change = _editable(change)
    if not draft.removed:
        draft = replace(draft, body=_checked_body(draft))
    item = _locked_item(draft, now)
    if expect is not None and seen(item, change) != expect:
        raise StaleDraft(draft_of(item, change) or item.live_revision)
    revision = _append(item, change, draft, author=author, now=now)
    change.authors.add(*_with_issuer(author))
    _void_approval(change, _edited(item), author=author, now=now)
    return revision


@transaction.atomic
def save_drafts(
    change: Change, drafts: Iterable[Draft], *, author: AbstractUser, now: datetime
) -> list[Revision]:
    """Append revisions of many different items to a change; a dozen queries however many there are.

    Raises:
        Refused, ChangeClosed, NobodyAnswers: as `save_draft` does; then none is saved.
    """
    change = _editable(change)
    checked = [
        draft if draft.removed else replace(draft, body=_checked_body(draft)) for draft in drafts
    ]
    items = _locked_items(checked, now)
    newest = Revision.objects.filter(item__in=[item.pk for item in items]).order_by().values("item")
    numbers = dict(newest.annotate(newest=Max("number")).values_list("item", "newest"))
    revisions = Revision.objects.bulk_create(
        (
            Revision(
                item_id=item.pk,
                change=change,
                number=numbers.get(item.pk, 0) + 1,
                body={} if draft.removed else draft.body,
                details=draft.details,
                removed=draft.removed,
                base_id=item.live_revision_id,
                author_id=author.pk,
                why=draft.why,
                created_at=now,
            )
            for item, draft in zip(items, checked, strict=True)
        ),
        batch_size=500,
    )
    change.authors.add(*_with_issuer(author))
    if items:
        _void_approval(change, _edited(items[0]), author=author, now=now)
    return revisions


def _locked_items(drafts: list[Draft], now: datetime) -> list[Item]:
    """Return the item of each draft, locked; those that are missing are made."""
    made = (
        Item(kind=draft.kind, key=draft.key, name=draft.body.get("name", ""), created_at=now)
        for draft in drafts
    )
    Item.objects.bulk_create(made, batch_size=500, ignore_conflicts=True)
    kinds, keys = {draft.kind for draft in drafts}, [draft.key for draft in drafts]
    rows = Item.objects.filter(kind__in=kinds, key__in=keys).order_by("pk")
    found = {(item.kind, item.key): item for item in rows.select_for_update(of=("self",))}
    items = [found[draft.kind, draft.key] for draft in drafts]
    renamed = []
    for item, draft in zip(items, drafts, strict=True):
        name = draft.body.get("name", "")
        if item.live_revision_id is None and name and item.name != name:
            item.name = name
            renamed.append(item)
    Item.objects.bulk_update(renamed, ["name"], batch_size=500)
    return items


def _with_issuer(author: AbstractUser) -> list[int]:
    """Return an author and, where it is a program, who made its key: neither may approve what it writes."""
    key = _key_of(author)
    if key is None:
        return [author.pk]
    issuer = ApiKey.objects.filter(pk=key).values_list("issued_by", flat=True).first()
    if issuer is None:
        raise NobodyAnswers(
            _("Nobody is named as the maker of this key: rotate it, then use the new one.")
        )
    return [author.pk, issuer]


def _key_of(author: AbstractUser) -> uuid.UUID | None:
    name = author.get_username()
    try:
        return uuid.UUID(name.removeprefix(KEY_ACCOUNT)) if name.startswith(KEY_ACCOUNT) else None
    except ValueError:
        return None  # a person of that name


def _editable(change: Change) -> Change:
    change = Change.objects.select_for_update().get(pk=change.pk)
    if not change.is_editable:
        raise ChangeClosed(
            _("“{change}” is {state} and takes no more edits. Open another.").format(
                change=change, state=change.get_state_display()
            )
        )
    return change


def _checked_body(draft: Draft) -> Body:
    if draft.kind not in PROXIES:
        raise Refused(FieldError("kind", _("There is no kind “{kind}”.").format(kind=draft.kind)))
    if draft.body.get("key") != draft.key:
        raise Refused(FieldError("key", _("The key of an item never changes; make a new item.")))
    # Written back from the spec, so that equal content has equal bodies.
    return with_clean_html(draft.kind, body_of(parse(draft.kind, draft.body)))


def _locked_item(draft: Draft, now: datetime) -> Item:
    name = draft.body.get("name", "")
    item, created = Item.objects.select_for_update(of=("self",)).get_or_create(
        kind=draft.kind, key=draft.key, defaults={"name": name, "created_at": now}
    )
    # What is live keeps the name that people know until the draft is live.
    if not created and item.live_revision_id is None and name and item.name != name:
        item.name = name
        item.save(update_fields=["name"])
    return item


def _append(
    item: Item, change: Change, draft: Draft, *, author: AbstractUser, now: datetime
) -> Revision:
    newest = Revision.objects.filter(item=item.pk).order_by("-number").first()
    return Revision.objects.create(
        item_id=item.pk,
        change=change,
        number=newest.number + 1 if newest else 1,
        body={} if draft.removed else draft.body,
        details=draft.details,
        removed=draft.removed,
        base_id=item.live_revision_id,
        author_id=author.pk,
        why=draft.why,
        created_at=now,
    )


def _edited(item: Item) -> str:
    return _("{kind} “{item}” was edited; submit it again.").format(
        kind=Kind(item.kind).label.capitalize(), item=item
    )


def _void_approval(change: Change, why: str, *, author: AbstractUser, now: datetime) -> None:
    if change.state == Change.State.DRAFT:
        return
    void_approvals(change, now=now)
    ReviewComment.objects.create(
        change=change,
        author_id=author.pk,
        verdict=ReviewComment.Verdict.VOIDED,
        text=why,
        created_at=now,
    )


def void_approvals(change: Change, *, now: datetime) -> None:
    """Bring a change back to draft, void every approval and drop the candidates that were built from it."""
    change.approvals.filter(voided_at=None).update(voided_at=now)
    change.state = Change.State.DRAFT
    change.approved_by = change.approved_at = None
    change.approved_content = ""
    change.save(update_fields=["state", "approved_by", "approved_at", "approved_content"])
    candidates = change.candidates.filter(state="candidate")
    candidates.update(state="superseded", approved_digest="")


@transaction.atomic
def withdraw_draft(change: Change, item: Item, *, author: AbstractUser, now: datetime) -> Revision:
    """Make a change say of an item what is live; history keeps what it said before."""
    live = item.live_revision
    draft = Draft(
        kind=item.kind,
        key=item.key,
        body=live.body if live else {},
        details=live.details if live else {},
        removed=live is None,
        why="Taken out of the change",
    )
    return save_draft(change, draft, author=author, now=now)


def author_ids(change: Change) -> frozenset[int]:
    """Return everybody who had a hand in a change: its authors and the writers of its revisions."""
    return authors_of([change.pk])[change.pk]


def authors_of(changes: Iterable[int]) -> dict[int, frozenset[int]]:
    """Return everybody who had a hand in each of some changes, by their ids; three queries."""
    found: dict[int, set[int]] = {pk: set() for pk in changes}
    named = Change.authors.through.objects.filter(change__in=found)
    written = Revision.objects.filter(change__in=found).order_by().distinct()
    for rows in (
        named.values_list("change_id", "user_id"),
        written.values_list("change_id", "author_id"),
        Change.objects.filter(pk__in=found).values_list("pk", "created_by_id"),
    ):
        for change, person in rows:
            found[change].add(person)
    return {pk: frozenset(people) for pk, people in found.items()}


def is_author(user: User | AbstractUser, change: Change) -> bool:
    """Say whether a user had a hand in a change, and so may not approve it."""
    return user.pk in author_ids(change)
