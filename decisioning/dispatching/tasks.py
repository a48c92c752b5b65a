"""What Celery runs to send things out; each task is idempotent, and run by beat."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from decisioning.dispatching import collecting, exporting, sending
from decisioning.dispatching.destinations import named_segments
from decisioning.watching.renewing import renew_watched
from rtts_site.foundation.redis_clients import redis_client


@shared_task(name="decisioning.renew_watched")
def renew(**_: Any) -> None:
    """Have workers watch what the live release and the destinations ask for."""
    now_ms = int(timezone.now().timestamp() * 1000)
    renew_watched(redis_client(), named=named_segments(), now_ms=now_ms)


@shared_task(name="decisioning.collect_dispatches")
def collect(**_: Any) -> None:
    """Keep for destinations what happened since the last time."""
    client, now = redis_client(), timezone.now()
    while collecting.collect_dispatches(client, now=now) >= collecting.ENTRIES_PER_READ:
        now = timezone.now()
    collecting.collect_consents(client, now=now)


@shared_task(name="decisioning.send_dispatches")
def send(**_: Any) -> None:
    sending.send_due(now=timezone.now())


@shared_task(name="decisioning.forget_dispatches")
def forget(**_: Any) -> None:
    now = timezone.now()
    sending.forget_old(now=now)
    exporting.forget_old(now=now)


@shared_task(name="decisioning.export_members")
def export(**_: Any) -> None:
    exporting.go_on(redis_client(), now=timezone.now)
