"""The only place that turns what happened into sendings: of partitions' streams, decisions, changes of consent."""

import hashlib
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import redis
from django.db.models import Count, F, Q

from consent import people
from consent.models import ConsentChange, ConsentState
from decisioning.dispatching import flapping
from decisioning.dispatching.bodies import body_of, of_decision, of_dispatch
from decisioning.dispatching.deciding import may_push
from decisioning.messages import LogRow
from decisioning.models import ConsentsReached, Destination, Sending, Wanted
from decisioning.specs import TriggerSpec
from decisioning.watching.dispatches import FIELD, Dispatch, decode_dispatch
from decisioning.watching.live import load_watched

logger = logging.getLogger("decisioning")

ENTRIES_PER_READ: Final = 100  # of one partition
MOST_WAITING: Final = 100_000  # of one destination; what comes then is counted and not kept
LOOK_BACK: Final = timedelta(minutes=2)  # a change is recorded when its transaction began
CHANGES_AT_ONCE: Final = 500
EMAIL: Final = "email"


@dataclass(slots=True)
class Batch:
    """Sendings to be kept; full destinations get no more."""

    destinations: tuple[Destination, ...]
    now: datetime
    room: dict[int, int] = field(default_factory=dict)
    rows: list[Sending] = field(default_factory=list)
    lost: Counter[int] = field(default_factory=Counter)
    noticed: list[Dispatch] = field(default_factory=list)

    @classmethod
    def open(cls, now: datetime) -> "Batch":
        """Return a batch for all active destinations; two queries."""
        destinations = tuple(Destination.objects.filter(is_active=True))
        waiting = Sending.objects.filter(state=Sending.State.WAITING)
        counts = dict(waiting.order_by().values_list("destination").annotate(number=Count("pk")))
        room = {one.pk: MOST_WAITING - counts.get(one.pk, 0) for one in destinations}
        return cls(destinations, now, room)

    def wanting(self, wanted: Wanted) -> list[Destination]:
        return [one for one in self.destinations if wanted.value in one.wants]

    def add(self, to: Destination, message: str, *, kind: str, person: str, body: str) -> None:
        if self.room[to.pk] <= 0:
            self.lost[to.pk] += 1
            return
        self.room[to.pk] -= 1
        self.rows.append(
            Sending(
                destination=to,
                message=message,
                kind=kind,
                person=person,
                body=body,
                due_at=self.now,
                created_at=self.now,
            )
        )

    def keep(self) -> int:
        """Write the sendings that are not there yet and return how many were given."""
        Sending.objects.bulk_create(self.rows, ignore_conflicts=True, batch_size=500)
        for pk, number in self.lost.items():
            Destination.objects.filter(pk=pk).update(lost=F("lost") + number)
        return len(self.rows)


def is_due(client: redis.Redis) -> bool:
    """Return whether a partition's stream holds anything, or changes of consent are told; a query, a round trip."""
    if Destination.objects.filter(is_active=True, wants__contains=[Wanted.CONSENTS]).exists():
        return True
    with client.pipeline(transaction=False) as pipe:
        for partition in range(people.PARTITIONS):
            pipe.xlen(people.dispatches_key(partition))
        return any(pipe.execute())


def collect_dispatches(client: redis.Redis, *, now: datetime) -> int:
    """Take what the partitions' streams hold, once each, and return how many entries that were.

    An entry leaves its stream when its sendings are kept; a crash in between keeps them again, which changes nothing.
    """
    with client.pipeline(transaction=False) as pipe:
        for partition in range(people.PARTITIONS):
            pipe.xrange(people.dispatches_key(partition), count=ENTRIES_PER_READ)
        found = dict(zip(range(people.PARTITIONS), pipe.execute(), strict=True))
    found = {partition: rows for partition, rows in found.items() if rows}
    if not found:
        return 0
    batch = Batch.open(now)
    triggers = {one.spec.key: one.spec for one in load_watched(client).triggers}
    pushes = [
        push
        for partition, rows in found.items()
        for stream_id, fields in rows
        for push in _take(batch, triggers, partition, stream_id.decode(), fields)
    ]
    batch.keep()
    flapping.count(client, batch.noticed, now=now)
    _finish(client, found, pushes)
    return sum(map(len, found.values()))


def _finish(
    client: redis.Redis, found: Mapping[int, list[Any]], pushes: Iterable[tuple[str, bytes]]
) -> None:
    with client.pipeline(transaction=False) as pipe:
        for person, data in pushes:
            pipe.publish(people.changed_channel(person), data)
        for partition, rows in found.items():
            pipe.xdel(people.dispatches_key(partition), *(stream_id for stream_id, _ in rows))
        pipe.execute()


def _take(
    batch: Batch,
    triggers: Mapping[str, TriggerSpec],
    partition: int,
    stream_id: str,
    fields: Mapping[bytes, bytes],
) -> list[tuple[str, bytes]]:
    """Add what one entry leads to, and return what is pushed to a person's open streams."""
    message = f"msg_{partition:03d}-{stream_id}"
    try:
        dispatch = decode_dispatch(fields[FIELD.encode()])
    except (KeyError, msgspec.DecodeError):
        logger.exception("dispatch.unreadable message=%s", message)
        return []
    batch.noticed.append(dispatch)
    if dispatch.kind == "trigger.fired":
        return _take_trigger(batch, triggers.get(dispatch.key), dispatch, message)
    for one in batch.wanting(Wanted.SEGMENTS):
        if not one.segments or dispatch.key in one.segments:
            _add(batch, one, dispatch, message)
    return []


