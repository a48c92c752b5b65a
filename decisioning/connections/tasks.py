"""What Celery runs of connections: taking rows of files, asking sources, tidying up."""

from datetime import timedelta
from typing import Any, Final

from celery import shared_task
from django.utils import timezone

from decisioning.connections import importing, pulling
from rtts_site.foundation import due
from rtts_site.foundation.redis_clients import redis_client

SPELL: Final = timedelta(seconds=2)  # after so long the worker looks at its other tasks


@shared_task(name="decisioning.import_rows")
def import_rows(**_: Any) -> None:
    importing.work(redis_client(), now=timezone.now, spell=SPELL)


@shared_task(name="decisioning.forget_connections")
def forget_old(**_: Any) -> None:
    importing.forget_old(now=timezone.now())
    pulling.forget_old_runs(now=timezone.now())


@shared_task(name="decisioning.pull_sources")
def pull_sources(**_: Any) -> None:
    pulling.pull_due(redis_client(), now=timezone.now, spell=SPELL)


due.send_when("decisioning.import_rows", importing.is_due)
due.send_when("decisioning.pull_sources", pulling.is_due)
