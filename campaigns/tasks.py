"""What Celery runs for authoring; each task is idempotent."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from celery import shared_task
from django.db.models import QuerySet
from django.utils import timezone

from campaigns import importing, preparing, previews, remeasuring
from campaigns.analysis import runs
from campaigns.csv_files import Unreadable
from campaigns.images import library
from campaigns.images.reading import NotAPicture
from campaigns.models import Change, Picture, Preview, Release
from campaigns.notifying import delivering
from campaigns.thresholds import jobs as measuring
from decisioning.previews import drop_ended
from rtts_site.foundation.jobs import Job, gave_up, running_job
from rtts_site.foundation.redis_clients import redis_client

SILENCE = timedelta(minutes=3)  # longer than any step goes without a report
TRIES = 8  # each waits twice as long as the one before: about four minutes in all


@shared_task(name="campaigns.prepare_waiting")
def prepare_waiting(**_: Any) -> None:
    """Run by beat each second: a request may not publish tasks, so it leaves a row."""
    now = timezone.now()
    jobs = Job.objects.filter(kind=preparing.JOB_KIND)
    give_back(jobs, now=now)
    waiting = jobs.filter(state=Job.State.WAITING)
    for job in waiting.order_by("pk"):
        if not job.attempts or job.updated_at <= now - pause_after(job.attempts):
            prepare(job.pk)


def give_back(jobs: QuerySet[Job], *, now: datetime) -> None:
    """Let jobs be claimed again whose worker was killed; every step of them may be taken twice."""
    silent = jobs.filter(state=Job.State.RUNNING, updated_at__lt=now - SILENCE)
    silent.update(state=Job.State.WAITING, updated_at=now)


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
                preparing.abandon(release, why=gave_up(job, TRIES), now=timezone.now())
            preparing.prepare_release(release, report=job.report, now=timezone.now)


@shared_task(name="campaigns.prepare_previews")
def prepare_previews(**_: Any) -> None:
    """Run by beat each second: makes previews ready, and ends those whose time has come."""
    now = timezone.now()
    jobs = Job.objects.filter(kind=previews.JOB_KIND)
    give_back(jobs, now=now)
    for job in jobs.filter(state=Job.State.WAITING).order_by("pk")[:20]:
        if not job.attempts or job.updated_at <= now - pause_after(job.attempts):
            prepare_preview(job.pk)
    drop_ended(redis_client(), now=now)


def prepare_preview(job_id: int) -> None:
    refusals = previews.REFUSALS
    with suppress(*refusals), running_job(job_id, refusals=refusals) as job:
        preview = Preview.objects.filter(job=str(job.pk)).first() if job else None
        if job is None or preview is None:
            return
        if job.attempts > TRIES:
            raise previews.PreviewImpossible(gave_up(job, TRIES))
        now = timezone.now()
        previews.prepare_preview(redis_client(), preview, report=job.report, now=now)


@shared_task(name="campaigns.prepare_pictures")
def prepare_pictures(**_: Any) -> None:
    """Run by beat each second: makes the sizes of pictures that were uploaded."""
    now = timezone.now()
    jobs = Job.objects.filter(kind=library.JOB_KIND)
    give_back(jobs, now=now)
    for job in jobs.filter(state=Job.State.WAITING).order_by("pk")[:20]:
        if not job.attempts or job.updated_at <= now - pause_after(job.attempts):
            prepare_picture(job.pk)


def prepare_picture(job_id: int) -> None:
    refusals = (NotAPicture,)
    with suppress(*refusals), running_job(job_id, refusals=refusals) as job:
        if job is None:
            return
        picture = Picture.objects.filter(job=str(job.pk)).first()
        if picture is None:
            return
        try:
            if job.attempts > TRIES:
                raise NotAPicture(gave_up(job, TRIES))
            library.make_sizes(picture, report=job.report)
        except NotAPicture:
            Picture.objects.filter(pk=picture.pk).update(state=Picture.State.FAILED)
            raise


@shared_task(name="campaigns.measure_thresholds")
def measure_thresholds(**_: Any) -> None:
    """Run by beat each second: measures on history what a page waits for."""
    jobs = Job.objects.filter(kind=measuring.JOB_KIND)
    give_back(jobs, now=timezone.now())
    for job in jobs.filter(state=Job.State.WAITING).order_by("pk"):
        measuring.run(job.pk, now=timezone.now())


@shared_task(name="campaigns.analyse_waiting")
def analyse_waiting(**_: Any) -> None:
    """Run by beat: looks at what is live when it is new or was looked at long ago, and at changes on request."""
    now = timezone.now()
    jobs = Job.objects.filter(kind=runs.KIND)
    give_back(jobs, now=now)
    runs.ask_for_live(now=now)
    for job in jobs.filter(state=Job.State.WAITING).order_by("pk")[:5]:
        if job.attempts and job.updated_at > now - pause_after(job.attempts):
            continue
        with suppress(*runs.REFUSALS), running_job(job.pk, refusals=runs.REFUSALS) as mine:
            if mine is not None:
                runs.analyse(mine.subject, now=timezone.now(), report=mine.report)


@shared_task(name="campaigns.import_waiting")
def import_waiting(**_: Any) -> None:
    """Run by beat each second: reads and saves large files."""
    jobs = Job.objects.filter(kind=importing.JOB_KIND)
    give_back(jobs, now=timezone.now())
    for job in jobs.filter(state=Job.State.WAITING).order_by("pk")[:5]:
        import_file(job.pk)


def import_file(job_id: int) -> None:
    refusals = (importing.NotImported, Unreadable)
    with suppress(*refusals), running_job(job_id, refusals=refusals) as job:
        if job is None:
            return
        try:
            if job.attempts > TRIES:
                raise importing.NotImported(gave_up(job, TRIES))
            importing.run(job, now=timezone.now())
        except refusals:
            importing.give_up(job)
            raise


@shared_task(name="campaigns.remeasure_waiting")
def remeasure_waiting(**_: Any) -> None:
    """Run by beat each second: measures whom changes in review reach since another release went live."""
    now = timezone.now()
    jobs = Job.objects.filter(kind=remeasuring.JOB_KIND)
    give_back(jobs, now=now)
    for job in jobs.filter(state=Job.State.WAITING).order_by("pk")[:5]:
        if job.attempts and job.updated_at > now - pause_after(job.attempts):
            continue
        gone = (Change.DoesNotExist,)
        with suppress(*gone), running_job(job.pk, refusals=gone) as mine:
            if mine is not None:
                remeasuring.measure_again(mine.subject, now=timezone.now())


@shared_task(name="campaigns.push_live")
def push_live(**_: Any) -> None:
    """Run by beat: puts right a Redis that misses the live release."""
    preparing.push_live(redis_client(), now=timezone.now())


@shared_task(name="campaigns.deliver_webhooks")
def deliver_webhooks(**_: Any) -> None:
    """Run by beat each second: sends what requests left for webhooks."""
    delivering.deliver_due(now=timezone.now())


@shared_task(name="campaigns.forget_deliveries")
def forget_deliveries(**_: Any) -> None:
    """Run by beat each day."""
    delivering.forget_old(now=timezone.now())
