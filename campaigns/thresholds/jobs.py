"""The only place that measures a threshold on history: at once where that is quick, else as a job with progress."""

import time
from datetime import datetime
from typing import Any, Final

import msgspec
import redis
from django.db import transaction
from django.utils.translation import gettext_noop

from campaigns.thresholds.history import Goal, read_past
from campaigns.thresholds.measures import Measured, measure
from campaigns.thresholds.questions import Question
from rtts_site.foundation.jobs import Job
from rtts_site.foundation.redis_clients import redis_client

JOB_KIND: Final = "campaigns.measure_threshold"
PATIENCE_S: Final = 0.7  # a page waits so long; longer work becomes a job
KEPT_S: Final = 3_600


class Asked(msgspec.Struct, frozen=True):
    """What a job measures."""

    question: Question
    goal: Goal


def measure_now(
    client: redis.Redis, question: Question, goal: Goal, *, now: datetime
) -> list[Measured] | None:
    """Return the measures, None where they take longer than a page waits."""
    until = time.monotonic() + PATIENCE_S
    past = read_past(
        client, question, goal, now=now, report=lambda done, total: time.monotonic() < until
    )
    return None if past is None else measure(past, question)


def start(client: redis.Redis, question: Question, goal: Goal, *, words: str) -> Job:
    """Leave a job for the worker: a request may not publish tasks. One round trip, one row."""
    asked = msgspec.msgpack.encode(Asked(question, goal))
    # No worker sees the job before what it asks is there.
    with transaction.atomic():
        job = Job.objects.create(kind=JOB_KIND, subject=words[:200])
        client.set(_asked_key(job.pk), asked, ex=KEPT_S)
    return job


def run(job: Job, *, now: datetime) -> None:
    """Measure what a job asks for; a job that nobody looks at any more is ended."""
    client = redis_client()
    asked = _load(client, job.pk)
    if asked is None:
        job.tell(gettext_noop("Nobody waits for this any more."))
        return

    def report(done: int, total: int) -> bool:
        job.report(done, total, gettext_noop("Reading what people did"))
        return True

    past = read_past(client, asked.question, asked.goal, now=now, report=report) or []
    found = msgspec.msgpack.encode(measure(past, asked.question))
    client.set(_found_key(job.pk), found, ex=KEPT_S)
    job.tell(gettext_noop("Measured"))


def measured_by(client: redis.Redis, job: Job) -> tuple[Question, Goal, list[Measured]] | None:
    """Return what a finished job found, None where it is no longer kept."""
    asked, found = _load(client, job.pk), client.get(_found_key(job.pk))
    if asked is None or found is None:
        return None
    measures = msgspec.msgpack.decode(_bytes(found), type=list[Measured])
    return asked.question, asked.goal, measures


def _load(client: redis.Redis, job_id: int) -> Asked | None:
    packed = client.get(_asked_key(job_id))
    return None if packed is None else msgspec.msgpack.decode(_bytes(packed), type=Asked)


def _bytes(value: Any) -> bytes:
    return bytes(value)


def _asked_key(job_id: int) -> str:
    return f"threshold:{job_id}:asked"


def _found_key(job_id: int) -> str:
    return f"threshold:{job_id}:found"