def _take_trigger(
    batch: Batch, spec: TriggerSpec | None, dispatch: Dispatch, message: str
) -> list[tuple[str, bytes]]:
    for one in batch.wanting(Wanted.TRIGGERS):
        _add(batch, one, dispatch, message)
    if spec is None:  # it was taken out meanwhile
        return []
    if spec.act == "push":
        if not may_push(spec.key, dispatch.person, now=batch.now):
            return []
        push = {"trigger": spec.key, "placement": spec.placement}
        return [(dispatch.person, msgspec.json.encode(push))]
    for one in batch.destinations:
        if one.key == spec.destination:
            kind = EMAIL if spec.act == "email" else dispatch.kind
            name = f"{message}-{EMAIL}" if spec.act == "email" else message
            _add(batch, one, dispatch, name, kind=kind)
    return []


def _add(
    batch: Batch, to: Destination, dispatch: Dispatch, message: str, *, kind: str = ""
) -> None:
    body = of_dispatch(dispatch)
    batch.add(to, message, kind=kind or dispatch.kind, person=dispatch.person, body=body)


def collect_decisions(decisions: Collection[tuple[str, LogRow]]) -> None:
    """Keep sendings of decisions on their way to the archive, in its transaction; two queries where any is wanted."""
    if not Destination.objects.filter(is_active=True, wants__contains=["decisions"]).exists():
        return
    batch = Batch.open(datetime.now(UTC))
    for one in batch.wanting(Wanted.DECISIONS):
        for decision_id, row in decisions:
            if not row.preview and _share_of(decision_id) < one.share:
                batch.add(
                    one,
                    f"msg_d_{decision_id}"[:80],
                    kind="decision.made",
                    person=row.ask.person,
                    body=of_decision(decision_id, row),
                )
    batch.keep()


def _share_of(decision_id: str) -> float:
    digest = hashlib.sha256(decision_id.encode()).digest()
    return int.from_bytes(digest[:4]) / 2**32


def collect_consents(*, now: datetime) -> int:
    """Keep sendings of the changes of consent since the last time, and return how many changes were looked at.

    Each time those of LOOK_BACK are looked at again, as a change is known only when its transaction ends.
    """
    batch = Batch.open(now)
    wanting = batch.wanting(Wanted.CONSENTS)
    reached, _ = ConsentsReached.objects.get_or_create(pk=1, defaults={"recorded_at": now})
    resumable = (now - LOOK_BACK, "")
    number, place = 0, min((reached.recorded_at, reached.token), resumable)
    while wanting:
        changes = _changes_after(place)
        if changes:
            place = (changes[-1].recorded_at, changes[-1].token)
        _tell_of(changes, batch, wanting)
        number += len(changes)
        if len(changes) < CHANGES_AT_ONCE:
            break
        _keep_reached(min(place, resumable))
        batch = Batch.open(now)
    _keep_reached(resumable)
    return number


def _changes_after(place: tuple[datetime, str]) -> list[ConsentChange]:
    moment, token = place
    later = Q(recorded_at__gt=moment) | Q(recorded_at=moment, token__gt=token)
    rows = ConsentChange.objects.filter(later, recorded_at__gte=moment, version__isnull=False)
    return list(rows.order_by("recorded_at", "token")[:CHANGES_AT_ONCE])


def _keep_reached(place: tuple[datetime, str]) -> None:
    ConsentsReached.objects.filter(pk=1).update(recorded_at=place[0], token=place[1])


def _tell_of(
    changes: Iterable[ConsentChange], batch: Batch, wanting: Iterable[Destination]
) -> None:
    told = [row for row in changes if row.events]
    states = _states(row.person for row in told)
    for row in told:
        message = f"msg_c_{hashlib.sha256(row.token.encode()).hexdigest()[:40]}"
        body = _of_change(row, states.get(row.person, []))
        for one in wanting:
            if row.recorded_at >= one.created_at:
                batch.add(one, message, kind="consent.changed", person=row.person, body=body)
    batch.keep()


def _states(persons: Iterable[str]) -> dict[str, list[ConsentState]]:
    found: dict[str, list[ConsentState]] = {}
    rows = ConsentState.objects.filter(person__in=set(persons))
    for row in rows.order_by("purpose", "channel"):
        found.setdefault(row.person, []).append(row)
    return found


def _of_change(change: ConsentChange, states: Iterable[ConsentState]) -> str:
    events = set(change.events)
    data = {
        "person_id": change.person,
        "version": change.version,
        "purposes": [
            {
                "purpose": one.purpose,
                "channel": one.channel,
                "status": one.status,
                "since": one.since.isoformat(),
                "changed": one.event_id in events,
            }
            for one in states
        ],
    }
    return body_of("consent.changed", data, at=change.recorded_at)
