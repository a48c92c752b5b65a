"""The only writer of consent: changes and merges, recorded for good and in force before they are acknowledged.

The order is what keeps an acknowledged withdrawal from ever being forgotten: a fence token goes up in Redis, PostgreSQL
commits events, states and outbox row, Redis gets the state of that version and loses the token, the caller is answered.
Whatever breaks off in between is finished by `consent.relay`.
"""

import logging
import uuid
from collections.abc import Collection, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import datetime

import redis
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models.functions import Now

from consent import knowing, state
from consent.changes import (
    Actor,
    ConsentChange,
    Evidence,
    apply_changes,
    as_evidenced,
    strictest,
    within_bounds,
)
from consent.entries import (
    Entry,
    make_entry,
    make_restriction,
    merge_entry,
    merged_restriction,
    seal_entry,
)
from consent.fence import Fence
from consent.ids import uuid7
from consent.models import ConsentChange as ChangeRow
from consent.models import ConsentEvent, Parting, Person
from consent.person_keys import KeyDestroyedError, PersonCipher, person_cipher
from consent.projection import (
    States,
    known_of,
    load_states,
    lock_person,
    put_in_force,
    save_states,
)
from consent.recording import (
    Standing,
    Writing,
    cipher_for,
    nobody,
    outbox_row,
    read_standing,
    write,
)
from consent.rights.closing import open_to_them, refuse_from_before
from rtts_site.foundation.metrics import CONSENT_CHANGES
from rtts_site.foundation.redis_clients import redis_client

logger = logging.getLogger("consent")

REDIS_TIMEOUT_MS = 1_000
ATTEMPTS = 3  # of a commit that met a merge or the relay
MAX_MERGES = 20  # in a row, when looking for who a person is now


class StoreUnavailableError(Exception):
    """It is not known whether the change was recorded; send it again with the same Idempotency-Key."""


class KeyTakenError(Exception):
    """Another person's change was recorded under this Idempotency-Key; send it with a key of its own."""


