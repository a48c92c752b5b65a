"""The only place that undoes a merge: records in both streams, then both told anew from history."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import redis
from django.db.models import F

from consent import people
from consent.models import Parting
from consent.parting import ERASED, ErasedError, part_people
from consent.rights.closing import were_erased
from consent.state import add_fence, remove_fence
from decisioning.ingestion.log import event_log
from decisioning.ingestion.rebuilding import await_archived, tell_anew
from decisioning.ingestion.records import Record
from decisioning.profiles.carrying import take_back
from decisioning.profiles.profile import Profile
from decisioning.profiles.store import load_profile, load_profiles

PATIENCE_S: Final = 60.0
POLL_S: Final = 0.05
STEPS: Final = 5  # that a parting is reported in
Report = Callable[[int, int], None]  # done, total


class NotMerged(Exception):
    """There is no merge to undo; the message says of whom."""


class PartingStalled(Exception):
    """Workers do not get on; run it again, it goes on where it was."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A merge that can be undone."""

    source: str  # who left
    target: str  # for whom


def merge_of(client: "redis.Redis", person: str) -> Merged:
    """Return the merge by which a person, as their identifier names them, became another.

    Raises:
        NotMerged: they are themselves.
    """
    partition = people.partition_of(person)
    profile = load_profiles(client, {partition: [person]})[person]
    if profile is None or not profile.merged_into:
        raise NotMerged("This identifier was not joined with another; name the one that was.")
    return Merged(person, profile.merged_into)


def begin_parting(
    client: "redis.Redis", merged: Merged, *, by: str, why: str, now: datetime
) -> Parting:
    """Note for good that two people are to be parted, and have no decision rest on either until they are.

    Raises:
        ErasedError: one of them was erased.
    """
    if were_erased((merged.source, merged.target)):
        raise ErasedError(ERASED)
    said = {"parted_at": now, "parted_by": by, "why": why, "finished_at": None}
    parting, _ = Parting.objects.update_or_create(
        source=merged.source, target=merged.target, defaults=said
    )
    _raise_fences(client, parting, now_ms=int(now.timestamp() * 1000))
    return parting


def finish_parting(
    client: "redis.Redis", parting: Parting, *, now: datetime, report: Report = lambda *_: None
) -> None:
    """Part two people; run again after whatever broke off, it goes on.

    Raises:
        PartingStalled, RebuildStalled: no worker drains or archives.
        StoreUnavailableError: consent cannot be parted now.
    """
    source, target = parting.source, parting.target
    now_ms = int(now.timestamp() * 1000)
    _raise_fences(client, parting, now_ms=now_ms)
    event_log(client).accept([_record(parting, now_ms=now_ms)])
    _await(lambda: target in _apart(_stored(client, source)))
    _await(lambda: source in _apart(load_profile(client, target)[1]))
    report(1, STEPS)
    owner = load_profile(client, target)[0]
    # The source may have become somebody else since it was freed.
    elsewhere = load_profile(client, source)[0]
    for person in dict.fromkeys((source, target, owner, elsewhere)):
        await_archived(client, people.partition_of(person))
    report(2, STEPS)
    tell_anew(client, dict.fromkeys((owner, source, elsewhere)))
    report(3, STEPS)
    take_back(client, source)
    told = _stored(client, source)
    part_people(source, target, now=now, along=told.absorbed if told else (), by=parting.parted_by)
    report(4, STEPS)
    for person in {source, target, owner}:
        remove_fence(client, person, _token(parting))
    Parting.objects.filter(pk=parting.pk).update(finished_at=now)
    report(STEPS, STEPS)


def unfinished() -> Iterator[Parting]:
    """Yield the partings that were begun and are not done, the oldest first."""
    yield from Parting.objects.filter(finished_at=None).order_by(F("parted_at"))


def _record(parting: Parting, *, now_ms: int) -> Record:
    at_ms = int(parting.parted_at.timestamp() * 1000)
    return Record(
        kind="part",
        message_id=f"part:{parting.source}>{parting.target}:{at_ms}",
        person=parting.source,
        other=parting.target,
        had_left=True,
        event_time_ms=at_ms,
        received_at_ms=now_ms,
    )


def _token(parting: Parting) -> str:
    return f"part:{parting.source}"


def _raise_fences(client: "redis.Redis", parting: Parting, *, now_ms: int) -> None:
    owner, _ = load_profile(client, parting.target)
    for person in dict.fromkeys((parting.source, parting.target, owner)):
        add_fence(client, person, _token(parting), now_ms=now_ms)


def _stored(client: "redis.Redis", person: str) -> Profile | None:
    return load_profiles(client, {people.partition_of(person): [person]})[person]


def _apart(profile: Profile | None) -> frozenset[str]:
    """Return whom somebody is parted from; also of who has merged into another since."""
    bonds = profile.bonds if profile is not None else None
    return frozenset(bonds.apart) if bonds is not None else frozenset()


def _await(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not reached():
        if time.monotonic() > end:
            raise PartingStalled(
                "The records of a parting are not folded: see whether workers run."
            )
        time.sleep(POLL_S)
