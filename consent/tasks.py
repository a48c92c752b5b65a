"""What workers do for consent; each task is idempotent."""

import logging
from typing import Any

from celery import shared_task
from django.utils import timezone

from consent import relay
from consent.proof import anchoring, days, sealing
from consent.rights import capsules, closing, running
from consent.signals import honouring
from rtts_site.foundation import due, idempotency
from rtts_site.foundation.redis_clients import redis_client

logger = logging.getLogger("consent")


@shared_task(name="consent.settle_fences", ignore_result=True)
def settle_fences(**_: Any) -> None:
    """Run by beat each second."""
    client, now = redis_client(), timezone.now()
    relay.restore_trust(client, now=now)
    relay.settle(client, now=now)


@shared_task(name="consent.go_on_with_rights", ignore_result=True)
def go_on_with_rights(**_: Any) -> None:
    """Run by beat: carries out what was started, and tells workers of people who signed up again."""
    running.go_on(now=timezone.now)
    closing.finish_openings(now=timezone.now())


@shared_task(name="consent.forget_settled", ignore_result=True)
def forget_settled(**_: Any) -> None:
    """Run by beat each day."""
    running.forget(now=timezone.now())
    capsules.destroy_due(now=timezone.now())
    relay.forget_settled(now=timezone.now())
    idempotency.forget_old_answers(now=timezone.now())


@shared_task(name="consent.honour_gpc", ignore_result=True)
def honour_gpc(**_: Any) -> None:
    """Sent where an opt-out waits."""
    honouring.honour_waiting(now=timezone.now())


@shared_task(name="consent.seal_ledger", ignore_result=True)
def seal_ledger(**_: Any) -> None:
    """Run by beat each 5 seconds."""
    try:
        for _count in sealing.seal_everything(now=timezone.now()):
            continue
    finally:
        sealing.watch_lag(now=timezone.now())


@shared_task(name="consent.anchor_ledger", ignore_result=True)
def anchor_ledger(**_: Any) -> None:
    """Run by beat each hour; tells the ledger of the day before first."""
    try:
        days.tell_days(now=timezone.now())
    finally:
        for one in anchoring.anchor(now=timezone.now()):
            if one.trouble:
                logger.error("consent.not_anchored", extra={"place": one.place, "why": one.trouble})


due.send_when("consent.honour_gpc", honouring.is_due, pause_s=0.9)