# Whether it was recorded is left to the relay, with the fence.
UNKNOWN = (OperationalError, InterfaceError, StoreUnavailableError)


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
    restricts: bool | None = None  # None: nothing is said of it


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
    set the fence, the key is `state.event_token(message_id)`. Two round trips to Redis, and two queries, the second a
    commit; only that one for the first word of somebody of whom Redis knows nothing.

    Raises:
        StoreUnavailableError: PostgreSQL is away, or the person changes too fast; a repeat is safe.
        StaysClosedError: the person was erased, and this is no new opt-in of theirs.
        KeyTakenError: the key was used for somebody else; nothing of this was recorded.
        consent.changes.TooMuchSaidError: they grant something and have said as much as is kept of one person.
    """
    return _record_said(_Said(changes, evidence, actor, idempotency_key, person), now=now)


def record_restriction(
    person: str,
    asked: bool,
    *,
    evidence: Evidence,
    actor: Actor,
    now: datetime,
    idempotency_key: str = "",
) -> Recorded:
    """Record that nothing may be done with a person's data but keep it, or that it may again, and put it in force.

    As `record_change`; whoever was erased gets no event: they stay restricted for good.
    """
    return _record_said(_Said((), evidence, actor, idempotency_key, person, asked), now=now)


def _record_said(said: _Said, *, now: datetime) -> Recorded:
    client = redis_client(timeout_ms=REDIS_TIMEOUT_MS)
    try:
        return _record(client, said, now=now)
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
    except (OperationalError, InterfaceError, _MovedError, *state.Unwritten) as error:
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


def _record(client: redis.Redis, said: _Said, *, now: datetime) -> Recorded:
    fence = Fence(client, said.key, now=now)
    try:
        return _record_behind(fence, said, now=now)
    except UNKNOWN:
        raise
    except Exception:
        fence.lower()
        raise


def _record_behind(fence: Fence, said: _Said, *, now: datetime) -> Recorded:
    """Record what was said; of whom Redis knows nothing, PostgreSQL is asked only where it knew better."""
    owner, is_new = said.sent_for, fence.raise_for(said.sent_for)
    for attempt in range(ATTEMPTS):
        if is_new and not attempt:
            standing = nobody(owner, now=now)
        else:
            standing = read_standing(owner, key=said.key, now=now)
        if standing.earlier is not None:
            return _repeat(fence, standing.earlier, said, now=now)
        if standing.person.merged_into:
            standing = _follow(standing, said, now=now)
            owner = standing.person.id
        if standing.is_erased and standing.key is None:
            if not open_to_them(owner, said.changes, said.actor, now=now):
                fence.lower()
                return Recorded(person=owner, version=0, events=(), recorded_at=now, in_force=True)
            continue
        recorded = _attempt(fence, standing, said, now=now)
        if recorded is not None:
            return recorded
        fence.renew()
    raise StoreUnavailableError("This person's consent is changing too fast; send it again.")


def _follow(standing: Standing, said: _Said, *, now: datetime) -> Standing:
    """Return what is there of whoever an id denotes by now."""
    person = standing.person.id
    if standing.is_erased:  # and open again, to somebody of whom nothing earlier is known
        refuse_from_before(person, said.changes, now=now)
    return read_standing(current_person(person), key=said.key, now=now)


def _repeat(fence: Fence, earlier: ChangeRow, said: _Said, *, now: datetime) -> Recorded:
    _check_owner(earlier, said)
    finished = _finish(fence.client, earlier, now=now)
    if finished.in_force:
        fence.lower()
    return replace(finished, repeated=True)


def _check_owner(earlier: ChangeRow, said: _Said) -> None:
    if earlier.person == said.sent_for:
        return
    if current_person(earlier.person) != current_person(said.sent_for):
        raise KeyTakenError(
            "This Idempotency-Key was used for another person; send this with a key of its own."
        )


def _attempt(fence: Fence, standing: Standing, said: _Said, *, now: datetime) -> Recorded | None:
    """Take the steps of a change once; None where somebody else was there first."""
    owner = standing.person.id
    fence.raise_for(owner)
    try:
        written = _commit(standing, fence.token, said, now=now)
    except IntegrityError:
        return None
    if written is None:
        return None
    if not _put(fence.client, written, standing.states, at=fence.reached):
        return _told(written.change, in_force=False)
    fence.lower(but=owner)
    return _told(written.change, in_force=True)


def _put(client: redis.Redis, written: Writing, before: States, *, at: datetime) -> bool:
    """Bring into Redis what was just committed, and lower its token; False where Redis does not take it."""
    packed = state.pack_states({**before, **written.states}, known_of(written.person))
    try:
        state.settle_recorded(
            client,
            written.person.id,
            written.person.version,
            packed,
            token=written.change.token,
            at_ms=int(at.timestamp() * 1000),
        )
    except state.Unwritten:
        logger.warning("consent.left_to_relay", exc_info=True)
        return False
    return True


def _commit(standing: Standing, token: str, said: _Said, *, now: datetime) -> Writing | None:
    person = standing.person
    cipher, fresh = cipher_for(standing, now=now)
    changes = [
        replace(as_evidenced(change, said.evidence, said.actor), event_id=str(uuid7(now)))
        for change in within_bounds(standing.states, said.changes)
    ]
    entries = [_entry(person.id, one, said, now=now) for one in changes]
    if said.restricts is not None:
        person.restriction_asked = said.restricts
        entries.append(_restriction(person.id, said.restricts, said, now=now))
    events = [seal_entry(one, cipher) for one in entries]
    after = apply_changes(standing.states, changes, now=now)
    knowing.learn(person, said.evidence, said.actor)
    person.version += 1
    change = outbox_row(person, events, token=token, key=said.key, now=now)
    writing = Writing(
        person=person,
        key=fresh,
        events=events,
        states=_difference(standing.states, after),
        change=change,
    )
    # One statement is a transaction by itself; inside another one it would not be durable.
    with transaction.atomic(durable=True) if connection.in_atomic_block else nullcontext():
        return writing if write(writing) else None


def _entry(person: str, change: ConsentChange, said: _Said, *, now: datetime) -> Entry:
    return make_entry(
        person,
        change,
        evidence=said.evidence,
        actor=said.actor,
        now=now,
        sent_for=said.sent_for,
    )


def _restriction(person: str, asked: bool, said: _Said, *, now: datetime) -> Entry:
    return make_restriction(
        person,
        asked,
        evidence=said.evidence,
        actor=said.actor,
        now=now,
        sent_for=said.sent_for,
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
    row.save(update_fields=["version", "changed_at", "merged_into", *knowing.FIELDS])


def _finish(client: redis.Redis, row: ChangeRow, *, now: datetime) -> Recorded:
    """Put a change in force that was recorded earlier, and say what became of it."""
    return _told(row, in_force=settle_change(client, row, now=now))


def _told(row: ChangeRow, *, in_force: bool) -> Recorded:
    CONSENT_CHANGES.labels("in_force" if in_force else "late").inc()
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
    except state.Unwritten:
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
            merge_entry(key, what, source=source, target=target, now=now)
            for key, what in stamped.items()
        ]
        if rows[source].restriction_asked and not rows[target].restriction_asked:
            entries.append(merged_restriction(source, target, now=now))
        rows[source].merged_into = target
        knowing.join(rows[target], rows[source])
        _write(rows[source], cipher, [], {})
        _write(rows[target], cipher, entries, stamped)
