"""The only place that records long work for the person who waits for it: state, progress, last words."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext, gettext_noop

from rtts_site.foundation.texts import Filled, anew, filled_of, words_of


class Job(models.Model):
    """One piece of long work, read by the page that polls it."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    OPEN = (State.WAITING, State.RUNNING)

    kind = models.CharField(max_length=60)  # "campaigns.prepare"
    subject = models.CharField(max_length=200, blank=True)  # what it works on, e.g. "release:12"
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)  # 0 while unknown
    message = models.TextField(blank=True)  # in English, for logs and programs
    said = models.JSONField(default=dict, blank=True)  # the same as texts.Plain, for people
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            models.Index(fields=["kind", "subject"], name="job_kind_subject"),
            models.Index(
                fields=["kind"], name="job_open", condition=Q(state__in=("waiting", "running"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.state}"

    @property
    def is_over(self) -> bool:
        return self.state in (self.State.DONE, self.State.FAILED, self.State.CANCELLED)

    @property
    def percent(self) -> int:
        return min(100, 100 * self.done // self.total) if self.total else 0

    @property
    def words(self) -> str:
        """Return the last words in the language of the page."""
        return anew(self.told, gettext)

    @property
    def told(self) -> Filled:
        """Return the last words as a text that can be said in any language, or be part of another."""
        return filled_of(self.said) if self.said else Filled(self.message)

    def tell(self, message: str) -> None:
        """Set the last words: a translatable English text, `Filled` where it has places; saves nothing."""
        said = message if isinstance(message, Filled) else Filled(message)
        self.message, self.said = str(said), said.plain()

    def report(self, done: int, total: int, message: str = "") -> None:
        """Write progress at once, outside of the caller's result; one query."""
        self.done, self.total = done, total
        if message:
            self.tell(message)
        self.save(update_fields=["done", "total", "message", "said", "updated_at"])


def claim_job(job_id: int) -> Job | None:
    """Return the job if this call is the one to run it; None if it runs, or has been run, elsewhere."""
    # Its silence counts from here: a job that waited long is not given to a second worker.
    changed = Job.objects.filter(pk=job_id, state=Job.State.WAITING).update(
        state=Job.State.RUNNING, attempts=models.F("attempts") + 1, updated_at=Now()
    )
    return Job.objects.get(pk=job_id) if changed else None


def gave_up(job: Job, tries: int) -> Filled:
    """Return why a job is not tried again: what kept it from being done the last time."""
    return Filled(gettext_noop("Tried {times} times: {why}"), times=tries, why=job.told)


@contextmanager
def running_job(
    job_id: int, *, refusals: tuple[type[Exception], ...] = (Exception,)
) -> Iterator[Job | None]:
    """Yield the claimed job (None: nothing to do) and record how the block ended; its error goes on up.

    After an error that is none of `refusals`, and so may pass, the job waits to be claimed again.
    """
    job = claim_job(job_id)
    if job is None:
        yield None
        return
    try:
        yield job
    except Exception as error:
        state = Job.State.FAILED if isinstance(error, refusals) else Job.State.WAITING
        job.tell(words_of(error))
        _finish(job, state)
        raise
    _finish(job, Job.State.DONE)


def _finish(job: Job, state: Job.State) -> None:
    job.state = state
    job.save(update_fields=["state", "message", "said", "updated_at"])
