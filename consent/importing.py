"""Consents of many people at once, such as an import: the ledger's order of steps, taken for hundreds in one go."""

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

import redis
from django.db import transaction

from consent import knowing, state
from consent.changes import Actor, ConsentChange, Evidence, apply_changes, as_evidenced
from consent.entries import make_entry, seal_entry
from consent.ids import uuid7
from consent.ledger import record_change
from consent.models import ConsentChange as ChangeRow
from consent.models import ConsentEvent, Person
from consent.person_keys import PersonCipher, person_ciphers
from consent.projection import States, known_of, load_states, rows_of_states
from consent.recording import open_rows, write_all
from consent.rights.closing import StaysClosedError
from rtts_site.foundation.redis_clients import redis_client

CHUNK = 200  # people in one transaction

Said = Mapping[str, Sequence[ConsentChange]]  # by person


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What is the same for everybody in an import; `name` makes a repeat record nothing."""

    name: str  # "rtts_demo"
    evidence: Evidence
    actor: Actor

    def key(self, person: str) -> str:
        """Return the idempotency key of a person's part."""
        return f"import:{self.name}:{person}"


def import_changes(
    said: Said, *, source: Import, now: datetime, rest: float = 0.0
) -> Iterator[int]:
    """Record what people say and put it in force; yield after each chunk how many people it had.

    `rest` is how long to wait after each chunk, as a multiple of the time it took: 1 leaves half of the stores' time to
    decisions. Broken off, it is run again under the same name: who was recorded before is left alone, for 30 days. Who
    was merged into another, or has changes under way, is recorded one by one. About a dozen queries for each chunk.

    Raises:
        consent.ledger.StoreUnavailableError, django.db.OperationalError, redis.RedisError: run it again.
    """
    client = redis_client()
    persons = iter(said)
    while chunk := list(islice(persons, CHUNK)):
        began = time.monotonic()
        left = _not_recorded(chunk, source)
        moved = _import_chunk(client, {one: said[one] for one in left}, source=source, now=now)
        for person in moved:
            with suppress(StaysClosedError):  # erased: an import does not bring them back
                record_change(
                    person,
                    said[person],
                    evidence=source.evidence,
                    actor=source.actor,
                    now=now,
                    idempotency_key=source.key(person),
                )
        yield len(chunk)
        time.sleep(rest * (time.monotonic() - began))


def _not_recorded(persons: Sequence[str], source: Import) -> list[str]:
    keys = {source.key(person): person for person in persons}
    known = ChangeRow.objects.filter(idempotency_key__in=keys).values_list(
        "idempotency_key", flat=True
    )
    recorded = {keys[key] for key in known if key}
    return [person for person in persons if person not in recorded]


def _import_chunk(client: redis.Redis, said: Said, *, source: Import, now: datetime) -> list[str]:
    """Record a chunk; return those who belong to somebody else by now."""
    tokens = {person: f"{state.CHANGE}{uuid7(now)}" for person in said}
    # Not `now`: the relay takes over a token five seconds after it was really set.
    state.add_fences(client, tokens, now_ms=time.time_ns() // 1_000_000)
    ciphers = person_ciphers(list(said), now=now)
    with transaction.atomic(durable=True):
        rows = _lock(sorted(said), now=now)
        moved = [row.id for row in rows if row.merged_into or row.id not in ciphers]  # or erased
        mine = [row for row in rows if row.id not in moved]
        events, states = _learn(mine, said, ciphers, source=source, now=now)
        outbox = list(_outbox(mine, states, tokens, source=source, now=now))
        write_all(mine, events, rows_of_states(states), outbox)
    packed = [
        (row.id, row.version, state.pack_states(states[row.id], known_of(row))) for row in mine
    ]
    state.settle_many(client, packed, tokens)
    settled = [tokens[row.id] for row in mine]
    ChangeRow.objects.filter(token__in=settled, settled_at=None).update(settled_at=now)
    for person in moved:
        state.remove_fence(client, person, tokens[person])
    return moved


def _lock(persons: Sequence[str], *, now: datetime) -> list[Person]:
    open_rows(persons, now=now)
    return list(Person.objects.select_for_update().filter(id__in=persons).order_by("id"))


def _learn(
    rows: Sequence[Person],
    said: Said,
    ciphers: Mapping[str, PersonCipher],
    *,
    source: Import,
    now: datetime,
) -> tuple[list[ConsentEvent], dict[str, States]]:
    """Take people who are locked to their next version; return the events and states that come of what they say."""
    before = load_states([row.id for row in rows])
    after: dict[str, States] = {}
    events: list[ConsentEvent] = []
    for row in rows:
        changes = [
            replace(as_evidenced(change, source.evidence, source.actor), event_id=str(uuid7(now)))
            for change in said[row.id]
        ]
        after[row.id] = apply_changes(before.get(row.id, {}), changes, now=now)
        for change in changes:
            entry = make_entry(
                row.id, change, evidence=source.evidence, actor=source.actor, now=now
            )
            events.append(seal_entry(entry, ciphers[row.id]))
        row.version += 1
        knowing.learn(row, source.evidence, source.actor)
    return events, after


def _outbox(
    rows: Sequence[Person],
    states: Mapping[str, States],
    tokens: Mapping[str, str],
    *,
    source: Import,
    now: datetime,
) -> Iterator[ChangeRow]:
    for row in rows:
        yield ChangeRow(
            token=tokens[row.id],
            person=row.id,
            version=row.version,
            events=[uuid.UUID(one.record) for one in states[row.id].values()],
            idempotency_key=source.key(row.id),
            recorded_at=now,
        )
