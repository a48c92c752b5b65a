"""The only writer of what people say on a change: comments, on the whole or on a field of a thing, in threads."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import AbstractUser, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.models import Change, Event, Item, ReviewComment
from campaigns.notifying import telling
from campaigns.publishing import NotPossible

MENTION = re.compile(r"(?<![\w@])@([\w.+@-]+)")
FIELD = re.compile(r"[a-z0-9_.-]{0,60}")


@dataclass(frozen=True, slots=True)
class Place:
    """What a comment is about: the whole change, a thing of it, or one field of a thing."""

    item: Item | None = None
    field: str = ""


@dataclass(frozen=True, slots=True)
class Thread:
    """A first comment with its replies."""

    first: ReviewComment
    replies: list[ReviewComment] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Say whether somebody still has to answer it."""
        return self.first.resolved_at is None


@transaction.atomic
def comment(
    change: Change,
    text: str,
    *,
    by: AbstractUser,
    now: datetime,
    about: Place | ReviewComment | None = None,
) -> ReviewComment:
    """Say something on a change; `about` is its place, or the comment that it answers.

    Raises:
        NotPossible: nothing is said, the place is not in the change, or the comment is of another change.
    """
    if not by.has_perm("campaigns.view_change"):
        raise PermissionDenied(_("Your role does not allow this; ask an admin for it."))
    if not text.strip():
        raise NotPossible(_("Write a comment first."))
    parent = _thread_of(about, change) if isinstance(about, ReviewComment) else None
    place = _place(about, change) if isinstance(about, Place) else Place()
    said = ReviewComment.objects.create(
        change=change,
        author_id=by.pk,
        text=text.strip(),
        created_at=now,
        parent=parent,
        item=parent.item if parent else place.item,
        field=parent.field if parent else place.field,
    )
    if parent and parent.resolved_at:
        _mark(parent, by=None, at=None)
    _tell(said, by=by, now=now)
    return said


def _thread_of(answered: ReviewComment, change: Change) -> ReviewComment:
    first = answered.parent or answered
    if first.change_id != change.pk or first.verdict != ReviewComment.Verdict.COMMENT:
        raise NotPossible(_("That comment is not on this change."))
    return first


def _place(place: Place, change: Change) -> Place:
    if place.item is not None and not change.revisions.filter(item=place.item.pk).exists():
        raise NotPossible(_("“%(item)s” is not in this change.") % {"item": place.item})
    if not FIELD.fullmatch(place.field) or (place.field and place.item is None):
        raise NotPossible(_("There is no such field."))
    return place


def _tell(said: ReviewComment, *, by: AbstractUser, now: datetime) -> None:
    named = {user.pk for user in mentioned(said.text)}
    change = said.change
    in_thread = ReviewComment.objects.filter(change=change).exclude(author=None)
    concerned = {*telling.authors(change), *in_thread.values_list("author_id", flat=True)} - named
    for event, to in ((Event.MENTIONED, named), (Event.COMMENTED, concerned)):
        if to:
            happening = telling.Happening(event=event, actor=by, change=change, text=said.text)
            telling.tell(happening, to=to, now=now)


def mentioned(text: str) -> Iterable[User]:
    """Return the users who may read changes and whom a text names, e.g. "@ada"; one query."""
    names = {name.rstrip(".,;:!?-") for name in MENTION.findall(text)}
    return User.objects.filter(username__in=names, pk__in=telling.everybody()) if names else ()


@transaction.atomic
def resolve(said: ReviewComment, *, by: AbstractUser, now: datetime, is_open: bool = False) -> None:
    """Close the thread of a comment, or open it again.

    Raises:
        NotPossible: what is said there is a step of the change, not a comment.
    """
    if not by.has_perm("campaigns.view_change"):
        raise PermissionDenied(_("Your role does not allow this; ask an admin for it."))
    first = _thread_of(said, said.change)
    _mark(first, by=None if is_open else by, at=None if is_open else now)


def _mark(first: ReviewComment, *, by: AbstractUser | None, at: datetime | None) -> None:
    first.resolved_by_id, first.resolved_at = by.pk if by else None, at
    first.save(update_fields=["resolved_by", "resolved_at"])


def threads_of(change: Change) -> list[Thread]:
    """Return all threads of a change, oldest first; one query."""
    said = ReviewComment.objects.filter(change=change, verdict=ReviewComment.Verdict.COMMENT)
    threads: dict[int, Thread] = {}
    for row in said.select_related("author", "item", "resolved_by").order_by("pk"):
        if row.parent_id is None:
            threads[row.pk] = Thread(row)
        else:
            threads[row.parent_id].replies.append(row)
    return list(threads.values())
