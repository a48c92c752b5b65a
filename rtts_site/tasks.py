"""Periodic tasks of the site itself."""

import time
from typing import Any

from celery import shared_task

from rtts_site import checkup
from rtts_site.foundation.redis_clients import redis_client


@shared_task(name="site.note_beat")
def note_beat(**_: Any) -> None:
    checkup.note_beat(redis_client(), now=time.time())
