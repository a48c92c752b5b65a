"""The only place that writes profiles again from history while workers go on folding."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import redis

from consent import people
from consent.ledger import current_person
from consent.state import begin_merge
from decisioning.ingestion.backfill import backfill, incomplete
from decisioning.ingestion.delivery import packed_deliveries
from decisioning.ingestion.history import moved_on, readable
from decisioning.ingestion.log import event_log
from decisioning.ingestion.planning import Delivery, Entry
from decisioning.ingestion.positions import Position, load_positions
from decisioning.ingestion.records import stream_order
from decisioning.ingestion.retelling import HistoryBehind, Retelling
from decisioning.models import EventRecord
from decisioning.profiles.aggregates import Aggregates, LiveSet
from decisioning.profiles.bonds import Bonds
from decisioning.profiles.live_set import load_live
from decisioning.profiles.profile import Profile, decode_profile, encode_profile
from decisioning.profiles.store import Batch, commit, load_profiles
from decisioning.watching.live import load_swept, sweep_again

PEOPLE_PER_STEP: Final = 200
PATIENCE_S: Final = 60.0  # with one person that cannot be written
POLL_S: Final = 0.05
AT_ONCE_MS: Final = 0  # when people whose profile was another are looked at by who watches them


Drift = tuple[str, Profile | None, Profile | None]  # person, as stored, as history has them


class RebuildStalled(Exception):
    """Somebody's profile could not be written; the message says what to look at and where to go on."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How far a rebuild is."""

    person: str  # the last one done: `after` of a rebuild that goes on from here
    people: int = 0  # looked at so far
    written: int = 0  # of them, whose profile was another


class _Moved(Exception):
    """The partition went on meanwhile, or takes up new aggregates just now."""


def rebuild(
    client: "redis.Redis", *, partitions: Iterable[int] = range(people.PARTITIONS), after: str = ""
) -> Iterator[Rebuilt]:
    """Write everybody's profile as history has it, in the order of their ids, and yield how far it is.

    What workers fold meanwhile is kept: each step is written only where its partition stands as it was
    read, and a fold that was computed before the step is computed again. Doing it twice does no harm.

    Raises:
        BackfillStalled: no worker drains or archives.
        RebuildStalled: a partition does not stand still or its history does not get on.
    """
    backfill(client, load_live(client).specs)
    so_far = Rebuilt(after)
    for partition in sorted(partitions):
        await_archived(client, partition)
        for persons in _people(partition, after=after):
            written = _rebuild(client, partition, persons)
            so_far = Rebuilt(persons[-1], so_far.people + len(persons), so_far.written + written)
            yield so_far
        sweep_again(client, [partition])


def correct(client: "redis.Redis", partition: int, persons: Sequence[str]) -> list[Drift] | None:
    """Write some people's profiles as history has them, at the position where they stand, and return who drifted.

    None where the partition does not stand still: nothing was written.
    """
    try:
        return _step(client, partition, persons)
    except (_Moved, HistoryBehind):
        return None


def _people(partition: int, *, after: str) -> Iterator[list[str]]:
    """Yield the people that history has in a partition, some at a time, by id."""
    rows = EventRecord.objects.order_by("person_id").values_list("person_id", flat=True).distinct()
    first, behind = f"p{partition:03d}", f"p{partition + 1:03d}"
    last = max(first, after)
    while found := list(rows.filter(person_id__gt=last, person_id__lt=behind)[:PEOPLE_PER_STEP]):
        yield found
        last = found[-1]


def await_archived(client: "redis.Redis", partition: int) -> None:
    """Wait until history has what is folded now in a partition.

    Raises:
        RebuildStalled: it does not get on.
    """
    folded = load_positions(client, [partition])[partition].folded

    def reached() -> bool:
        archived = load_positions(client, [partition])[partition].archived
        return stream_order(archived) >= stream_order(folded)

    end = time.monotonic() + PATIENCE_S
    while not reached():
        _rest(
            end, f"History of partition {partition} does not get on: see whether the workers run."
        )


def _rest(end: float, otherwise: str) -> None:
    if time.monotonic() > end:
        raise RebuildStalled(otherwise)
    time.sleep(POLL_S)


