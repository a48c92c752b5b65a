"""What Celery runs to undo merges: what was begun within a second, and what broke off again."""

from datetime import datetime, timedelta
from typing import Any, Final

from celery import shared_task
from django.utils import timezone

from consent import people
from consent.ledger import StoreUnavailableError
from consent.models import Parting
from decisioning.ingestion.parting import finish_parting, unfinished
from rtts_site.foundation import due
from rtts_site.foundation.redis_clients import redis_client

AGAIN_AFTER: Final = timedelta(minutes=2)  # that a parting which was taken up is left alone


@shared_task(
    name="decisioning.finish_parting",
    autoretry_for=(StoreUnavailableError,),  # whatever else stops it: AGAIN_AFTER
    retry_backoff=5,
    retry_backoff_max=60,
    max_retries=5,
)
def finish_one(parting: int, **_: Any) -> None:
    """Part two people, unless that is done."""
    row = Parting.objects.filter(pk=parting, finished_at=None).first()
    if row is not None:
        finish_parting(redis_client(), row, now=timezone.now())
    redis_client().delete(people.parting_key(parting))


@shared_task(name="decisioning.finish_partings", ignore_result=True)
def finish_open(**_: Any) -> None:
    """Requests begin partings, and a fence stands on both people until they are done."""
    client = redis_client()
    for row in unfinished():
        if client.set(people.parting_key(row.pk), 1, nx=True, ex=AGAIN_AFTER):
            finish_one.delay(parting=row.pk)


def _must_finish(now: datetime) -> bool:
    return any(True for _ in unfinished())


due.send_when("decisioning.finish_partings", _must_finish)
