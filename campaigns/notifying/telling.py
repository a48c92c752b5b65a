"""The only place that tells an event: a notice to each person concerned, a message to each webhook that wants it.

Called inside the transaction of what happened, so that nothing is told that did not happen.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.contrib.auth.models import AbstractUser, User
from django.db.models import QuerySet

from campaigns.drafts import KEY_ACCOUNT, author_ids
from campaigns.models import Change, Delivery, Event, Item, MutedEvent, Notice, Release, Webhook

BACKEND = "django.contrib.auth.backends.ModelBackend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What happened, to what, and who did it."""

    event: Event
    actor: AbstractUser | None = None
    change: Change | None = None
    release: Release | None = None
    item: Item | None = None
    text: str = ""  # shown in the app only


def tell(happening: Happening, *, to: Iterable[int], now: datetime) -> None:
    """Leave a notice for each of these users but the actor, and a message for each webhook; four queries."""
    actor = happening.actor.pk if happening.actor else None
    wanted = _people().filter(pk__in={*to} - {actor})
    muted = MutedEvent.objects.filter(event=happening.event).values("user")
    Notice.objects.bulk_create(
        Notice(
            user_id=person,
            event=happening.event,
            actor_id=actor,
            change=happening.change,
            release=happening.release,
            item=happening.item,
            text=happening.text[:500],
            created_at=now,
        )
        for person in wanted.exclude(pk__in=muted).values_list("pk", flat=True)
    )
    _to_webhooks(happening, now=now)


def _people() -> QuerySet[User]:
    return User.objects.filter(is_active=True).exclude(username__startswith=KEY_ACCOUNT)


def approvers() -> set[int]:
    """Return everybody who may approve; one query."""
    return _with("approve_change")


def everybody() -> set[int]:
    """Return everybody who may read changes; one query."""
    return _with("view_change")


def _with(permission: str) -> set[int]:
    users = User.objects.with_perm(f"campaigns.{permission}", backend=BACKEND)
    return set(users.values_list("pk", flat=True))


def authors(change: Change) -> frozenset[int]:
    """Return everybody who had a hand in a change."""
    return author_ids(change)


def raise_alert(text: str, *, item: Item | None = None, now: datetime) -> None:
    """Tell everybody who edits what a check or an experiment found, e.g. "Sample ratio mismatch"."""
    happening = Happening(event=Event.ALERT, item=item, text=text)
    tell(happening, to=_with("change_change"), now=now)


def _to_webhooks(happening: Happening, *, now: datetime) -> None:
    hooks = Webhook.objects.filter(is_active=True, events__contains=[happening.event.value])
    message, body = f"msg_{uuid.uuid4().hex}", body_of(happening, now=now)
    Delivery.objects.bulk_create(
        Delivery(
            webhook=hook,
            message=message,
            event=happening.event,
            body=body,
            due_at=now,
            created_at=now,
        )
        for hook in hooks
    )


def body_of(happening: Happening, *, now: datetime) -> str:
    """Return the body of a message: keys and numbers, nothing about people.

    ``{"type": "change.approved", "timestamp": "…", "data": {"change": {"id": 7, "state": "approved"}}}``

    Source: Standard Webhooks, payload structure.
    """
    data: dict[str, Any] = {}
    if happening.change is not None:
        data["change"] = {"id": happening.change.pk, "state": happening.change.state}
    if happening.release is not None:
        release = happening.release
        data["release"] = {"version": release.version, "digest": release.digest}
    if happening.item is not None:
        data["thing"] = {"kind": happening.item.kind, "key": happening.item.key}
    body = {"type": happening.event.value, "timestamp": now.isoformat(), "data": data}
    return msgspec.json.encode(body).decode()