def _rebuild(client: "redis.Redis", partition: int, persons: Sequence[str]) -> int:
    """Rebuild some people of one partition, in smaller steps where it does not stand still for long."""
    try:
        return len(_step(client, partition, persons))
    except (_Moved, HistoryBehind):
        if len(persons) > 1:
            half = len(persons) // 2
            return _rebuild(client, partition, persons[:half]) + _rebuild(
                client, partition, persons[half:]
            )
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return len(_step(client, partition, persons))
        except (_Moved, HistoryBehind) as error:
            _rest(end, f"{persons[0]} cannot be rebuilt: {error} Run it again later.")


def _step(client: "redis.Redis", partition: int, persons: Sequence[str]) -> list[Drift]:
    """Write some people's profiles where they are others than those stored, and return which were."""
    live, position = load_live(client), load_positions(client, [partition])[partition]
    _check_settled(client, live, position)
    stored = load_profiles(client, {partition: persons})
    tail = _tail(client, partition, position, stored)
    told = Retelling(persons, aggregates=Aggregates(live), tail=list(tail))
    batch = Batch(
        partition, position.folded, position.folded, live.version, position.rebuilds, True
    )
    is_watched = load_swept(client, [partition])[partition].version > 0
    owed: list[Delivery] = []
    drifted: list[Drift] = []
    for person in persons:
        profile = _as_stored(told.profile(person), stored[person])
        if profile != stored[person]:
            drifted.append((person, stored[person], profile))
            batch.profiles[person] = None if profile is None else encode_profile(profile)
            if is_watched and profile is not None and not profile.merged_into:
                batch.earlier[person] = AT_ONCE_MS
            if profile is not None and profile.is_account:
                batch.unlisted |= {person}
            if profile is not None and profile.merged_into:
                batch.tombstones = {**batch.tombstones, person: profile.merged_into}
            owed += [*told.missing(person), *_unjoined(told.joins(person))]
    for fence in filter(None, (one.fence for one in owed)):  # before a tombstone leads past it
        begin_merge(client, *fence, now_ms=int(time.time() * 1000))
    batch.outgoing |= packed_deliveries(owed, until=f"rebuild-{position.rebuilds}")
    if batch.profiles and not commit(client, [batch])[0]:
        raise _Moved("records come faster than it is done.")
    return drifted


def _check_settled(client: "redis.Redis", live: LiveSet, position: Position) -> None:
    """Refuse while history is being added to new aggregates, which would then count twice."""
    if position.aggregates != live.version or incomplete(client, live, live.specs):
        raise _Moved("aggregates of a release in preparation are being completed.")


def _tail(
    client: "redis.Redis", partition: int, position: Position, stored: Mapping[str, Profile | None]
) -> Iterator[Entry]:
    """Yield what is folded and perhaps not archived of these people."""
    log = event_log(client)
    found = log.between(partition, since=position.archived, until=position.folded)
    for stream_id, record in log.unrepeated({partition: list(readable(found))})[partition]:
        is_ours = record.kind != "backfill" and record.person in stored
        if is_ours and not moved_on(stored[record.person], stream_id, record):
            yield stream_id, record


def _as_stored(profile: Profile | None, stored: Profile | None) -> Profile | None:
    """Return a rebuilt profile as it reads once stored; it reflects what the one before did, so it stands as far."""
    if profile is None:
        return None
    if stored is not None and profile.merged_into:
        profile = msgspec.structs.replace(profile, member_of=stored.member_of)
    elif stored is not None:
        last = max(profile.position, stored.position, key=stream_order)
        profile = msgspec.structs.replace(
            profile, position=last, member_of=stored.member_of, bonds=_bonds(profile, stored)
        )
    return decode_profile(encode_profile(profile))


def _bonds(profile: Profile, stored: Profile) -> Bonds | None:
    """Return a rebuilt profile's bonds; where it was away, and since when it is apart, is told by the stored one."""
    if stored.bonds is None:
        return profile.bonds
    own = profile.bonds or Bonds()
    return msgspec.structs.replace(
        own, away=stored.bonds.away, apart={**own.apart, **stored.bonds.apart}
    )


def tell_anew(client: "redis.Redis", persons: Iterable[str]) -> None:
    """Write some people's profiles as history has it by now.

    Raises:
        RebuildStalled: a partition does not stand still or its history does not get on.
    """
    for person in persons:
        _rebuild(client, people.partition_of(person), [person])


def _unjoined(pairs: Iterable[tuple[str, str]]) -> Iterator[Delivery]:
    """Yield the merges that consent does not know of yet, with a fence until it does."""
    for source, target in pairs:
        if current_person(source) != current_person(target):
            yield Delivery(fence=(source, target), join=(source, target))
