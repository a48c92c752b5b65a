"""The only place that counts a condition over everybody: asked for in a row, counted by workers range by range."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import redis
from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from campaigns.audiences.counting import find, text_of
from campaigns.audiences.people import People
from campaigns.audiences.reach import PurposeReach, reach_of
from campaigns.models import ExactCount, ExactRange
from campaigns.sampling import profiles_of, refold, refolded_accounts, unkept
from consent.people import PARTITIONS
from consent.policy import PolicySpec
from consent.state import load_views
from decisioning.profiles import roster
from decisioning.profiles.accounts import EVERY_ACCOUNT
from decisioning.profiles.somebody import with_accounts
from decisioning.rules.compiler import compile_trees
from decisioning.rules.conditions import Node, aggregates, inline_segments, load
from decisioning.specs import AggregateSpec
from rtts_site.foundation.jobs import Job

JOB_KIND: Final = "campaigns.count"
AT_ONCE: Final = 8  # partitions, counted by one task
RANGES: Final = tuple(range(0, PARTITIONS, AT_ONCE))
BATCH: Final = 2_000  # people held at once
RUNNING_AT_ONCE: Final = 5
KEPT: Final = timedelta(days=1)  # a result is shown beside its condition so long
TRIES: Final = 5  # of sending ranges out
SILENCE: Final = timedelta(seconds=60)  # after which missing ranges are sent out again

Reach = list[
    tuple[str, list[tuple[str, int]]]
]  # name of the purpose, then of the channel, and people


class TooMany(Exception):
    """Enough exact counts are running; the message says what to do."""


def ask(tree: Node, *, by: AbstractUser, now: datetime) -> ExactCount:
    """Leave a count for workers, or return the one that is under way for the same condition.

    Raises:
        TooMany: others are running.
        CompileError: it is past what the engine can hold.
    """
    compile_trees({"whole": tree})
    text = text_of(inline_segments(tree))
    running = open_counts()
    mine = running.filter(digest=_digest(text)).first()
    if mine is not None:
        return mine
    if running.count() >= RUNNING_AT_ONCE:
        raise TooMany(_("Enough exact counts are running: wait for one, or cancel it."))
    with transaction.atomic():
        job = Job.objects.create(kind=JOB_KIND, total=len(RANGES))
        return ExactCount.objects.create(
            text=text,
            digest=_digest(text),
            aggregates=[msgspec.to_builtins(one) for one in aggregates(tree)],
            job=job,
            asked_by_id=by.pk,
            counted_at=now,
        )


def open_counts() -> QuerySet[ExactCount]:
    """Return the counts that wait or run."""
    states = (Job.State.WAITING, Job.State.RUNNING)
    return ExactCount.objects.filter(job__state__in=states).select_related("job")


def newest_of(tree: Node, *, now: datetime) -> ExactCount | None:
    """Return the count of a condition that is under way or was made lately; one query."""
    digest = _digest(text_of(inline_segments(tree)))
    dropped = Q(job__state__in=(Job.State.CANCELLED, Job.State.FAILED))
    lately = ExactCount.objects.filter(digest=digest, counted_at__gte=now - KEPT).exclude(dropped)
    return lately.select_related("job").order_by("-pk").first()


def cancel(count: ExactCount) -> None:
    """End a count; ranges that workers are counting end at their next people."""
    Job.objects.filter(pk=count.job_id, state__in=(Job.State.WAITING, Job.State.RUNNING)).update(
        state=Job.State.CANCELLED
    )


def is_due(now: datetime) -> bool:
    """Return whether ranges are to be sent out; one query."""
    return _to_send(now).exists()


def _to_send(now: datetime) -> QuerySet[ExactCount]:
    waits = Q(job__state=Job.State.WAITING)
    silent = Q(job__state=Job.State.RUNNING, job__updated_at__lt=now - SILENCE)
    return ExactCount.objects.filter(waits | silent)


def ranges_to_send(*, now: datetime) -> Iterator[tuple[int, list[int]]]:
    """Yield (count, first partitions) of what workers have to count: what waits, and what fell silent."""
    for count in _to_send(now).select_related("job"):
        job = count.job
        seen = Job.objects.filter(pk=job.pk, state=job.state, updated_at=job.updated_at)
        if job.attempts >= TRIES:
            seen.update(state=Job.State.FAILED, message=_("Workers could not count it."))
        elif seen.update(state=Job.State.RUNNING, updated_at=now, attempts=job.attempts + 1):
            done = set(count.ranges.values_list("first", flat=True))
            yield count.pk, [first for first in RANGES if first not in done]


def count_range(
    client: redis.Redis,
    count_id: int,
    first: int,
    *,
    policy: PolicySpec | None,
    channels: dict[str, str],
    now: datetime,
) -> ExactCount | None:
    """Count one range of partitions, and return the whole count where this was its last; harmless when repeated."""
    count = ExactCount.objects.select_related("job").filter(pk=count_id).first()
    if count is None or not _is_running(count):
        return None
    if not count.ranges.filter(first=first).exists():
        counted = _count_people(client, count, first, policy=policy, channels=channels)
        if counted is None:
            return None
        ExactRange.objects.get_or_create(count=count, first=first, defaults=counted)
    return _finish(count, now=now)


def _is_running(count: ExactCount) -> bool:
    """Say whether to go on, and leave a sign of life."""
    running = Job.objects.filter(pk=count.job_id, state=Job.State.RUNNING)
    return bool(running.update(updated_at=Now()))


def _count_people(
    client: redis.Redis,
    count: ExactCount,
    first: int,
    *,
    policy: PolicySpec | None,
    channels: dict[str, str],
) -> dict[str, Any] | None:
    """Return the sums of a range; None where the count was cancelled meanwhile."""
    tree = load(json.loads(count.text))
    specs = [msgspec.convert(one, AggregateSpec) for one in count.aggregates]
    moment, sums = count.counted_at.timestamp(), {"people": 0, "population": 0}
    reached: list[Reach] = []
    for persons in _batches(client, range(first, min(first + AT_ONCE, PARTITIONS))):
        if not _is_running(count):
            return None
        people = _load(client, persons, specs, now=count.counted_at)
        found = find(people, {"whole": tree}, now=moment, specs=specs)["whole"]
        sums["people"] += found.matched
        sums["population"] += found.sampled
        if policy is not None:
            told = reach_of(found, people, policy, channels=channels, now=moment)
            reached.append(_plain(told))
    return sums | {"reach": _added(reached)}


def _batches(client: redis.Redis, partitions: Iterable[int]) -> Iterator[list[str]]:
    waiting: list[str] = []
    for partition in partitions:
        for page in roster.pages_of(client, partition):
            waiting += page
            if len(waiting) >= BATCH:
                yield waiting
                waiting = []
    if waiting:
        yield waiting


def _load(
    client: redis.Redis, persons: list[str], specs: list[AggregateSpec], *, now: datetime
) -> People:
    profiles = profiles_of(client, persons)
    new = unkept(client, specs)
    accounts = [one.accounts for one in with_accounts(client, profiles, EVERY_ACCOUNT)]
    if new:
        profiles = refold(profiles, new, now=now)
        accounts = refolded_accounts(accounts, new, now=now)
    views = load_views(client, profiles)
    return People(
        profiles,
        population=len(profiles),
        views=[views[one] for one in profiles],
        accounts=accounts,
    )


def _plain(reach: Iterable[PurposeReach]) -> Reach:
    return [(one.name, [(line.channel, line.matched) for line in one.channels]) for one in reach]


def _added(reached: Iterable[Reach]) -> Reach:
    sums: dict[str, dict[str, int]] = {}
    for reach in reached:
        for purpose, lines in reach:
            known = sums.setdefault(purpose, {})
            for channel, people in lines:
                known[channel] = known.get(channel, 0) + people
    return [(purpose, list(lines.items())) for purpose, lines in sums.items()]


@transaction.atomic
def _finish(count: ExactCount, *, now: datetime) -> ExactCount | None:
    """Write the progress, and the sums once all ranges are there."""
    count = (
        ExactCount.objects.select_for_update(of=("self",)).select_related("job").get(pk=count.pk)
    )
    rows = list(count.ranges.all())
    running = Job.objects.filter(pk=count.job_id, state=Job.State.RUNNING)
    if len(rows) < len(RANGES):
        running.update(done=len(rows), updated_at=now)
        return None
    count.people = sum(row.people for row in rows)
    count.population = sum(row.population for row in rows)
    count.reach = _added(row.reach for row in rows)
    if not running.update(state=Job.State.DONE, done=len(rows), updated_at=now):
        return None
    count.save(update_fields=["people", "population", "reach"])
    return count


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
