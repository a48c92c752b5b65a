"""People's current consent in PostgreSQL, and its way into Redis."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import cast

import redis

from consent import people, state
from consent.models import ConsentState, Person
from consent.policy import AgeBracket, EventType, State, Status
from consent.policy.terms import UNCERTAIN

States = dict[tuple[str, str], State]
CHUNK = 500  # people in one round trip
RESIDENCE = "residence"  # how it is known where somebody lives, where that is certain
# Whose word of an age or a place may loosen what holds; what people say of themselves only adds strictness.
SURE = frozenset({"staff", "system", RESIDENCE})
SAID = [
    *("status", "since", "expires_at", "event_id"),
    *("event_type", "by_guardian", "over_gpc", "notice"),
]


def lock_person(person: str, *, now: datetime) -> Person:
    """Return the person's row, locked until the transaction ends; made where there is none."""
    locked = Person.objects.select_for_update().filter(id=person)
    row = locked.first()
    if row is None:
        fresh = Person(id=person, partition=people.partition_of(person), changed_at=now)
        Person.objects.bulk_create([fresh], ignore_conflicts=True)
        row = locked.get()
    return row


def load_states(persons: Collection[str]) -> dict[str, States]:
    """Return the states of each person; one query."""
    found: dict[str, States] = defaultdict(dict)
    for row in ConsentState.objects.filter(person__in=persons):
        found[row.person][row.purpose, row.channel] = state_of(row)
    return found


def state_of(row: ConsentState) -> State:
    """Return what a row says."""
    return State(
        Status(row.status),
        row.since.timestamp(),
        row.expires_at.timestamp() if row.expires_at else None,
        str(row.event_id),
        cast("EventType", row.event_type),
        row.by_guardian,
        row.over_gpc,
        row.notice,
    )


def known_of(row: Person | None) -> state.Known:
    """Return what is known of a person beside what they said."""
    if row is None:
        return state.NOTHING_KNOWN
    return state.Known(
        restricted=row.restricted,
        age=cast("AgeBracket", row.age_bracket),
        age_turns_at=row.age_turns_at.timestamp() if row.age_turns_at else None,
        jurisdiction=places_of(row),
        resident=row.jurisdiction_known_by == RESIDENCE,
        suppressed=tuple(row.suppressed),
    )


def places_of(row: Person) -> str:
    """Return where a person may live as the gate reads it: what nobody sure of it said leaves other places possible."""
    said = row.jurisdiction.split()
    if said and row.jurisdiction_known_by not in SURE:
        said = sorted({*said, UNCERTAIN})
    return " ".join(said)


def save_states(person: str, states: Mapping[tuple[str, str], State]) -> None:
    """Write a person's states; one query."""
    save_states_of({person: states})


def save_states_of(states_of: Mapping[str, Mapping[tuple[str, str], State]]) -> None:
    """Write the states of many people; one query."""
    ConsentState.objects.bulk_create(
        rows_of_states(states_of),
        update_conflicts=True,
        unique_fields=["person", "purpose", "channel"],
        update_fields=SAID,
    )


def rows_of_states(
    states_of: Mapping[str, Mapping[tuple[str, str], State]],
) -> list[ConsentState]:
    """Return the rows of many people's states, not yet saved."""
    return [
        ConsentState(
            person=person,
            purpose=purpose,
            channel=channel,
            status=str(said.status),
            since=moment(said.since),
            expires_at=moment(said.expires_at) if said.expires_at is not None else None,
            event_id=uuid.UUID(said.record),
            event_type=said.event_type,
            by_guardian=said.by_guardian,
            over_gpc=said.over_gpc,
            notice=said.notice,
        )
        for person, states in states_of.items()
        for (purpose, channel), said in states.items()
    ]


def put_in_force(client: redis.Redis, person: str, *, tokens: Iterable[str] = ()) -> int:
    """Write a person's current state to Redis and take tokens off their fence; return its version.

    Two queries, one round trip. Raises what the client raises where Redis is away.
    """
    # The version first: states read after it are at least as new, so an old state never gets a new version.
    row = Person.objects.filter(id=person).first()
    states = load_states([person]).get(person, {})
    version = row.version if row else 0
    packed = state.pack_states(states, known_of(row))
    state.write_state_if_newer(client, person, version, packed, tokens=tokens)
    return version


def put_all_in_force(
    client: redis.Redis,
    partitions: Collection[int],
    *,
    since: datetime | None = None,
    afresh: bool = False,
) -> Iterator[int]:
    """Write the state of everybody in these partitions who changed since a time; yield how many at a time.

    None is everybody. A state that is newer in Redis stays, unless `afresh` removes what is there first.
    """
    rows = Person.objects.filter(partition__in=partitions).order_by("id")
    if since is not None:
        rows = rows.filter(changed_at__gte=since)
    after = ""
    while chunk := list(rows.filter(id__gt=after)[:CHUNK]):
        after = chunk[-1].id
        if afresh:  # before PostgreSQL is read, so that a change made meanwhile is not undone
            state.remove_states(client, [row.id for row in chunk])
            chunk = list(Person.objects.filter(id__in=[row.id for row in chunk]))
        states = load_states([row.id for row in chunk])
        packed = [
            (
                row.id,
                row.version,
                state.pack_states(states.get(row.id, {}), known_of(row)),
            )
            for row in chunk
        ]
        state.write_states_if_newer(client, packed)
        yield len(chunk)


def moment(seconds: float) -> datetime:
    """Return the time, UTC, of epoch seconds."""
    return datetime.fromtimestamp(seconds, UTC)
