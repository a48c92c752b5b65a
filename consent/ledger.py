"""The only writer of consent: changes and merges, recorded for good and in force before they are acknowledged.

The order is what keeps an acknowledged withdrawal from ever being forgotten: a fence token goes up in Redis, PostgreSQL
commits events, states and outbox row, Redis gets the state of that version and loses the token, the caller is answered.
Whatever breaks off in between is finished by `consent.relay`.
"""

import logging
import uuid
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
import redis
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models.functions import Now

from consent import knowing, state
from consent.changes import (
    Actor,
    ConsentChange,
    Evidence,
    apply_changes,
    as_evidenced,
    strictest,
)
from consent.entries import Entry, make_entry, seal_entry
from consent.ids import uuid7
from consent.models import ConsentChange as ChangeRow
from consent.models import ConsentEvent, Parting, Person
from consent.person_keys import KeyDestroyedError, PersonCipher, person_cipher
from consent.policy import State
from consent.projection import (
    States,
    load_states,
    lock_person,
    moment,
    put_in_force,
    save_states,
)
from consent.rights.closing import open_to_them
from rtts_site.foundation.metrics import CONSENT_CHANGES
from rtts_site.foundation.redis_clients import redis_client

logger = logging.getLogger("consent")

REDIS_TIMEOUT_MS = 1_000
# Redis is away, or answers and takes no writes: disk or memory full, a replica by now.
Unwritten = (redis.RedisError, OSError)
ATTEMPTS = 3  # of a commit that met a merge or the relay
MAX_MERGES = 20  # in a row, when looking for who a person is now


class StoreUnavailableError(Exception):
    """It is not known whether the change was recorded; send it again with the same Idempotency-Key."""


class _MovedError(Exception):
    """The person was merged into another between looking and committing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of a change."""

    person: str  # whose it is now
    version: int  # of the person's consent
    events: tuple[uuid.UUID, ...]  # one for each change, in their order
    recorded_at: datetime
    in_force: bool  # False: recorded, and the relay puts it in force as soon as Redis answers
    repeated: bool = False  # the same Idempotency-Key had been recorded before


@dataclass(frozen=True, slots=True)
class _Said:
    """A change as it was sent."""

    changes: Sequence[ConsentChange]
    evidence: Evidence
    actor: Actor
    key: str
    sent_for: str


def record_change(
    person: str,
    changes: Sequence[ConsentChange],
    *,
    evidence: Evidence,
    actor: Actor,
    now: datetime,
    idempotency_key: str = "",
) -> Recorded:
    """Record what a person says and put it in force; returned in force, no later decision uses what it ended.

    A repeat with the same `idempotency_key` records nothing and tries again to put the first in force. Where an event
    set the fence, the key is `state.event_token(message_id)`. About nine queries and two round trips to Redis.

    Raises:
        StoreUnavailableError: PostgreSQL is away, or the person changes too fast; a repeat is safe.
        StaysClosedError: the person was erased, and this is no new opt-in of theirs.
    """
    client = redis_client(timeout_ms=REDIS_TIMEOUT_MS)
    said = _Said(changes, evidence, actor, idempotency_key, person)
    try:
        row = _recorded(said.key)
        if row is not None:
            return replace(_finish(client, row, now=now), repeated=True)
        return _record(client, person, said, now=now)
    except (OperationalError, InterfaceError) as error:
        raise StoreUnavailableError("Consent cannot be recorded now; send it again.") from error


def merge_people(source: str, target: str, *, now: datetime) -> None:
    """Join the consent of two people who turned out to be one, the stricter on each purpose; lower the merge's fence.

    Both histories stay; the target gets an event for each thing that changes. Merging again changes nothing.

    Raises:
        StoreUnavailableError: PostgreSQL or Redis is away; the fence stands, call again.
    """
    client = redis_client(timeout_ms=REDIS_TIMEOUT_MS)
    token = state.merge_token(source)
    try:
        owner = current_person(target)
        if current_person(source) != owner and not _are_apart(source, {target, owner}):
            with suppress(KeyDestroyedError):  # somebody erased gets nothing of anybody
                _commit_merge(source, owner, now=now)
        put_in_force(client, source)
        put_in_force(client, owner, tokens=[token])
        state.remove_fence(client, target, token)
    except (OperationalError, InterfaceError, _MovedError, *Unwritten) as error:
        raise StoreUnavailableError("Consent cannot be merged now; try again.") from error


def current_person(person: str) -> str:
    """Return who a person is after all merges that consent knows of; a query for each merge and one more."""
    for _ in range(MAX_MERGES):
        row = Person.objects.filter(id=person).only("merged_into").first()
        if row is None or not row.merged_into:
            return person
        person = row.merged_into
    raise ValueError(f"{person}: merged more than {MAX_MERGES} times in a row")


def _are_apart(source: str, targets: Collection[str]) -> bool:
    """Return whether the merge of two people was undone; its own word of it may come late."""
    return Parting.objects.filter(source=source, target__in=targets).exists()


def everyone_in(person: str) -> list[str]:
    """Return a person and all who were merged into them."""
    found = [person]
    for known in found:
        found += Person.objects.filter(merged_into=known).values_list("id", flat=True)
    return found


def _recorded(key: str) -> ChangeRow | None:
    return ChangeRow.objects.filter(idempotency_key=key).first() if key else None


