"""The only place that forgets what the owner's terms say is too old: events of history, attributes of profiles."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import redis
from django.db import connection

from consent import people
from decisioning.enrichment.terms import Terms
from decisioning.ingestion.log import event_log
from decisioning.ingestion.records import Record
from decisioning.profiles.profile import Profile
from decisioning.profiles.store import load_profiles

ROWS_AT_ONCE: Final = 20_000
ROUNDS: Final = 500  # of one event type a night: ten million rows
PEOPLE_AT_ONCE: Final = 2_000
DAY_MS: Final = 86_400_000


def forget_events(terms: Terms, *, now: datetime) -> dict[str, int]:
    """Delete from history what is older than its event type may be, and return how many rows of each."""
    return {
        event: _forget(event, now - timedelta(days=days))
        for event, days in terms.event_days.items()
    }


def _forget(event: str, before: datetime) -> int:
    total = 0
    for _ in range(ROUNDS):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT decisioning_forget_events(%s, %s, %s)", [event, before, ROWS_AT_ONCE]
            )
            gone = int(cursor.fetchone()[0])
        total += gone
        if gone < ROWS_AT_ONCE:
            break
    return total


def expire_attributes(client: "redis.Redis", terms: Terms, *, now_ms: int) -> int:
    """Have attributes removed that were set longer ago than they may stand, and return how many.

    Each removal is a record of its person's stream, so that it also stands after a rebuild.
    """
    if not terms.attribute_days:
        return 0
    expired = 0
    for persons in _people(client):
        records = [
            record
            for person, profile in load_profiles(client, persons).items()
            if profile is not None and not profile.merged_into
            for record in _removals(person, profile, terms.attribute_days, now_ms=now_ms)
        ]
        if records:
            expired += event_log(client).accept(records).count("accepted")
    return expired


def _people(client: "redis.Redis") -> Iterator[dict[int, list[str]]]:
    """Yield everybody, accounts too, some at a time by partition; the roster knows people alone."""
    keys = client.scan_iter(match="{p*}:profile:*", count=PEOPLE_AT_ONCE)
    while some := list(islice(keys, PEOPLE_AT_ONCE)):
        found: dict[int, list[str]] = {}
        for key in some:
            person = key.decode().rpartition(":")[2]
            found.setdefault(people.partition_of(person), []).append(person)
        yield found


def _removals(
    person: str, profile: Profile, days: Mapping[str, int], *, now_ms: int
) -> Iterator[Record]:
    for key, most in days.items():
        cell = profile.attributes.get(key)
        if cell is None or cell.value is None or now_ms - cell.event_time_ms < most * DAY_MS:
            continue
        yield Record(
            message_id=f"expired:{person}:{key}:{cell.event_time_ms}",
            person=person,
            kind="forget",
            type="identify",
            attributes={key: None},
            event_time_ms=cell.event_time_ms + most * DAY_MS,
            received_at_ms=now_ms,
            source="retention",
        )
