"""The only place that sends messages to webhooks: signed, in time, tried again, given up in the end.

Source: Standard Webhooks (headers, signature, retries).
"""

from datetime import UTC, datetime, timedelta

import httpx
from django.db import transaction
from standardwebhooks import Webhook as Signer

from campaigns.models import Delivery, Webhook
from campaigns.notifying.addresses import AddressRefused, look_up
from campaigns.notifying.webhooks import secrets_of
from rtts_site.foundation.sealing import SealError

# How long to wait after each try that failed; after the last the message is given up.
PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3_600, 4 * 3_600, 12 * 3_600)
)
TIMEOUT = httpx.Timeout(5.0, connect=3.0)
CLAIMED = timedelta(seconds=60)  # longer than one try takes
AT_ONCE = 20
KEPT = timedelta(days=30)


def deliver_due(*, now: datetime) -> int:
    """Try every message that is due; return how many were tried."""
    claimed = _claim(now)
    with httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client:
        for delivery in claimed:
            _try(client, delivery, now=now)
    return len(claimed)


def _claim(now: datetime) -> list[Delivery]:
    """Take messages so that no other worker tries them; one whose worker dies is due again after a while."""
    with transaction.atomic():
        due = Delivery.objects.filter(state=Delivery.State.WAITING, due_at__lte=now)
        locked = due.select_for_update(skip_locked=True, of=("self",)).select_related("webhook")
        rows = list(locked.order_by("due_at")[:AT_ONCE])
        Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=now + CLAIMED)
    return rows


def _try(client: httpx.Client, delivery: Delivery, *, now: datetime) -> None:
    delivery.attempts += 1
    try:
        if not delivery.webhook.is_active:
            raise AddressRefused("The webhook is switched off.")
        delivery.status, delivery.trouble = _post(client, delivery, now=now), ""
    except (AddressRefused, SealError) as error:
        delivery.status, delivery.trouble = None, str(error)
    except httpx.HTTPError as error:
        delivery.status, delivery.trouble = None, type(error).__name__
    _note(delivery, now=now)


def _post(client: httpx.Client, delivery: Delivery, *, now: datetime) -> int:
    to = look_up(delivery.webhook.url)
    headers = signed_headers(delivery, now=now) | {"Host": to.host}
    request = client.build_request(
        "POST",
        to.url,
        content=delivery.body.encode(),
        headers=headers,
        extensions={"sni_hostname": to.name},
    )
    answer = client.send(request, stream=True)  # what it says is not read
    answer.close()
    return answer.status_code


def signed_headers(delivery: Delivery, *, now: datetime) -> dict[str, str]:
    """Return the headers of one try; each secret that is in force signs."""
    moment = now.astimezone(UTC)
    signatures = [
        Signer(secret).sign(delivery.message, moment, delivery.body)
        for secret in secrets_of(delivery.webhook, now=now)
    ]
    return {
        "webhook-id": delivery.message,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
        "Content-Type": "application/json",
        "User-Agent": "rtts-webhooks/1",
    }


def _note(delivery: Delivery, *, now: datetime) -> None:
    if delivery.status is not None and 200 <= delivery.status < 300:
        delivery.state, delivery.done_at = Delivery.State.SENT, now
    elif delivery.attempts > len(PAUSES) or delivery.status == 410:
        delivery.state, delivery.done_at = Delivery.State.DEAD, now
    else:
        delivery.due_at = now + PAUSES[delivery.attempts - 1]
    delivery.save(update_fields=["attempts", "status", "trouble", "state", "due_at", "done_at"])
    if delivery.status == 410:  # gone: the receiver wants no more
        Webhook.objects.filter(pk=delivery.webhook_id).update(is_active=False)


def forget_old(*, now: datetime) -> int:
    """Remove messages that ended a month ago; return how many."""
    return Delivery.objects.filter(done_at__lt=now - KEPT).delete()[0]
