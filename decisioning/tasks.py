"""What Celery runs for this app: draining the streams, seeding drains, joining consent, making months ahead."""

import logging
from collections.abc import Collection
from datetime import datetime
from functools import partial
from typing import Any

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from consent import ledger
from consent.parting import ErasedError, part_people
from consent.signals.honouring import note_gpc
from decisioning import decision_log
from decisioning.connections import tasks as connections  # its tasks are found through this module
from decisioning.dispatching import tasks as dispatching  # its tasks are found through this module
from decisioning.dispatching.collecting import collect_decisions
from decisioning.enrichment import tasks as enrichment  # its tasks are found through this module
from decisioning.ingestion import tasks as ingestion  # its tasks are found through this module
from decisioning.ingestion.archiving import start_archiver
from decisioning.ingestion.drain import Drain
from decisioning.ingestion.history import ensure_partitions
from decisioning.ingestion.leases import missing, partitions_of
from decisioning.learning import tasks as learning  # its tasks are found through this module
from decisioning.messages import LogRow, place_of, sent_gpc
from decisioning.observing import keeping
from rtts_site.foundation import due
from rtts_site.foundation.redis_clients import redis_client

__all__ = [
    "connections",
    "dispatching",
    "drain",
    "enrichment",
    "ensure_months",
    "forget_observed",
    "ingestion",
    "join_consent",
    "keep_observed",
    "learning",
    "part_consent",
    "seed_drains",
]

logger = logging.getLogger("decisioning")

DRAIN_SECONDS = 30.0
ARCHIVE_PATIENCE = 2.0  # seconds that the history has to end its run
MONTHS_AHEAD = 3


def _tell_of_decisions(rows: Collection[tuple[str, LogRow]]) -> None:
    collect_decisions(rows)
    note_gpc(
        (row.ask.person, place_of(row)) for _, row in rows if sent_gpc(row.ask) and not row.preview
    )


_archive_decisions = partial(decision_log.archive, tell=_tell_of_decisions)


@shared_task(name="decisioning.drain")
def drain(group: int = 0, **_: Any) -> None:
    """Fold a group's streams for a while, then hand over to a successor."""
    partitions = partitions_of(group, groups=settings.RTTS_DRAIN_GROUPS)
    client = redis_client()
    drained = Drain(
        client,
        group=group,
        partitions=partitions,
        join_consent=_join_consent_later,
        part_consent=_part_consent_later,
    )
    archiver = start_archiver(client, partitions, others=(_archive_decisions,))
    # Folding goes on until the history has ended its run too: the successor begins only when this task is over.
    if drained.run(DRAIN_SECONDS, while_=partial(archiver.is_ending, patience=ARCHIVE_PATIENCE)):
        drain.delay(group=group)
    archiver.stop(patience=ARCHIVE_PATIENCE)


@shared_task(name="decisioning.keep_observed", ignore_result=True)
def keep_observed(**_: Any) -> None:
    """Add up what processes counted."""
    keeping.keep(redis_client(), now=timezone.now())


@shared_task(name="decisioning.forget_observed", ignore_result=True)
def forget_observed(**_: Any) -> None:
    """Run by beat each day."""
    keeping.forget(now=timezone.now())


@shared_task(name="decisioning.seed_drains", ignore_result=True)
def seed_drains(**_: Any) -> None:
    for group in missing(redis_client(), settings.RTTS_DRAIN_GROUPS):
        drain.delay(group=group)


def _join_consent_later(source: str, target: str) -> None:
    join_consent.delay(source=source, target=target)


@shared_task(
    name="decisioning.join_consent",
    autoretry_for=(ledger.StoreUnavailableError,),
    retry_backoff=2,
    retry_backoff_max=60,
    max_retries=None,
)
def join_consent(source: str, target: str, **_: Any) -> None:
    ledger.merge_people(source, target, now=timezone.now())


def _part_consent_later(source: str, target: str) -> None:
    part_consent.delay(source=source, target=target)


@shared_task(
    name="decisioning.part_consent",
    autoretry_for=(ledger.StoreUnavailableError,),
    retry_backoff=2,
    retry_backoff_max=60,
    max_retries=None,
)
def part_consent(source: str, target: str, **_: Any) -> None:
    try:
        part_people(source, target, now=timezone.now())
    except ErasedError as error:
        logger.info("consent.not_parted source=%s why=%s", source, error)


@shared_task(name="decisioning.ensure_partitions")
def ensure_months(**_: Any) -> None:
    ensure_partitions(months=MONTHS_AHEAD)


def _must_add_up(now: datetime) -> bool:
    return keeping.is_due(redis_client())


due.send_when("decisioning.keep_observed", _must_add_up, pause_s=5)
