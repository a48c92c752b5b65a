"""The only place that adds up in PostgreSQL what processes counted, within bounds whatever is sent."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import redis
from django.db import DataError, connection, transaction

from decisioning.models import IntakeHour, Sighting, ValueHour
from decisioning.observing.batches import (
    HOUR_MS,
    Batch,
    HourCount,
    ValueCount,
    add_count,
    add_value,
    drop,
    merged,
    waiting,
)
from decisioning.observing.tallying import OTHERS

logger = logging.getLogger("decisioning")

BATCHES: Final = 500  # added up at once
MOST_EVENTS: Final = 2_000  # names that are told apart; whatever else is sent is counted as OTHERS
MOST_KEYS: Final = 200  # properties of one event
KEPT_DAYS: Final = 36  # of hours: five weeks, so that an hour has four of its kind before it
SIGHTED_DAYS: Final = 90  # since it was last seen


def is_due(client: "redis.Redis") -> bool:
    """Return whether a batch waits; one round trip."""
    return bool(waiting(client, most=1))


def keep(client: "redis.Redis", *, now: datetime) -> int:
    """Add the batches that wait to the tables, and return how many those were.

    After a crash in between they are added again: these are counts to compare hours by, not accounts.
    """
    found = waiting(client, most=BATCHES)
    if found:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    "select pg_advisory_xact_lock(hashtext('decisioning.keep_observed'))"
                )
                _keep(merged(found), now)
        except DataError:  # it would fail the next time too, and hold up all that follows
            logger.exception("observed.dropped batches=%s", len(found))
        drop(client, len(found))
    return len(found)


def _keep(batch: Batch, now: datetime) -> None:
    batch = merged([_admitted(batch)])
    _keep_hours(batch.counts)
    _keep_values(batch.values)
    _keep_sightings(batch, now)


def _admitted(batch: Batch) -> Batch:
    """Return the batch with names beyond MOST_EVENTS as OTHERS, and without keys beyond MOST_KEYS."""
    known: dict[str, set[str]] = {}
    for event, key in Sighting.objects.values_list("event", "key"):
        known.setdefault(event, set()).add(key)
    for one in batch.counts:
        one.event = _plain(one.event)
        if one.event not in known and len(known) >= MOST_EVENTS:
            one.event = OTHERS
        known.setdefault(one.event, set())
    values = []
    for value in batch.values:
        value.event, value.key = _plain(value.event), _plain(value.key)
        keys = known.get(value.event)
        if keys is None or (value.key not in keys and len(keys) >= MOST_KEYS):
            continue
        keys.add(value.key)
        value.shapes = [_plain(one) for one in value.shapes]
        values.append(value)
    return Batch(batch.counts, values)


def _plain(text: str) -> str:
    """Return a text as PostgreSQL can hold it."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _keep_hours(counts: Iterable[HourCount]) -> None:
    rows = {(one.hour, one.source, one.event): one for one in counts}
    known = _rows(IntakeHour, {hour for hour, _, _ in rows}, ("hour", "source", "event"))
    for key, one in rows.items():
        row = known.setdefault(key, IntakeHour(hour=one.hour, source=one.source, event=one.event))
        add_count(row, one)
    fields = ["events", "duplicates", "refused", "watched", "late_ms", "newest_ms"]
    _write(IntakeHour, [known[key] for key in rows], fields)


def _keep_values(values: Iterable[ValueCount]) -> None:
    rows = {(one.hour, one.source, one.event, one.key): one for one in values}
    unique = ("hour", "source", "event", "key")
    known = _rows(ValueHour, {key[0] for key in rows}, unique)
    for key, one in rows.items():
        row = known.setdefault(
            key, ValueHour(hour=one.hour, source=one.source, event=one.event, key=one.key)
        )
        add_value(row, one)
    fields = ["looked", "present", "types", "shapes", "low", "high"]
    _write(ValueHour, [known[key] for key in rows], fields)


def _keep_sightings(batch: Batch, now: datetime) -> None:
    events = {one.event for one in batch.counts} | {one.event for one in batch.values}
    known = {(row.event, row.key): row for row in Sighting.objects.filter(event__in=events)}
    touched: dict[tuple[str, str], Sighting] = {}

    def sighted(event: str, key: str) -> Sighting:
        row = known.get((event, key))
        if row is None:
            row = known[event, key] = Sighting(event=event, key=key, first_seen_at=now)
        row.last_seen_at = now
        touched[event, key] = row
        return row

    for one in batch.counts:
        if one.events and one.event:
            sighted(one.event, "").count += one.events
    for value in batch.values:
        row = sighted(value.event, value.key)
        row.count += value.present
        row.looked += value.looked
        row.present += value.present
        row.types = {
            name: row.types.get(name, 0) + value.types.get(name, 0)
            for name in {**row.types, **value.types}
        }
        row.shapes = list(dict.fromkeys([*row.shapes, *value.shapes]))[:3]
    fields = ["count", "looked", "present", "types", "shapes", "last_seen_at"]
    _write(Sighting, list(touched.values()), fields)


def _rows(model: Any, hours: set[int], unique: tuple[str, ...]) -> dict[tuple[Any, ...], Any]:
    found = model.objects.filter(hour__in=hours)
    return {tuple(getattr(row, name) for name in unique): row for row in found}


def _write(model: Any, rows: list[Any], fields: list[str]) -> None:
    new, old = ([row for row in rows if (row.pk is None) is is_new] for is_new in (True, False))
    model.objects.bulk_create(new, batch_size=500)
    model.objects.bulk_update(old, fields, batch_size=500)


def forget(*, now: datetime) -> None:
    """Drop hours and sightings that are too old to say anything."""
    oldest = int((now - timedelta(days=KEPT_DAYS)).timestamp() * 1000) // HOUR_MS
    IntakeHour.objects.filter(hour__lt=oldest).delete()
    ValueHour.objects.filter(hour__lt=oldest).delete()
    Sighting.objects.filter(last_seen_at__lt=now - timedelta(days=SIGHTED_DAYS)).delete()


def moment_of(hour: int) -> datetime:
    """Return when an hour of the epoch begins."""
    return datetime.fromtimestamp(hour * HOUR_MS / 1000, UTC)
