"""What workers do for consent; each task is idempotent."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from consent import relay
from consent.proof import sealing
from rtts_site.foundation import idempotency
from rtts_site.foundation.redis_clients import redis_client


@shared_task(name="consent.settle_fences", ignore_result=True)
def settle_fences(**_: Any) -> None:
    """Run by beat each second."""
    client, now = redis_client(), timezone.now()
    relay.restore_trust(client, now=now)
    relay.settle(client, now=now)


@shared_task(name="consent.forget_settled", ignore_result=True)
def forget_settled(**_: Any) -> None:
    """Run by beat each day."""
    relay.forget_settled(now=timezone.now())
    idempotency.forget_old_answers(now=timezone.now())


@shared_task(name="consent.seal_ledger", ignore_result=True)
def seal_ledger(**_: Any) -> None:
    """Run by beat each 5 seconds."""
    try:
        for _count in sealing.seal_everything(now=timezone.now()):
            continue
    finally:
        sealing.watch_lag(now=timezone.now())
