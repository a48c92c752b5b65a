"""The only place that undoes a merge of consent: each gets back what was said for them, the stricter where in doubt."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import redis
from django.db import InterfaceError, OperationalError, transaction
from django.db.models.functions import Now

from consent import state
from consent.changes import Actor, ConsentChange, Evidence, apply_changes, strictest
from consent.entries import Entry, entries_of, make_entry, make_restriction, seal_entry
from consent.ids import uuid7
from consent.ledger import (
    REDIS_TIMEOUT_MS,
    StoreUnavailableError,
    current_person,
)
from consent.models import ConsentEvent, Parting, Person
from consent.person_keys import KeyDestroyedError, PersonCipher, person_cipher
from consent.policy import GRANTING, State, Status
from consent.projection import States, load_states, lock_person, moment, put_in_force, save_states
from rtts_site.foundation.redis_clients import redis_client

MERGED, PARTED = "merge", "unmerge"  # sources of what the ledger writes by itself
ERASED = "One of the two was erased: nothing is known of who they were, so nothing can be parted."


class ErasedError(Exception):
    """A merge cannot be undone, for one of its people was erased."""


def part_people(
    source: str, target: str, *, now: datetime, along: Iterable[str] = (), by: str = ""
) -> None:
    """Undo the merge of `source`, with whoever belongs to them, into `target`; doing it again changes nothing.

    What was said for either since then goes with the identifier that it was said with. Where that is not known, a
    denial holds for both and a grant for the one who stayed.

    Raises:
        ErasedError: one of them was erased; calling again does not help.
        StoreUnavailableError: PostgreSQL or Redis is away; call again.
    """
    client = redis_client(timeout_ms=REDIS_TIMEOUT_MS)
    try:
        path = _part(source, target, {source, *along}, now=now, by=by)
        for person in {source, *path, *along}:
            put_in_force(client, person)
            state.remove_fence(client, person, state.merge_token(source))
    except (OperationalError, InterfaceError, redis.RedisError, *state.Unwritten) as error:
        raise StoreUnavailableError("Consent cannot be parted now; try again.") from error


def _part(source: str, target: str, theirs: set[str], *, now: datetime, by: str) -> list[str]:
    """Commit the parting and return the target and all whom they became since, up to who they are now."""
    path = _path(target)
    try:
        cipher = {person: person_cipher(person, now=now) for person in (source, *path)}
    except KeyDestroyedError as error:
        raise ErasedError(ERASED) from error
    with transaction.atomic(durable=True):
        # A merge that a rule undoes is undone with this; where somebody asked for it, theirs goes on.
        done = {"parted_at": now, "parted_by": by, "finished_at": now}
        Parting.objects.get_or_create(source=source, target=target, defaults=done)
        rows = {person: lock_person(person, now=now) for person in sorted({*theirs, *path})}
        if _path(target) != path:
            raise StoreUnavailableError("Whom they became merged just now; try again.")
        if rows[source].merged_into not in path:
            return path
        before = load_states([*theirs, *path])
        after = _apart(source, path, theirs, before, since=rows[source].changed_at)
        asked = rows[source].restriction_asked
        _free(source, rows, theirs, path)
        if rows[source].restriction_asked and not asked:
            _restriction(source, now=now, cipher=cipher[source])
        for person, states in after.items():
            changed = _difference(before.get(person, {}), states, now=now)
            entries = [_entry(person, key, what, now=now) for key, what in changed.items()]
            ConsentEvent.objects.bulk_create([seal_entry(one, cipher[person]) for one in entries])
            save_states(person, changed)
        for row in rows.values():
            row.version += 1
            if not row.merged_into:  # of who is another, it says since when
                row.changed_at = Now()
            row.save(update_fields=["version", "changed_at", "merged_into", "restriction_asked"])
    return path


def _path(person: str) -> list[str]:
    """Return a person and whom they became by one merge after the other; the last one is who they are."""
    path, owner = [person], current_person(person)
    while path[-1] != owner:
        path.append(Person.objects.only("merged_into").get(id=path[-1]).merged_into)
    return path


def _free(source: str, rows: dict[str, Person], theirs: set[str], path: Sequence[str]) -> None:
    for person in theirs - {source}:
        if rows[person].merged_into in path:
            rows[person].merged_into = source
    rows[source].merged_into = ""
    # Whose wish it was since they became one is not known: it holds for both.
    rows[source].restriction_asked |= rows[path[-1]].restriction_asked


def _restriction(source: str, *, now: datetime, cipher: PersonCipher) -> None:
    actor = Actor(kind="system", id=PARTED)
    entry = make_restriction(source, True, evidence=Evidence(source=PARTED), actor=actor, now=now)
    seal_entry(entry, cipher).save(force_insert=True)


def _apart(
    source: str,
    path: Sequence[str],
    theirs: set[str],
    before: dict[str, States],
    *,
    since: datetime,
) -> dict[str, States]:
    """Return the states of the source, and of each whom they became, as if they had never been one."""
    own: States = {}
    for person in sorted(theirs):
        own = strictest(own, before.get(person, {})) if own else before.get(person, {})
    after: dict[str, States] = {}
    below = ""
    for person in path:
        said = [one for one in entries_of([person]) if one.kind == "consent"]
        brought = {below: after[below]} if below else {}
        after[person] = _of_others(person, said, theirs, brought)
        for entry in said:
            if _is_theirs(entry, theirs, since=since):
                own = apply_changes(own, [_change(entry)], now=entry.recorded_at)
        below = person
    return {source: own, **after}


def _of_others(
    person: str, said: Sequence[Entry], theirs: set[str], brought: Mapping[str, States]
) -> States:
    """Return what holds of a person's entries without theirs; `brought` are others' states without theirs."""
    states: States = {}
    merged = {one.merged_from for one in said if one.merged_from} - theirs
    standing = set(
        Person.objects.filter(id__in=merged, merged_into=person).values_list("id", flat=True)
    )
    gone = theirs | _parted_before(person, said)
    for entry in said:
        if entry.evidence.source == MERGED and entry.merged_from in standing:
            states = strictest(states, brought.get(entry.merged_from, _said(entry)))
        elif entry.evidence.source not in (MERGED, PARTED) and entry.sent_for not in gone:
            states = apply_changes(states, [_change(entry)], now=entry.recorded_at)
    return states


def _parted_before(person: str, said: Sequence[Entry]) -> set[str]:
    """Return for whom something was said here who have been parted from here since: it went with them."""
    owner, named = current_person(person), {one.sent_for for one in said if one.sent_for} - {person}
    return {one for one in named if current_person(one) != owner}


def _is_theirs(entry: Entry, theirs: set[str], *, since: datetime) -> bool:
    if entry.evidence.source in (MERGED, PARTED):
        return False
    doubtful = not entry.sent_for and entry.recorded_at >= since
    return entry.sent_for in theirs or (doubtful and Status(entry.event_state) not in GRANTING)


def _said(entry: Entry) -> States:
    lapse = entry.expires_at.timestamp() if entry.expires_at else None
    told = State(
        Status(entry.event_state),
        entry.event_time.timestamp(),
        lapse,
        entry.event_id,
        entry.event_type,
        entry.by_guardian,
        entry.over_gpc,
        entry.notice,
    )
    return {(entry.purpose, entry.channel): told}


def _change(entry: Entry) -> ConsentChange:
    return ConsentChange(
        purpose=entry.purpose,
        channel=entry.channel,
        status=Status(entry.event_state),
        event_time=entry.event_time,
        expires_at=entry.expires_at,
        event_id=entry.event_id,
        event_type=entry.event_type,
        by_guardian=entry.by_guardian,
        over_gpc=entry.over_gpc,
        notice=entry.notice,
    )


def _difference(before: States, after: States, *, now: datetime) -> States:
    """Return what changes, under new records; what only the other had said is unknown again."""
    gone = State(Status.UNKNOWN, now.timestamp(), None, "")
    changed = {
        key: what for key, what in after.items() if _content(before.get(key)) != _content(what)
    }
    changed |= {key: gone for key in before if key not in after}
    return {key: replace(what, record=str(uuid7(now))) for key, what in changed.items()}


def _content(said: State | None) -> State | None:
    return replace(said, record="") if said is not None else None


def _entry(person: str, key: tuple[str, str], what: State, *, now: datetime) -> Entry:
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
    actor = Actor(kind="system", id=PARTED)
    return make_entry(person, change, evidence=Evidence(source=PARTED), actor=actor, now=now)


def partings_of(person: str) -> Iterator[Parting]:
    """Yield the partings that name a person, newest first."""
    yield from Parting.objects.filter(source=person).order_by("-parted_at")
    yield from Parting.objects.filter(target=person).order_by("-parted_at")


def is_being_parted(person: str) -> bool:
    """Return whether a parting that names a person was begun and is not done."""
    return any(one.finished_at is None for one in partings_of(person))
