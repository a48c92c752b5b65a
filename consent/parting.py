"""The only place that undoes a merge of consent: each gets back what was said for them, the stricter where in doubt."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

import redis
from django.db import InterfaceError, OperationalError, transaction
from django.db.models.functions import Now

from consent import state
from consent.changes import Actor, ConsentChange, Evidence, apply_changes, strictest
from consent.entries import Entry, entries_of, make_entry, seal_entry
from consent.ids import uuid7
from consent.ledger import (
    REDIS_TIMEOUT_MS,
    StoreUnavailableError,
    Unwritten,
    current_person,
)
from consent.models import ConsentEvent, Parting, Person
from consent.person_keys import person_cipher
from consent.policy import GRANTING, State, Status
from consent.projection import States, load_states, lock_person, moment, put_in_force, save_states
from rtts_site.foundation.redis_clients import redis_client

MERGED, PARTED = "merge", "unmerge"  # sources of what the ledger writes by itself


def part_people(
    source: str, target: str, *, now: datetime, along: Iterable[str] = (), by: str = ""
) -> None:
    """Undo the merge of `source`, with whoever belongs to them, into `target`; doing it again changes nothing.

    What was said for either since then goes with the identifier that it was said with. Where that is not known, a
    denial holds for both and a grant for the one who stayed.

    Raises:
        StoreUnavailableError: PostgreSQL or Redis is away; call again.
    """
    client = redis_client(timeout_ms=REDIS_TIMEOUT_MS)
    try:
        owner = _part(source, target, {source, *along}, now=now, by=by)
        for person in {source, target, owner, *along}:
            put_in_force(client, person)
            state.remove_fence(client, person, state.merge_token(source))
    except (OperationalError, InterfaceError, redis.RedisError, *Unwritten) as error:
        raise StoreUnavailableError("Consent cannot be parted now; try again.") from error


def _part(source: str, target: str, theirs: set[str], *, now: datetime, by: str) -> str:
    """Commit the parting and return who the two were together."""
    owner = current_person(target)
    cipher = {person: person_cipher(person, now=now) for person in (source, owner)}
    with transaction.atomic(durable=True):
        pair = {"source": source, "target": target}
        Parting.objects.get_or_create(**pair, defaults={"parted_at": now, "parted_by": by})
        rows = {person: lock_person(person, now=now) for person in sorted({*theirs, owner})}
        if rows[source].merged_into != owner:
            return owner
        before = load_states([*theirs, owner])
        after = _apart(source, owner, theirs, before, since=rows[source].changed_at)
        _free(source, rows, theirs, owner=owner)
        for person, states in after.items():
            changed = _difference(before.get(person, {}), states, now=now)
            entries = [_entry(person, key, what, now=now) for key, what in changed.items()]
            ConsentEvent.objects.bulk_create([seal_entry(one, cipher[person]) for one in entries])
            save_states(person, changed)
        for row in rows.values():
            row.version += 1
            row.changed_at = Now()
            row.save(update_fields=["version", "changed_at", "merged_into", "restricted"])
    return owner


def _free(source: str, rows: dict[str, Person], theirs: set[str], *, owner: str) -> None:
    for person in theirs - {source}:
        if rows[person].merged_into == owner:
            rows[person].merged_into = source
    rows[source].merged_into, rows[source].restricted = "", False


def _apart(
    source: str, owner: str, theirs: set[str], before: dict[str, States], *, since: datetime
) -> dict[str, States]:
    """Return the states of both as if they had never been one."""
    said = list(entries_of([owner]))
    own: States = {}
    for person in sorted(theirs):
        own = strictest(own, before.get(person, {})) if own else before.get(person, {})
    others: States = {}
    merged = {one.merged_from for one in said if one.merged_from} - theirs
    standing = set(
        Person.objects.filter(id__in=merged, merged_into=owner).values_list("id", flat=True)
    )
    for entry in said:
        if entry.evidence.source == MERGED and entry.merged_from in standing:
            others = strictest(others, _said(entry))
        elif entry.evidence.source not in (MERGED, PARTED):
            doubtful = not entry.sent_for and entry.recorded_at >= since
            if entry.sent_for in theirs or (doubtful and Status(entry.event_state) not in GRANTING):
                own = apply_changes(own, [_change(entry)], now=entry.recorded_at)
            if entry.sent_for not in theirs:
                others = apply_changes(others, [_change(entry)], now=entry.recorded_at)
    return {source: own, owner: others}


def _said(entry: Entry) -> States:
    lapse = entry.expires_at.timestamp() if entry.expires_at else None
    told = State(Status(entry.event_state), entry.event_time.timestamp(), lapse, entry.event_id)
    return {(entry.purpose, entry.channel): told}


def _change(entry: Entry) -> ConsentChange:
    return ConsentChange(
        purpose=entry.purpose,
        channel=entry.channel,
        status=Status(entry.event_state),
        event_time=entry.event_time,
        expires_at=entry.expires_at,
        event_id=entry.event_id,
    )


def _difference(before: States, after: States, *, now: datetime) -> States:
    """Return what changes, under new records; what only the other had said is unknown again."""
    gone = State(Status.UNKNOWN, now.timestamp(), None, "")
    changed = {
        key: what for key, what in after.items() if _content(before.get(key)) != _content(what)
    }
    changed |= {key: gone for key in before if key not in after}
    return {key: replace(what, record=str(uuid7(now))) for key, what in changed.items()}


def _content(said: State | None) -> tuple[object, ...]:
    return (said.status, said.since, said.expires_at) if said is not None else ()


def _entry(person: str, key: tuple[str, str], what: State, *, now: datetime) -> Entry:
    change = ConsentChange(
        purpose=key[0],
        channel=key[1],
        status=what.status,
        event_time=moment(what.since),
        expires_at=moment(what.expires_at) if what.expires_at is not None else None,
        event_id=what.record,
    )
    actor = Actor(kind="system", id=PARTED)
    return make_entry(person, change, evidence=Evidence(source=PARTED), actor=actor, now=now)


def partings_of(person: str) -> Iterator[Parting]:
    """Yield the partings that name a person, newest first."""
    yield from Parting.objects.filter(source=person).order_by("-parted_at")
    yield from Parting.objects.filter(target=person).order_by("-parted_at")
