"""What Celery runs for authoring; each task is idempotent."""

from datetime import datetime
from typing import Any

from celery import shared_task
from django.utils import timezone

from campaigns import jobs, preparing
from campaigns.analysis import runs
from campaigns.compliance import drilling
from campaigns.incoming import quality, reconciling
from campaigns.notifying import delivering
from campaigns.rights import reminding
from decisioning import previews
from rtts_site.foundation import due
from rtts_site.foundation.redis_clients import redis_client


@shared_task(name="campaigns.do_jobs")
def do_jobs(**_: Any) -> None:
    """Do what a request left in a row, as it may not publish tasks."""
    jobs.do_waiting(now=timezone.now)


@shared_task(name="campaigns.remind_of_rights", ignore_result=True)
def remind_of_rights(**_: Any) -> None:
    reminding.remind(now=timezone.now())


@shared_task(name="campaigns.ask_for_analysis")
def ask_for_analysis(**_: Any) -> None:
    """Have what is live looked at when it is new, or was looked at long ago."""
    runs.ask_for_live(now=timezone.now())


@shared_task(name="campaigns.end_previews")
def end_previews(**_: Any) -> None:
    """Let go of previews whose time has come."""
    previews.drop_ended(redis_client(), now=timezone.now())


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
    """Send what requests left for webhooks."""
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


def _must_end_previews(now: datetime) -> bool:
    return bool(previews.ended(redis_client(), now=now))


def _must_analyse(now: datetime) -> bool:
    return runs.live_is_due(now=now)


due.send_when("campaigns.do_jobs", jobs.is_due)
due.send_when("campaigns.deliver_webhooks", delivering.is_due)
due.send_when("campaigns.end_previews", _must_end_previews, pause_s=5)
due.send_when("campaigns.ask_for_analysis", _must_analyse, pause_s=5)
