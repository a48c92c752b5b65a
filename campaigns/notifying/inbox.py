"""What one person was told in the app: count, list in words, mark as read, choose what to be told."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, AbstractUser, AnonymousUser
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.models import Event, MutedEvent, Notice

KEPT = 200  # newest notices of a person that the page lists


@dataclass(frozen=True, slots=True)
class ToldNotice:
    """One notice as its reader reads it."""

    notice: Notice
    words: str
    url: str


def unread_count(user: AbstractBaseUser | AnonymousUser) -> int:
    """Return how many notices a person has not read; one query."""
    return Notice.objects.filter(user=user.pk, read_at=None).count() if user.pk else 0


def told_to(user: AbstractUser, *, unread: bool = False) -> list[ToldNotice]:
    """Return the newest notices of a person; one query."""
    rows = Notice.objects.filter(user=user.pk).select_related("actor", "change", "release", "item")
    rows = rows.filter(read_at=None) if unread else rows
    return [ToldNotice(row, words_of(row), url_of(row)) for row in rows.order_by("-pk")[:KEPT]]


def mark_read(user: AbstractUser, notices: Collection[int] | None, *, now: datetime) -> int:
    """Mark notices of a person as read, all where `notices` is None; return how many were unread."""
    rows: QuerySet[Notice] = Notice.objects.filter(user=user.pk, read_at=None)
    if notices is not None:
        rows = rows.filter(pk__in=notices)
    return rows.update(read_at=now)


def muted_by(user: AbstractUser) -> set[str]:
    """Return the events that a person does not want to be told; one query."""
    return set(MutedEvent.objects.filter(user=user.pk).values_list("event", flat=True))


def choose(user: AbstractUser, wanted: Collection[str]) -> None:
    """Tell a person these events from now on, and no others."""
    MutedEvent.objects.filter(user=user.pk, event__in=wanted).delete()
    MutedEvent.objects.bulk_create(
        [MutedEvent(user_id=user.pk, event=event) for event in Event.values if event not in wanted],
        ignore_conflicts=True,
    )


def words_of(notice: Notice) -> str:
    """Return a notice as a sentence in the reader's language."""
    named = {
        "who": notice.actor.get_username() if notice.actor else _("The system"),
        "change": str(notice.change or ""),
        "release": str(notice.release or ""),
        "thing": str(notice.item or ""),
        "text": notice.text,
    }
    return _SENTENCES[Event(notice.event)]() % named


_SENTENCES = {
    Event.SUBMITTED: lambda: _("%(who)s submitted “%(change)s” for review."),
    Event.APPROVED: lambda: _("%(who)s approved “%(change)s”."),
    Event.SENT_BACK: lambda: _("“%(change)s” came back: %(text)s"),
    Event.COMMENTED: lambda: _("%(who)s commented on “%(change)s”: %(text)s"),
    Event.MENTIONED: lambda: _("%(who)s mentioned you on “%(change)s”: %(text)s"),
    Event.PUBLISHED: lambda: _("%(release)s is live: “%(change)s”."),
    Event.FAILED: lambda: _("“%(change)s” could not be published: %(text)s"),
    Event.ROLLED_BACK: lambda: _("%(who)s rolled back; %(release)s is live: %(text)s"),
    Event.STOPPED: lambda: _("%(who)s: “%(thing)s”: %(text)s"),
    Event.ALERT: lambda: _("%(thing)s: %(text)s"),
}


def url_of(notice: Notice) -> str:
    """Return the page that a notice is about."""
    if notice.change_id:
        return reverse("admin:rtts-change", args=[notice.change_id])
    if notice.item_id:
        return reverse("admin:rtts-item", args=[notice.item_id])
    if notice.release_id:
        return reverse("admin:rtts-release", args=[notice.release_id])
    return reverse("admin:rtts-notices")
