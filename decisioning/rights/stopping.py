"""The only place that closes an erased person's stream ids, opens one again, and corrects attributes, all by records."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import redis
from django.conf import settings

from consent import people
from consent.rights.stores import NotYet, Subject
from decisioning.ingestion.closing import closed
from decisioning.ingestion.log import event_log
from decisioning.ingestion.records import Record
from decisioning.profiles.profile import Profile, encode_profile
from decisioning.profiles.store import load_profile, load_profiles
from rtts_site.foundation.redis_clients import redis_client


def find(person: str) -> tuple[set[str], set[str]]:
    """Return the ids and identifiers that the profile knows of a person."""
    client = redis_client()
    owner, profile = load_profile(client, person)
    if profile is None or owner == people.NOBODY:
        return set(), set()
    ids = {owner, *profile.absorbed}
    for name in profile.identifiers:
        identifier = people.parse_name(name)
        if identifier is not None:
            one = people.person_id(identifier, pepper=settings.RTTS_PEPPER)
            # One that many share belongs to nobody, and is not theirs alone.
            if load_profile(client, one)[0] == owner:
                ids.add(one)
    return ids, set(profile.identifiers)


def close(subject: Subject, name: str, now: datetime) -> None:
    """Have each id's worker leave a tombstone; from there on nothing that comes is folded or archived.

    Raises:
        NotYet: a worker has not come to it.
    """
    client = redis_client()
    records = [closing_record(one, name=name, at=now) for one in subject.people]
    event_log(client).accept(records)
    open_ids = [one for one, profile in _profiles(client, subject) if not _is_closed(profile)]
    if open_ids:
        raise NotYet("Workers take it up; see that they run.")


def close_at_once(subject: Subject, name: str, now: datetime) -> None:
    """Write the tombstones where no worker runs: after a restore, before the service opens."""
    client = redis_client()
    for one, profile in _profiles(client, subject):
        if not _is_closed(profile):
            tombstone = closed(closing_record(one, name=name, at=now), at="0-0")
            client.set(people.profile_key(one), encode_profile(tombstone))


def _profiles(client: "redis.Redis", subject: Subject) -> list[tuple[str, Profile | None]]:
    by_partition: dict[int, list[str]] = {}
    for one in subject.people:
        by_partition.setdefault(people.partition_of(one), []).append(one)
    return list(load_profiles(client, by_partition).items())


def _is_closed(profile: Profile | None) -> bool:
    return profile is not None and profile.erased_ms > 0


def closing_record(person: str, *, name: str, at: datetime, again: str = "") -> Record:
    """Return the record that closes an id, or, with `again`, opens it to who comes after."""
    moment = int(at.timestamp() * 1000)
    return Record(
        kind="erase",
        message_id=f"{name}:{person}",
        person=person,
        other=again,
        event_time_ms=moment,
        received_at_ms=moment,
    )


def open_again(person: str, again: str, erased_at: datetime) -> None:
    """Have what comes for an id, and happened after its person was erased, belong to whom it denotes now."""
    record = closing_record(person, name=f"open:{again}", at=erased_at, again=again)
    event_log(redis_client()).accept([record])


def correct(person: str, values: Mapping[str, Any], by: str, now: datetime) -> int:
    """Set attributes of a person as staff were told; None removes one. Returns how many."""
    moment = int(now.timestamp() * 1000)
    record = Record(
        message_id=f"{by}:{person}",
        person=person,
        type="identify",
        attributes=dict(values),
        event_time_ms=moment,
        received_at_ms=moment,
        source=by,
    )
    event_log(redis_client()).accept([record])
    return len(values)
