"""The only place that says how the jobs of each kind are done, and does those that wait."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet

from campaigns import going_live, importing, preparing, previews, remeasuring
from campaigns.analysis import runs
from campaigns.compliance import drilling, working_out
from campaigns.csv_files import Unreadable
from campaigns.images import library
from campaigns.images.reading import NotAPicture
from campaigns.incoming import quarantined, reconciling
from campaigns.models import Change, Picture, Preview, Release
from campaigns.thresholds import jobs as measuring
from decisioning.models import QuarantineAct
from rtts_site.foundation.jobs import Job, gave_up, running_job
from rtts_site.foundation.redis_clients import redis_client
from rtts_site.foundation.texts import words_of

SILENCE: Final = timedelta(minutes=3)  # longer than any step goes without a report
TRIES: Final = 8  # each waits twice as long as the one before: about four minutes in all
SPELL: Final = timedelta(seconds=2)  # after so long the worker looks at its other tasks

Clock = Callable[[], datetime]


class GaveUp(Exception):
    """A job was tried too often; the message says what kept it from being done the last time."""


def _nothing(job: Job, error: Exception, now: Clock) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Work:
    """How jobs of one kind are done; every step may be taken twice, as a worker can be killed at any."""

    run: Callable[[Job, Clock], None]
    # What ends a job; whatever else goes wrong may pass, and is tried again.
    refusals: tuple[type[Exception], ...] = ()
    # Puts right what waits for a job that ended so.
    ended: Callable[[Job, Exception, Clock], None] = _nothing


def _prepare(job: Job, now: Clock) -> None:
    release = Release.objects.get(job=str(job.pk))
    preparing.prepare_release(release, report=job.report, now=now)


def _not_prepared(job: Job, error: Exception, now: Clock) -> None:
    release = Release.objects.get(job=str(job.pk))
    going_live.give_up(release, why=str(words_of(error)), now=now())


def _preview(job: Job, now: Clock) -> None:
    for preview in Preview.objects.filter(job=str(job.pk)):
        previews.prepare_preview(redis_client(), preview, report=job.report, now=now())


def _picture(job: Job, now: Clock) -> None:
    for picture in Picture.objects.filter(job=str(job.pk)):
        library.make_sizes(picture, report=job.report)


def _no_picture(job: Job, error: Exception, now: Clock) -> None:
    Picture.objects.filter(job=str(job.pk)).update(state=Picture.State.FAILED)


def _import(job: Job, now: Clock) -> None:
    importing.run(job, now=now())


def _not_imported(job: Job, error: Exception, now: Clock) -> None:
    importing.give_up(job)


def _quarantine(job: Job, now: Clock) -> None:
    quarantined.run(job, now=now)


def _reconcile(job: Job, now: Clock) -> None:
    reconciling.run(job, now=now)


def _drill(job: Job, now: Clock) -> None:
    drilling.run(job, now=now)


def _work_out(job: Job, now: Clock) -> None:
    working_out.run(job, now=now)


def _analyse(job: Job, now: Clock) -> None:
    runs.analyse(job.subject, now=now(), report=job.report)


def _measure(job: Job, now: Clock) -> None:
    measuring.run(job, now=now())


def _measure_again(job: Job, now: Clock) -> None:
    remeasuring.measure_again(job.subject, now=now())


WORK: Final = {
    preparing.JOB_KIND: Work(_prepare, (preparing.NotPrepared,), _not_prepared),
    previews.JOB_KIND: Work(_preview, previews.REFUSALS),
    library.JOB_KIND: Work(_picture, (NotAPicture,), _no_picture),
    importing.JOB_KIND: Work(_import, (importing.NotImported, Unreadable), _not_imported),
    measuring.JOB_KIND: Work(_measure),
    reconciling.JOB_KIND: Work(_reconcile),
    quarantined.JOB_KIND: Work(_quarantine, (QuarantineAct.DoesNotExist,)),
    drilling.JOB_KIND: Work(_drill),
    working_out.JOB_KIND: Work(_work_out, working_out.REFUSALS),
    runs.KIND: Work(_analyse, runs.REFUSALS),
    remeasuring.JOB_KIND: Work(_measure_again, (Change.DoesNotExist,)),
}


def do_waiting(*, now: Clock) -> None:
    """Do what is due, the oldest first, until a spell is over; one query where nothing waits.

    Raises:
        Exception: what ended a try for a reason that may pass; its job waits for the next.
    """
    started = now()
    for job in _due(now=started):
        do(job, now=now)
        if now() - started > SPELL:
            return


def is_due(now: datetime) -> bool:
    """Return whether a job is to be done, or claimed again as its worker fell silent; one query."""
    return any(
        job.updated_at < now - SILENCE if job.state == Job.State.RUNNING else _may_go(job, now)
        for job in _open()
    )


def _open() -> QuerySet[Job]:
    return Job.objects.filter(kind__in=WORK, state__in=Job.OPEN).order_by("pk")


def _may_go(job: Job, now: datetime) -> bool:
    return not job.attempts or job.updated_at <= now - pause_after(job.attempts)


def _due(*, now: datetime) -> Iterator[Job]:
    for job in _open():
        is_running = job.state == Job.State.RUNNING
        if _is_given_back(job, now=now) if is_running else _may_go(job, now):
            yield job


def _is_given_back(job: Job, *, now: datetime) -> bool:
    """Let a job be claimed again whose worker was killed; return whether it was."""
    silent = Job.objects.filter(pk=job.pk, state=job.state, updated_at__lt=now - SILENCE)
    return bool(silent.update(state=Job.State.WAITING, updated_at=now))


def pause_after(attempts: int) -> timedelta:
    """Return how long a job waits after so many tries that something passing ended."""
    return timedelta(seconds=2 ** min(attempts, TRIES))


def do(waiting: Job, *, now: Clock) -> None:
    """Do one job, if no other worker was first to claim it."""
    work = WORK[waiting.kind]
    ends: tuple[type[Exception], ...] = (*work.refusals, GaveUp)
    # What ends a job is told on it and on the page that waits: nothing for the worker's log.
    with suppress(*ends), running_job(waiting.pk, refusals=ends) as job:
        if job is None:
            return
        try:
            if job.attempts > TRIES:
                raise GaveUp(gave_up(job, TRIES))
            work.run(job, now)
        except ends as error:
            work.ended(job, error, now)
            raise
