"""What Celery runs for authoring; each task is idempotent."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from campaigns import jobs, preparing
from campaigns.analysis import runs
from campaigns.compliance import drilling
from campaigns.incoming import quality, reconciling
from campaigns.notifying import delivering
from decisioning.previews import drop_ended
from rtts_site.foundation.redis_clients import redis_client


@shared_task(name="campaigns.do_jobs")
def do_jobs(**_: Any) -> None:
    """Run by beat each second: a request may not publish tasks, so it leaves a row."""
    jobs.do_waiting(now=timezone.now)


@shared_task(name="campaigns.ask_for_analysis")
def ask_for_analysis(**_: Any) -> None:
    """Run by beat: has what is live looked at when it is new, or was looked at long ago."""
    runs.ask_for_live(now=timezone.now())


@shared_task(name="campaigns.end_previews")
def end_previews(**_: Any) -> None:
    """Run by beat: lets go of previews whose time has come."""
    drop_ended(redis_client(), now=timezone.now())


@shared_task(name="campaigns.push_live")
def push_live(**_: Any) -> None:
    """Run by beat: puts right a Redis that misses the live release."""
    preparing.push_live(redis_client(), now=timezone.now())


@shared_task(name="campaigns.drill_opt_out")
def drill_opt_out(**_: Any) -> None:
    """Run by beat: once a day somebody made up opts out, and must be shown nothing for it."""
    drilling.daily(now=timezone.now)


@shared_task(name="campaigns.deliver_webhooks")
def deliver_webhooks(**_: Any) -> None:
    """Run by beat each second: sends what requests left for webhooks."""
    delivering.deliver_due(now=timezone.now())


@shared_task(name="campaigns.forget_deliveries")
def forget_deliveries(**_: Any) -> None:
    """Run by beat each day."""
    delivering.forget_old(now=timezone.now())


@shared_task(name="campaigns.watch_quality")
def watch_quality(**_: Any) -> None:
    """Run by beat: judges the last whole hour of what came in."""
    quality.watch(now=timezone.now())


@shared_task(name="campaigns.reconcile_off_peak")
def reconcile_off_peak(**_: Any) -> None:
    """Run by beat: compares some profiles with history in quiet hours."""
    reconciling.off_peak(now=timezone.now())
