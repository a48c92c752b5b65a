"""What a few hundred people say at once: the ledger's order of steps, each taken once for all of them."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import redis
from django.db import IntegrityError, transaction

from consent import knowing, state
from consent.changes import (
    MAX_STATES,
    Actor,
    ConsentChange,
    Evidence,
    apply_changes,
    as_evidenced,
)
from consent.entries import make_entry, seal_entry
from consent.fence import lower_fences
from consent.ids import uuid7
from consent.models import ConsentChange as ChangeRow
from consent.models import ConsentEvent, Person
from consent.person_keys import PersonCipher, person_ciphers
from consent.projection import States, known_of, load_states, rows_of_states
from consent.recording import open_rows, outbox_row, write_all

logger = logging.getLogger("consent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one person says."""

    changes: Sequence[ConsentChange]
    evidence: Evidence
    actor: Actor
    key: str = ""  # the Idempotency-Key


@dataclass(frozen=True, slots=True)
class _Learned:
    """What there is to write of one person; their row has the next version already."""

    row: Person
    events: list[ConsentEvent]
    before: States
    states: States
    change: ChangeRow

    @property
    def changed(self) -> States:
        return {key: said for key, said in self.states.items() if self.before.get(key) != said}


def record_chunk(client: redis.Redis, said: Mapping[str, Said], *, now: datetime) -> list[str]:
    """Record what people say and put it in force; return who has to be recorded alone, of whom nothing was.

    That is who was merged or erased, or has no room for more; everybody where another process has just recorded one of
    the keys. A dozen round trips, however many people.

    Raises:
        django.db.OperationalError, django.db.InterfaceError: it is not known whether they were recorded.
    """
    began = time.monotonic()
    tokens = {person: f"{state.CHANGE}{uuid7(now)}" for person in said}
    _raise_fences(client, tokens)
    try:
        learned = _commit(said, tokens, now=now)
    except IntegrityError:
        learned = {}
    _put(client, learned, tokens, at=now + timedelta(seconds=time.monotonic() - began))
    left = [person for person in said if person not in learned]
    lower_fences(client, {person: tokens[person] for person in left})
    return left


def _commit(
    said: Mapping[str, Said], tokens: Mapping[str, str], *, now: datetime
) -> dict[str, _Learned]:
    ciphers = person_ciphers(list(said), now=now)
    with transaction.atomic(durable=True):
        open_rows(sorted(said), now=now)
        rows = Person.objects.select_for_update().filter(id__in=list(said)).order_by("id")
        locked = [row for row in rows if not row.merged_into and row.id in ciphers]
        before = load_states([row.id for row in locked])
        learned = {
            row.id: _learn(
                row, said[row.id], before[row.id], ciphers[row.id], tokens[row.id], now=now
            )
            for row in locked
            if _has_room(before[row.id], said[row.id])
        }
        write_all(
            [one.row for one in learned.values()],
            [event for one in learned.values() for event in one.events],
            rows_of_states({person: one.changed for person, one in learned.items()}),
            [one.change for one in learned.values()],
        )
    return learned


def _has_room(states: States, said: Said) -> bool:
    return len(states) + len(said.changes) <= MAX_STATES


def _learn(
    row: Person, said: Said, before: States, cipher: PersonCipher, token: str, *, now: datetime
) -> _Learned:
    changes = [
        replace(as_evidenced(change, said.evidence, said.actor), event_id=str(uuid7(now)))
        for change in said.changes
    ]
    events = [
        seal_entry(
            make_entry(row.id, change, evidence=said.evidence, actor=said.actor, now=now), cipher
        )
        for change in changes
    ]
    knowing.learn(row, said.evidence, said.actor)
    row.version += 1
    change = outbox_row(row, events, token=token, key=said.key, now=now)
    return _Learned(row, events, before, apply_changes(before, changes, now=now), change)


def _raise_fences(client: redis.Redis, tokens: Mapping[str, str]) -> None:
    try:
        # Not `now`: the relay takes over a token five seconds after it was really set.
        state.add_fences(client, tokens, now_ms=time.time_ns() // 1_000_000)
    except state.Unwritten:
        logger.warning("consent.fence_not_set", exc_info=True)


def _put(
    client: redis.Redis, learned: Mapping[str, _Learned], tokens: Mapping[str, str], *, at: datetime
) -> None:
    """Bring into Redis what was just committed, and lower its tokens; the relay does where Redis does not take it."""
    packed = [
        (person, one.row.version, state.pack_states(one.states, known_of(one.row)))
        for person, one in learned.items()
    ]
    try:
        state.settle_many(client, packed, tokens, at_ms=int(at.timestamp() * 1000))
    except state.Unwritten:
        logger.warning("consent.left_to_relay", exc_info=True)
