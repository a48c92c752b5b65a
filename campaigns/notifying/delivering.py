"""The only place that sends messages to webhooks: signed, in time, tried again, given up in the end.

Source: Standard Webhooks (headers, signature, retries).
"""

import logging
import time
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from campaigns.models import Delivery, Webhook
from campaigns.notifying.webhooks import secrets_of
from rtts_site.foundation import signing
from rtts_site.foundation.addresses import AddressRefused, look_up
from rtts_site.foundation.calling import NoAnswer, call
from rtts_site.foundation.sealing import SealError
from rtts_site.foundation.signing import CLAIMED, PAUSES, TRY_S

logger = logging.getLogger("campaigns")

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
            found.due_at, found.attempts = now + CLAIMED, found.attempts + 1
            found.save(update_fields=["due_at", "attempts"])
    return found


def _try(delivery: Delivery, *, now: datetime) -> None:
    try:
        if not delivery.webhook.is_active:
            raise AddressRefused("The webhook is switched off.")
        delivery.status, delivery.trouble = _post(delivery, now=now), ""
    except (AddressRefused, SealError, NoAnswer) as error:
        delivery.status, delivery.trouble = None, str(error)[:300]
    except Exception as error:  # noqa: BLE001 - one message never holds up the others
        # Without the traceback: an address may hold a token.
        logger.error("webhook.failed delivery=%s error=%s", delivery.pk, type(error).__name__)
        delivery.status, delivery.trouble = None, type(error).__name__
    _note(delivery, now=now)


def _post(delivery: Delivery, *, now: datetime) -> int:
    to = look_up(delivery.webhook.url)
    headers, body = signed_headers(delivery, now=now), delivery.body.encode()
    return call("POST", to, headers=headers, content=body, seconds=TRY_S)


def signed_headers(delivery: Delivery, *, now: datetime) -> dict[str, str]:
    """Return the headers of one try; each secret that is in force signs."""
    secrets = secrets_of(delivery.webhook, now=now)
    return signing.signed_headers(delivery.message, delivery.body, secrets=secrets, now=now)


def _note(delivery: Delivery, *, now: datetime) -> None:
    """Keep how a try ended, unless the message was claimed anew meanwhile."""
    mine = Delivery.objects.filter(pk=delivery.pk, due_at=delivery.due_at)
    if delivery.status is not None and 200 <= delivery.status < 300:
        delivery.state, delivery.done_at = Delivery.State.SENT, now
    elif delivery.attempts > len(PAUSES) or delivery.status == 410:
        delivery.state, delivery.done_at = Delivery.State.DEAD, now
    else:
        delivery.due_at = now + PAUSES[delivery.attempts - 1]
    fields = ("status", "trouble", "state", "due_at", "done_at")
    mine.update(**{name: getattr(delivery, name) for name in fields})
    if delivery.status == 410:  # gone: the receiver wants no more
        Webhook.objects.filter(pk=delivery.webhook_id).update(is_active=False)


def forget_old(*, now: datetime) -> int:
    """Remove messages that ended a month ago; return how many."""
    return Delivery.objects.filter(done_at__lt=now - KEPT).delete()[0]
