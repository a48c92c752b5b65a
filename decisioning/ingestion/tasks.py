"""What Celery runs to undo merges: one at once, and what broke off again each minute."""

from datetime import timedelta
from typing import Any, Final

from celery import shared_task
from django.utils import timezone

from consent.ledger import StoreUnavailableError
from consent.models import Parting
from decisioning.ingestion.backfill import BackfillStalled
from decisioning.ingestion.parting import PartingStalled, finish_parting, unfinished
from decisioning.ingestion.rebuilding import RebuildStalled
from rtts_site.foundation.redis_clients import redis_client

AGAIN_AFTER: Final = timedelta(minutes=2)


@shared_task(
    name="decisioning.finish_parting",
    autoretry_for=(StoreUnavailableError, PartingStalled, RebuildStalled, BackfillStalled),
    retry_backoff=5,
    retry_backoff_max=60,
    max_retries=5,
)
def finish_one(parting: int, **_: Any) -> None:
    """Part two people, unless that is done."""
    row = Parting.objects.filter(pk=parting, finished_at=None).first()
    if row is not None:
        finish_parting(redis_client(), row, now=timezone.now())


@shared_task(name="decisioning.finish_partings", ignore_result=True)
def finish_what_broke_off(**_: Any) -> None:
    """Run by beat: a fence stands on both people until they are parted, so nothing may stay half done."""
    for row in unfinished():
        if row.parted_at < timezone.now() - AGAIN_AFTER:
            finish_one.delay(parting=row.pk)
