"""What Celery runs for authoring; each task is idempotent."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from celery import shared_task
from django.utils import timezone

from campaigns import preparing
from campaigns.models import Release
from rtts_site.foundation.jobs import Job, running_job
from rtts_site.foundation.redis_clients import redis_client

SILENCE = timedelta(minutes=3)  # longer than any step goes without a report
TRIES = 8  # each waits twice as long as the one before: about four minutes in all


@shared_task(name="campaigns.prepare_waiting")
def prepare_waiting(**_: Any) -> None:
    """Run by beat each second: a request may not publish tasks, so it leaves a row."""
    now = timezone.now()
    jobs = Job.objects.filter(kind=preparing.JOB_KIND)
    # A worker that was killed reports no more; every step may be taken again.
    silent = jobs.filter(state=Job.State.RUNNING, updated_at__lt=now - SILENCE)
    silent.update(state=Job.State.WAITING, updated_at=now)
    waiting = jobs.filter(state=Job.State.WAITING)
    for job in waiting.order_by("pk"):
        if not job.attempts or job.updated_at <= now - pause_after(job.attempts):
            prepare(job.pk)


def pause_after(attempts: int) -> timedelta:
    """Return how long a job waits after so many tries that something passing ended."""
    return timedelta(seconds=2 ** min(attempts, TRIES))


def prepare(job_id: int) -> None:
    # What keeps a release from going live is told on the job and the change: nothing for the worker's log.
    refusals = (preparing.NotPrepared,)
    with suppress(*refusals), running_job(job_id, refusals=refusals) as job:
        if job is not None:
            release = Release.objects.get(job=str(job.pk))
            if job.attempts > TRIES and release.state == Release.State.PREPARING:
                why = f"Tried {TRIES} times: {job.message}"
                preparing.abandon(release, why=why, now=timezone.now())
            preparing.prepare_release(release, report=job.report, now=timezone.now)


@shared_task(name="campaigns.push_live")
def push_live(**_: Any) -> None:
    """Run by beat: puts right a Redis that misses the live release."""
    preparing.push_live(redis_client(), now=timezone.now())
