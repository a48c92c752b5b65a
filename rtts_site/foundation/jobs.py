"""The only place that records long work for the person who waits for it: state, progress, last words."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import models
from django.db.models.functions import Now


class Job(models.Model):
    """One piece of long work, read by the page that polls it."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    kind = models.CharField(max_length=60)  # "campaigns.prepare"
    subject = models.CharField(max_length=200, blank=True)  # what it works on, e.g. "release:12"
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)  # 0 while unknown
    message = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [models.Index(fields=["kind", "subject"], name="job_kind_subject")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.state}"

    @property
    def is_over(self) -> bool:
        return self.state in (self.State.DONE, self.State.FAILED, self.State.CANCELLED)

    @property
    def percent(self) -> int:
        return min(100, 100 * self.done // self.total) if self.total else 0

    def report(self, done: int, total: int, message: str = "") -> None:
        """Write progress at once, outside of the caller's result; one query."""
        self.done, self.total, self.message = done, total, message or self.message
        self.save(update_fields=["done", "total", "message", "updated_at"])


def claim_job(job_id: int) -> Job | None:
    """Return the job if this call is the one to run it; None if it runs, or has been run, elsewhere."""
    # Its silence counts from here: a job that waited long is not given to a second worker.
    changed = Job.objects.filter(pk=job_id, state=Job.State.WAITING).update(
        state=Job.State.RUNNING, attempts=models.F("attempts") + 1, updated_at=Now()
    )
    return Job.objects.get(pk=job_id) if changed else None


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
        _finish(job, state, str(error) or type(error).__name__)
        raise
    _finish(job, Job.State.DONE, job.message)


def _finish(job: Job, state: Job.State, message: str) -> None:
    job.state, job.message = state, message
    job.save(update_fields=["state", "message", "updated_at"])