def _record(client: redis.Redis, person: str, said: _Said, *, now: datetime) -> Recorded:
    for _ in range(ATTEMPTS):
        owner = current_person(person)
        token = said.key if said.key.startswith(state.EVENT) else f"{state.CHANGE}{uuid7(now)}"
        _raise_fence(client, owner, token, now=now)
        try:
            row = _try(client, owner, token, said, now=now)
        except KeyDestroyedError:
            if not open_to_them(owner, said.changes, said.actor, now=now):
                return Recorded(person=owner, version=0, events=(), recorded_at=now, in_force=True)
            continue
        if row is not None:
            return _finish(client, row, now=now, sent_for=person)
        earlier = _recorded(said.key)
        if earlier is not None:
            return replace(_finish(client, earlier, now=now), repeated=True)
    raise StoreUnavailableError("This person's consent is changing too fast; send it again.")


def _raise_fence(client: redis.Redis, person: str, token: str, *, now: datetime) -> None:
    try:
        state.add_fence(client, person, token, now_ms=int(now.timestamp() * 1000))
    except Unwritten:
        # Recording goes on: the answer says in_force only if Redis is back by the end.
        logger.warning("consent.fence_not_set", exc_info=True)


def _lower_fence(client: redis.Redis, person: str, token: str) -> None:
    try:
        state.remove_fence(client, person, token)
    except Unwritten:
        logger.warning("consent.fence_left_to_relay", exc_info=True)


def _try(
    client: redis.Redis, owner: str, token: str, said: _Said, *, now: datetime
) -> ChangeRow | None:
    """Commit; None where somebody else was there first. An unknown outcome leaves the token to the relay."""
    try:
        return _commit(owner, token, said, now=now)
    except (OperationalError, InterfaceError):
        raise
    except (IntegrityError, _MovedError):
        _lower_fence(client, owner, token)
        return None
    except Exception:
        _lower_fence(client, owner, token)
        raise


def _commit(person: str, token: str, said: _Said, *, now: datetime) -> ChangeRow:
    cipher = person_cipher(person, now=now)
    changes = [
        replace(as_evidenced(change, said.evidence, said.actor), event_id=str(uuid7(now)))
        for change in said.changes
    ]
    with transaction.atomic(durable=True):
        row = lock_person(person, now=now)
        if row.merged_into:
            raise _MovedError
        before = load_states([person]).get(person, {})
        after = apply_changes(before, changes, now=now)
        entries = [
            make_entry(
                person,
                change,
                evidence=said.evidence,
                actor=said.actor,
                now=now,
                sent_for=said.sent_for,
            )
            for change in changes
        ]
        knowing.learn(row, said.evidence, said.actor)
        _write(row, cipher, entries, _difference(before, after))
        return ChangeRow.objects.create(
            token=token,
            person=person,
            version=row.version,
            events=[uuid.UUID(change.event_id) for change in changes],
            idempotency_key=said.key or None,
            recorded_at=now,
        )


def _difference(before: States, after: States) -> States:
    return {key: said for key, said in after.items() if before.get(key) != said}


def _write(
    row: Person,
    cipher: PersonCipher,
    entries: Sequence[Entry],
    states: States,
) -> None:
    ConsentEvent.objects.bulk_create([seal_entry(entry, cipher) for entry in entries])
    save_states(row.id, states)
    row.version += 1
    row.changed_at = Now()
    row.save(update_fields=["version", "changed_at", "merged_into", "restricted", *knowing.FIELDS])


def _finish(client: redis.Redis, row: ChangeRow, *, now: datetime, sent_for: str = "") -> Recorded:
    """Put a recorded change in force and say what became of it."""
    in_force = settle_change(client, row, now=now)
    CONSENT_CHANGES.labels("in_force" if in_force else "late").inc()
    if in_force and sent_for and sent_for != row.person:
        _lower_fence(client, sent_for, row.token)
    return Recorded(
        person=row.person,
        version=row.version or 0,
        events=tuple(row.events),
        recorded_at=row.recorded_at,
        in_force=in_force,
    )


def settle_change(client: redis.Redis, row: ChangeRow, *, now: datetime) -> bool:
    """Bring a recorded change into Redis and lower its token; False where Redis does not take it."""
    try:
        put_in_force(client, row.person, tokens=[row.token])
    except Unwritten:
        logger.warning("consent.left_to_relay", exc_info=True)
        return False
    ChangeRow.objects.filter(token=row.token, settled_at=None).update(settled_at=now)
    return True


def _commit_merge(source: str, target: str, *, now: datetime) -> None:
    cipher = person_cipher(target, now=now)
    with transaction.atomic(durable=True):
        rows = {person: lock_person(person, now=now) for person in sorted((source, target))}
        if any(row.merged_into for row in rows.values()):
            raise _MovedError
        said = load_states([source, target])
        before = said.get(target, {})
        joined = _difference(before, strictest(said.get(source, {}), before))
        stamped = {key: replace(what, record=str(uuid7(now))) for key, what in joined.items()}
        entries = [
            _merge_entry(key, what, source=source, target=target, now=now)
            for key, what in stamped.items()
        ]
        rows[source].merged_into, rows[source].restricted = target, True
        knowing.join(rows[target], rows[source])
        _write(rows[source], cipher, [], {})
        _write(rows[target], cipher, entries, stamped)


def _merge_entry(
    key: tuple[str, str], what: State, *, source: str, target: str, now: datetime
) -> Entry:
    change = ConsentChange(
        purpose=key[0],
        channel=key[1],
        status=what.status,
        event_time=moment(what.since),
        expires_at=moment(what.expires_at) if what.expires_at is not None else None,
        event_id=what.record,
        event_type=what.event_type,
        by_guardian=what.by_guardian,
        over_gpc=what.over_gpc,
        notice=what.notice,
    )
    actor = Actor(kind="system", id="merge")
    entry = make_entry(target, change, evidence=Evidence(source="merge"), actor=actor, now=now)
    return msgspec.structs.replace(entry, merged_from=source)
