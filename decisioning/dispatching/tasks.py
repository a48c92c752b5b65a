"""What Celery runs to send things out; each task is idempotent."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, Final

from celery import shared_task
from django.utils import timezone
from redis.exceptions import LockError

from decisioning.dispatching import collecting, exporting, sending
from decisioning.dispatching.destinations import named_segments
from decisioning.watching import renewing
from rtts_site.foundation import due
from rtts_site.foundation.redis_clients import redis_client

ALONE_S: Final = 120  # longer than one run takes


@shared_task(name="decisioning.renew_watched")
def renew(**_: Any) -> None:
    """Have workers watch what the live release and the destinations ask for."""
    now_ms = int(timezone.now().timestamp() * 1000)
    renewing.renew_watched(redis_client(), named=named_segments(), now_ms=now_ms)


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """Yield whether no other worker does this now: slow receivers must not keep every worker waiting."""
    lock = redis_client().lock(f"lock:{name}", timeout=ALONE_S)
    if not lock.acquire(blocking=False):
        yield False
        return
    try:
        yield True
    finally:
        with suppress(LockError):  # it took longer: another worker's now
            lock.release()


@shared_task(name="decisioning.collect_dispatches")
def collect(**_: Any) -> None:
    """Keep for destinations what happened since the last time."""
    client, now = redis_client(), timezone.now()
    with alone("dispatch:collect") as is_mine:
        while is_mine and collecting.collect_dispatches(client, now=now):
            now = timezone.now()
        if is_mine:
            collecting.collect_consents(now=now)


@shared_task(name="decisioning.send_dispatches")
def send(**_: Any) -> None:
    with alone("dispatch:send") as is_mine:
        if is_mine:
            sending.send_due(now=timezone.now())


@shared_task(name="decisioning.forget_dispatches")
def forget(**_: Any) -> None:
    now = timezone.now()
    sending.forget_old(now=now)
    exporting.forget_old(now=now)


@shared_task(name="decisioning.export_members")
def export(**_: Any) -> None:
    exporting.go_on(redis_client(), now=timezone.now)


def _must_renew(now: datetime) -> bool:
    return renewing.is_due(redis_client(), named=named_segments())


def _must_collect(now: datetime) -> bool:
    return collecting.is_due(redis_client())


due.send_when("decisioning.renew_watched", _must_renew)
due.send_when("decisioning.collect_dispatches", _must_collect, pause_s=0.9)
due.send_when("decisioning.send_dispatches", sending.is_due)
due.send_when("decisioning.export_members", exporting.is_due)
