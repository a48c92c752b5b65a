"""The only place that draws people to count on: a sample of profiles, kept for a minute."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import redis

from consent import people
from decisioning.ingestion.records import Record, decode_record
from decisioning.models import EventRecord
from decisioning.profiles.aggregates import Aggregates, families_of
from decisioning.profiles.folding import fold
from decisioning.profiles.live_set import load_live
from decisioning.profiles.profile import Profile
from decisioning.profiles.store import load_profiles
from decisioning.profiles.windows import facts
from decisioning.rules.values import Facts
from decisioning.specs import AggregateSpec

SAMPLE = 2_000  # people
HISTORY_SAMPLE = 300  # people, where events have to be read again
HISTORY_DAYS = 92  # no window is longer than 90 days
MAX_SCANNED = 400_000  # keys
KEEP_SECONDS = 60
SAMPLE_KEY = "sample:people"


class Drawn(msgspec.Struct, frozen=True):
    """Who was drawn, and out of how many people, as far as the scan tells."""

    people: tuple[str, ...]
    population: int


@dataclass(frozen=True, slots=True)
class Sample:
    """Profiles to count on."""

    profiles: dict[str, Profile]
    population: int


def draw(client: redis.Redis) -> Drawn:
    """Return people in the order that the store happens to hold them; the same ones for a minute."""
    kept: Any = client.get(SAMPLE_KEY)
    if kept is not None:
        return msgspec.msgpack.decode(kept, type=Drawn)
    found: set[str] = set()
    scanned, cursor = 0, 0
    match = "{p*}:profile:*"
    while True:
        page: Any = client.scan(cursor, match=match, count=5_000)
        cursor, keys = page
        scanned += 5_000
        found.update(key.decode().rpartition(":")[2] for key in keys)
        if cursor == 0 or scanned >= MAX_SCANNED:
            break
    total: Any = client.dbsize()
    population = len(found) if cursor == 0 else round(len(found) * total / scanned)
    drawn = Drawn(tuple(sorted(found, key=_shuffled)[:SAMPLE]), population)
    client.set(SAMPLE_KEY, msgspec.msgpack.encode(drawn), ex=KEEP_SECONDS)
    return drawn


def _shuffled(person: str) -> str:
    # Person ids are hashes: their tails are in no order that a rule could follow.
    return person[4:]


def load_sample(client: redis.Redis, *, most: int = SAMPLE) -> Sample:
    """Return at most so many profiles; a handful of round trips."""
    drawn = draw(client)
    by_partition: dict[int, list[str]] = {}
    for person in drawn.people[:most]:
        by_partition.setdefault(people.partition_of(person), []).append(person)
    loaded = load_profiles(client, by_partition)
    profiles = {
        person: profile
        for person, profile in loaded.items()
        if profile is not None and not profile.merged_into
    }
    return Sample(profiles, max(drawn.population, len(profiles)))


def sampled_facts(
    client: redis.Redis,
    *,
    attributes: Collection[str],
    aggregates: Collection[AggregateSpec],
    now: datetime,
) -> tuple[dict[str, Facts], int]:
    """Return person -> facts, and how many people there are.

    What the workers do not keep yet is folded from the history of fewer people.
    """
    new = unkept(client, aggregates)
    sample = load_sample(client, most=HISTORY_SAMPLE if new else SAMPLE)
    refolded = _refold(sample.profiles, new, now=now) if new else {}
    found: dict[str, Facts] = {}
    kept = [spec for spec in aggregates if spec not in new]
    for person, profile in sample.profiles.items():
        known = facts(profile, attributes, kept, now.timestamp())
        if new:
            known |= facts(refolded.get(person), (), new, now.timestamp())
        found[person] = known
    return found, sample.population


def unkept(client: redis.Redis, aggregates: Iterable[AggregateSpec]) -> list[AggregateSpec]:
    """Return the aggregates that the workers do not keep."""
    live = {family.key for spec in load_live(client).specs for family in families_of(spec)}
    return [spec for spec in aggregates if {f.key for f in families_of(spec)} - live]


def _refold(
    profiles: Collection[str], specs: list[AggregateSpec], *, now: datetime
) -> dict[str, Profile]:
    names = {name for spec in specs for name in (spec.event, spec.then) if name}
    rows = EventRecord.objects.filter(
        person_id__in=profiles,
        kind="event",
        name__in=names,
        event_time__gte=now - timedelta(days=HISTORY_DAYS),
    ).values_list("person_id", "body")
    records: dict[str, list[Record]] = {}
    for person, body in rows.iterator():
        records.setdefault(person, []).append(decode_record(bytes(body)))
    kept = Aggregates.of(specs)
    return {person: fold(None, found, kept) for person, found in records.items()}
