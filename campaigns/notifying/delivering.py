"""The only place that sends messages to webhooks: in time, tried again, given up in the end."""

import time
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from campaigns.models import Delivery, Webhook
from campaigns.notifying.webhooks import secrets_of
from rtts_site.foundation import posting
from rtts_site.foundation.sealing import SealError

RUN_S = 20.0  # publishing waits behind this
AT_ONCE = 20
KEPT = timedelta(days=30)


def deliver_due(*, now: datetime) -> int:
    """Try messages that are due, for about RUN_S at most; return how many were tried."""
    tried, end = 0, time.monotonic() + RUN_S
    while tried < AT_ONCE and time.monotonic() < end:
        delivery = _claim(now)
        if delivery is None:
            break
        _try(delivery, now=now)
        tried += 1
    return tried


def is_due(now: datetime) -> bool:
    """Return whether a message is to be tried; one query."""
    return _due(now).exists()


def _due(now: datetime) -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=Delivery.State.WAITING, due_at__lte=now)


def _claim(now: datetime) -> Delivery | None:
    """Take a message so that no other worker tries it; one whose worker dies is due again after a while."""
    with transaction.atomic():
        locked = (
            _due(now).select_for_update(skip_locked=True, of=("self",)).select_related("webhook")
        )
        found = locked.order_by("due_at", "pk").first()
        if found is not None:
            found.due_at, found.attempts = now + posting.CLAIMED, found.attempts + 1
            found.save(update_fields=["due_at", "attempts"])
    return found


def _try(delivery: Delivery, *, now: datetime) -> None:
    tried = posting.Try(trouble="The webhook is switched off.")
    if delivery.webhook.is_active:
        try:
            tried = posting.post(signed(delivery, now=now))
        except SealError as error:
            tried = posting.Try(trouble=str(error)[:300])
    _note(delivery, tried, now=now)


def signed(delivery: Delivery, *, now: datetime) -> posting.Signed:
    """Return what one try sends; each secret that is in force signs.

    Raises:
        SealError: the product's secret key was exchanged since.
    """
    hook = delivery.webhook
    secrets = secrets_of(hook, now=now)
    return posting.sign(hook.url, delivery.message, delivery.body, secrets=secrets, now=now)


def _note(delivery: Delivery, tried: posting.Try, *, now: datetime) -> None:
    """Keep how a try ended, unless the message was claimed anew meanwhile."""
    mine = Delivery.objects.filter(pk=delivery.pk, due_at=delivery.due_at)
    state, again_at = Delivery.State.SENT, None
    if not tried.is_taken:
        again_at = tried.again_at(delivery.attempts, now=now)
        state = Delivery.State.WAITING if again_at else Delivery.State.DEAD
    mine.update(
        status=tried.status,
        trouble=tried.trouble,
        state=state,
        due_at=again_at or delivery.due_at,
        done_at=None if again_at else now,
    )
    if tried.is_gone:
        Webhook.objects.filter(pk=delivery.webhook_id).update(is_active=False)


def forget_old(*, now: datetime) -> int:
    """Remove messages that ended a month ago; return how many."""
    return Delivery.objects.filter(done_at__lt=now - KEPT).delete()[0]
