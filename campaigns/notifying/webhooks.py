"""The only writer of webhooks: where messages go, and the secrets that sign them."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.models import Delivery, Event, Webhook
from campaigns.notifying import telling
from rtts_site.foundation import signing
from rtts_site.foundation.addresses import AddressRefused, check_address
from rtts_site.foundation.signing import exchange, new_secret, sealed_secret

PURPOSE = "webhook"
MOST = 20  # webhooks


class WebhookRefused(Exception):
    """What was asked for is not possible; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a webhook is asked to be."""

    name: str
    url: str
    events: Collection[str]


def make_webhook(target: Target, *, by: AbstractUser, now: datetime) -> tuple[Webhook, str]:
    """Create a webhook; return it and its secret ("whsec_…"), which is shown once.

    Raises:
        WebhookRefused: the address may not be called, or there are too many.
    """
    _check(target)
    if Webhook.objects.count() >= MOST:
        raise WebhookRefused(_("There are %s webhooks already; remove one.") % MOST)
    secret = new_secret()
    hook = Webhook.objects.create(
        name=target.name,
        url=target.url,
        events=sorted(target.events),
        sealed=sealed_secret(secret, purpose=PURPOSE),
        created_by_id=by.pk,
        created_at=now,
    )
    return hook, secret


def change_webhook(hook: Webhook, target: Target, *, is_active: bool) -> None:
    """Let a webhook be told other events, at another address, or nothing for a while.

    Raises:
        WebhookRefused: the address may not be called.
    """
    _check(target)
    hook.name, hook.url, hook.events = target.name, target.url, sorted(target.events)
    hook.is_active = is_active
    hook.save(update_fields=["name", "url", "events", "is_active"])


def _check(target: Target) -> None:
    if not target.events or set(target.events) - set(Event.values):
        raise WebhookRefused(_("Choose at least one event."))
    try:
        check_address(target.url)
    except AddressRefused as error:
        raise WebhookRefused(str(error)) from error


@transaction.atomic
def rotate(hook: Webhook, *, now: datetime) -> str:
    """Return a new secret of a webhook; the former one signs beside it for a day."""
    hook = Webhook.objects.select_for_update().get(pk=hook.pk)
    secret = exchange(hook, purpose=PURPOSE, now=now)
    hook.save(update_fields=["sealed", "former", "former_until"])
    return secret


def secrets_of(hook: Webhook, *, now: datetime) -> list[str]:
    """Return the secrets that sign now, the newest first.

    Raises:
        SealError: the product's secret key was exchanged since.
    """
    return signing.secrets_of(hook, purpose=PURPOSE, now=now)


def send_test(hook: Webhook, *, now: datetime) -> Delivery:
    """Leave a message of the type "test" for a webhook."""
    happening = telling.Happening(event=Event.ALERT)
    body = telling.body_of(happening, now=now).replace(Event.ALERT.value, "test", 1)
    return Delivery.objects.create(
        webhook=hook,
        message=f"msg_{secrets.token_hex(16)}",
        event="test",
        body=body,
        due_at=now,
        created_at=now,
    )


def send_again(delivery: Delivery, *, now: datetime) -> None:
    """Try a message that was given up from the beginning, under its old id."""
    rows = Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.DEAD)
    rows.update(state=Delivery.State.WAITING, attempts=0, due_at=now, done_at=None, trouble="")
