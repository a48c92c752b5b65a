"""Periodic tasks of the site itself."""

import time
from threading import Lock
from typing import Any, Final

from celery import current_app, shared_task
from django.utils import timezone

from rtts_site import checkup
from rtts_site.foundation import due
from rtts_site.foundation.redis_clients import redis_client

_round: Final = due.Round()
_looking: Final = Lock()  # a store that hangs shall hold up one thread, not all


@shared_task(name="site.note_beat")
def note_beat(**_: Any) -> None:
    checkup.note_beat(redis_client(), now=time.time())


@shared_task(name="site.send_due", ignore_result=True)
def send_due(**_: Any) -> None:
    """Run by beat twice a second: sends workers what has something to do, one message of a kind at a time."""
    if not _looking.acquire(blocking=False):
        return
    try:
        client = redis_client()
        for task in _round.due(now=timezone.now()):
            if due.claim(client, task):
                current_app.send_task(task, expires=due.HOLD_S)
    finally:
        _looking.release()
