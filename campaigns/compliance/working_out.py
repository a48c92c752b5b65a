"""The only place that has a job work out what a withdrawal would cost, one at a time, and keeps its last answers."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec
import redis
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns.candidates import live_release
from campaigns.compliance.what_if import Withdrawal, if_withdrawn
from campaigns.stages import NothingToTry, staged
from consent.policy_store import live_policy
from rtts_site.foundation.jobs import Job
from rtts_site.foundation.redis_clients import redis_client

JOB_KIND: Final = "campaigns.what_if"
KEPT_S: Final = 3_600
REFUSALS: Final = (NothingToTry,)

Clock = Callable[[], datetime]


class Busy(Exception):
    """Another purpose is worked out just now; the message names it."""


class Answer(msgspec.Struct, frozen=True):
    """What was found and when."""

    found: Withdrawal
    at: datetime


def ask(client: redis.Redis, purpose: str) -> None:
    """Leave a job for the worker, unless the answer is kept or on its way; one round trip, two or three queries.

    Raises:
        Busy, redis.RedisError
    """
    if answer_to(client, purpose) is not None:
        return
    waiting = Job.objects.filter(kind=JOB_KIND, state__in=Job.OPEN).first()
    if waiting is None:
        Job.objects.create(kind=JOB_KIND, subject=purpose)
    elif waiting.subject != purpose:
        words = _("“{purpose}” is worked out just now, one at a time. Ask again in some seconds.")
        raise Busy(words.format(purpose=waiting.subject))


def answer_to(client: redis.Redis, purpose: str) -> Answer | None:
    """Return what was last worked out for the live release and policy, None where that is over an hour ago."""
    packed: Any = client.get(_live_key(purpose))
    return msgspec.msgpack.decode(packed, type=Answer) if packed else None


def last_job(purpose: str) -> Job | None:
    """Return the job that works a purpose out or was the last to; one query."""
    return Job.objects.filter(kind=JOB_KIND, subject=purpose).order_by("-pk").first()


def run(job: Job, *, now: Clock) -> None:
    """Work out what a job asks for, once for all who asked meanwhile.

    Raises:
        NothingToTry: there is no release to ask.
    """
    client, purpose, key = redis_client(), job.subject, _live_key(job.subject)
    if client.exists(key):
        return

    def report(done: int, total: int) -> None:
        job.report(done, total, gettext_noop("Looking at people"))

    with staged(client) as stage:
        found = if_withdrawn(client, stage, purpose, now=now(), report=report)
    client.set(key, msgspec.msgpack.encode(Answer(found, now())), ex=KEPT_S)


def _live_key(purpose: str) -> str:
    release, policy = live_release(), live_policy()
    return _answer_key(release.digest if release else "", policy.digest if policy else "", purpose)


def _answer_key(release: str, policy: str, purpose: str) -> str:
    return f"what_if:{release}:{policy}:{purpose}"
