"""The only place that compares a share of stored profiles with what history says, and corrects those that drifted."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import redis
from django.db.models import Sum

from consent import people
from decisioning.enrichment.stored import load_terms
from decisioning.ingestion.rebuilding import Drift, correct
from decisioning.models import IntakeHour, Reconciliation
from decisioning.observing.batches import HOUR_MS
from decisioning.profiles.live_set import load_live
from decisioning.profiles.profile import Profile, differing
from decisioning.profiles.store import load_profiles
from decisioning.profiles.windows import aggregate_value
from decisioning.specs import AggregateSpec

PARTITIONS: Final = 16  # of a run; the next takes the next ones
PER_PARTITION: Final = 125  # people, from a place that changes with each run
PER_STEP: Final = 25
SECONDS: Final = 60.0  # a run stops then; what it has not reached another will
NAMED: Final = 20  # of those who drifted
QUIET_SHARE: Final = 3  # a third of the hours of a day are quiet
REST: Final = timedelta(hours=1)
NOT_COMPARED: Final = frozenset({"position"})
BUCKETS: Final = frozenset({"series", "activity"})


@dataclass(slots=True)
class Compared:
    """What a run found."""

    since_ms: int = 0  # before this history has forgotten events
    looked: int = 0
    skipped: int = 0
    parts: Counter[str] = field(default_factory=Counter)
    drifted: list[str] = field(default_factory=list)


def reconcile(
    client: "redis.Redis",
    *,
    now: datetime,
    report: Callable[[int], None] = lambda _: None,
    partitions: range | None = None,
) -> Reconciliation:
    """Compare some people's profiles with their history at the same position, correct them, and keep what was found.

    A correction is written as a rebuild is: only where the partition stands as it was read.
    """
    run = Reconciliation.objects.create(began_at=now)
    asked = partitions if partitions is not None else _partitions_of(run.pk)
    compared, end = Compared(_told_since(client, now)), time.monotonic() + SECONDS
    for partition in asked:
        for some in _some_people(client, partition, run.pk):
            if time.monotonic() > end:
                break
            _compare(client, partition, some, compared)
            report(compared.looked)
    run.looked, run.skipped = compared.looked, compared.skipped
    run.drifted, run.parts = len(compared.drifted), dict(compared.parts)
    run.people = compared.drifted[:NAMED]
    run.ended_at = now + timedelta(seconds=max(0.0, SECONDS - (end - time.monotonic())))
    run.save()
    return run


def _compare(client: "redis.Redis", partition: int, some: list[str], compared: Compared) -> None:
    told = _fully_told(client, partition, some, compared.since_ms)
    drifted = correct(client, partition, told) if told else []
    compared.skipped += len(some) - len(told)
    if drifted is None:
        compared.skipped += len(told)
        return
    compared.looked += len(told)
    kept = load_live(client).specs if drifted else ()
    for one in drifted:
        parts = parts_of(one, kept)
        compared.parts.update(parts)
        if parts:
            compared.drifted.append(one[0])


def _fully_told(client: "redis.Redis", partition: int, some: list[str], since_ms: int) -> list[str]:
    """Return the people of whom history has forgotten nothing."""
    if not since_ms:
        return some
    profiles = load_profiles(client, {partition: some})
    return [
        person
        for person, profile in profiles.items()
        if profile is None or profile.first_seen_ms >= since_ms
    ]


def _told_since(client: "redis.Redis", now: datetime) -> int:
    """Return since when, ms, history has every event; 0 for ever."""
    days = min(load_terms(client).event_days.values(), default=0)
    return int((now - timedelta(days=days)).timestamp() * 1000) if days else 0


def parts_of(drift: Drift, kept: Sequence[AggregateSpec]) -> list[str]:
    """Return the parts of a profile that say something else, e.g. ``["attributes"]``; "whole" where one is missing.

    What a late event left below every window goes when time passes a step, sooner in a fold of all at once:
    buckets have drifted where an aggregate that is kept has another value.
    """
    _person, stored, told = drift
    if stored is None or told is None:
        return ["whole"]
    parts = [name for name in differing(stored, told) if name not in NOT_COMPARED]
    if BUCKETS.isdisjoint(parts) or _count_otherwise(stored, told, kept):
        return parts
    return [name for name in parts if name not in BUCKETS]


def _count_otherwise(stored: Profile, told: Profile, kept: Sequence[AggregateSpec]) -> bool:
    now = max(stored.newest_ms, told.newest_ms) / 1000
    return any(
        aggregate_value(stored, spec, now) != aggregate_value(told, spec, now) for spec in kept
    )


def _partitions_of(number: int) -> list[int]:
    first = number * PARTITIONS
    return [(first + step) % people.PARTITIONS for step in range(PARTITIONS)]


def _some_people(client: "redis.Redis", partition: int, number: int) -> Iterator[list[str]]:
    """Yield people of a partition from a place that changes with each run."""
    place = hashlib.sha256(f"{number}/{partition}".encode()).hexdigest()[:20]
    key, start = people.roster_key(partition), f"[p{partition:03d}{place}"
    found: Any = client.zrangebylex(key, start, "+", 0, PER_PARTITION)
    if len(found) < PER_PARTITION:
        found += client.zrangebylex(key, "-", f"({start[1:]}", 0, PER_PARTITION - len(found))
    named = [one.decode() for one in found]
    for step in range(0, len(named), PER_STEP):
        yield named[step : step + PER_STEP]


def is_off_peak(now: datetime) -> bool:
    """Return whether this hour of the day is one of the quietest third of last week, and no run was just now."""
    if Reconciliation.objects.filter(began_at__gt=now - REST).exists():
        return False
    hour = int(now.timestamp() * 1000) // HOUR_MS
    rows = IntakeHour.objects.filter(hour__gte=hour - 7 * 24, hour__lt=hour)
    counts = [0] * 24
    for row in rows.values("hour").annotate(events=Sum("events")):
        counts[row["hour"] % 24] += row["events"]
    quietest = sorted(counts)[24 // QUIET_SHARE - 1]
    return counts[hour % 24] <= quietest
