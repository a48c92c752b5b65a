"""The two statements of a change of consent: one reads all that it rests on, one writes all that it does or nothing.

What many people say at once is written table by table, in the transaction of the caller.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Model

from consent import knowing, people
from consent.models import ConsentChange as ChangeRow
from consent.models import ConsentEvent, ConsentState, Person, PersonKey, Suppression
from consent.person_keys import KeyDestroyedError, PersonCipher, make_key, open_key
from consent.projection import SAID, States, rows_of_states, state_of

Row = TypeVar("Row", bound=Model)
TAKEN_OVER = ("version", *knowing.FIELDS)

# Whoever erases the person waits, or was first.
_HELD = "select from consent_personkey where key_id = %s and destroyed_at is null for share"
_NOT_ERASED = (
    "select where not exists (select from consent_suppression where kind = %s and digest = %s)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is there of a person when they say something."""

    person: Person  # one of version 0 where there is none yet
    states: States
    key: PersonKey | None
    earlier: ChangeRow | None  # recorded under the same key before
    is_erased: bool


def nobody(person: str, *, now: datetime) -> Standing:
    """Return what a change rests on of whom nothing is known; where that is wrong, `write` writes nothing."""
    return Standing(
        person=_nobody(person, now=now), states={}, key=None, earlier=None, is_erased=False
    )


def read_standing(person: str, *, key: str, now: datetime) -> Standing:
    """Return what a change of a person's consent rests on; one query, nothing is locked."""
    with _prepared() as cursor:
        cursor.execute(_read(), [person, key or None, Suppression.PERSON])
        (row,) = cursor.fetchall()
    said, earlier, is_erased, *found = row
    of_person, of_key = found[: len(_names(Person))], found[len(_names(Person)) :]
    return Standing(
        person=_stored(Person, of_person) or _nobody(person, now=now),
        states={(row.purpose, row.channel): state_of(row) for row in map(_state, said or ())},
        key=_stored(PersonKey, of_key),
        earlier=ChangeRow.objects.get(token=earlier) if earlier else None,
        is_erased=bool(is_erased),
    )


@cache
def _read() -> str:
    columns = [f"p.{name}" for name in _names(Person)] + [f"k.{name}" for name in _names(PersonKey)]
    return (
        "select (select json_agg(s) from consent_consentstate s where s.person = w.id), "  # noqa: S608 - names only
        "(select c.token from consent_consentchange c where c.idempotency_key = w.key), "
        "exists (select from consent_suppression e where e.kind = w.kind and e.digest = w.id), "
        f"{', '.join(columns)} from (select %s::text as id, %s::text as key, %s::text as kind) w "
        "left join consent_person p on p.id = w.id "
        "left join consent_personkey k on k.person = w.id and k.key_class = 'normal' "
        "and k.destroyed_at is null"
    )


def cipher_for(standing: Standing, *, now: datetime) -> tuple[PersonCipher, PersonKey | None]:
    """Return a person's cipher, and their key where it has to be written first.

    Raises:
        KeyDestroyedError: the person was erased.
    """
    if standing.key is not None:
        return open_key(standing.key), None
    if standing.is_erased:
        raise KeyDestroyedError("This person was erased; nothing of them is kept any more.")
    fresh, cipher = make_key(standing.person.id, now=now)
    return cipher, fresh


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """All that one change does; `person` has the next version already."""

    person: Person
    key: PersonKey | None
    events: Sequence[ConsentEvent]
    states: States
    change: ChangeRow


def write(writing: Writing) -> bool:
    """Write a change unless the person's consent is of another version by now, or theirs is another's; one statement.

    Raises:
        django.db.IntegrityError: the relay claimed its token, its key was recorded before, or they have a key.
    """
    states = rows_of_states({writing.person.id: writing.states})
    rows: list[Sequence[Model]] = [writing.events, [writing.change]]
    rows += [states] if states else []
    rows += [[writing.key]] if writing.key else []
    person, is_new = writing.person, writing.person._state.adding
    statement = _statement(len(writing.events), len(states), writing.key is not None, is_new)
    parameters: list[Any] = (
        [Suppression.PERSON, person.id] if writing.key else [writing.events[0].key_id]
    )
    parameters += [*_values_of(Person)(person), *([] if is_new else [person.version - 1])]
    parameters += [value for some in rows for row in some for value in _values_of(type(row))(row)]
    with _prepared() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone() is not None


def outbox_row(
    person: Person, events: Sequence[ConsentEvent], *, token: str, key: str, now: datetime
) -> ChangeRow:
    """Return what tells the relay of a change; `person` has the next version already."""
    return ChangeRow(
        token=token,
        person=person.id,
        version=person.version,
        events=[event.event_id for event in events],
        idempotency_key=key or None,
        recorded_at=now,
    )


def open_rows(persons: Collection[str], *, now: datetime) -> None:
    """Write a row for each person who has none."""
    _insert_all([_nobody(person, now=now) for person in persons], "on conflict do nothing")


def write_all(
    persons: Sequence[Person],
    events: Sequence[ConsentEvent],
    states: Sequence[ConsentState],
    changes: Sequence[ChangeRow],
) -> None:
    """Write what people say who are locked, each with the next version already; a round trip for each table."""
    _insert_all(persons, f"on conflict (id) do update set {_taken_over()}")
    _insert_all(events)
    _insert_all(states, _newer())
    _insert_all(changes)


def _insert_all(rows: Sequence[Model], conflict: str = "") -> None:
    if not rows:
        return
    model = type(rows[0])
    table, names = model._meta.db_table, ", ".join(_columns(model))
    statement = f"insert into {table} ({names}) values ({_placeholders(model)}) {conflict}"  # noqa: S608 - names only
    with _prepared() as cursor:
        cursor.executemany(statement, [_values_of(model)(row) for row in rows])


@contextmanager
def _prepared() -> Iterator["psycopg.Cursor[Any]"]:
    """Yield a cursor whose statements PostgreSQL plans once for each connection; Django's sends them whole each time."""
    own = connections[DEFAULT_DB_ALIAS]
    own.ensure_connection()
    with own.wrap_database_errors, psycopg.Cursor(own.connection) as cursor:
        yield cursor


@cache
def _statement(events: int, states: int, with_key: bool, is_new: bool) -> str:
    """Return the statement; each part writes only where the person's row could be written or taken over."""
    parts = [
        f"held as ({_NOT_ERASED if with_key else _HELD})",
        f"mine as ({_write_person(is_new)})",
        f"said as ({_insert(ConsentEvent, events)})",
    ]
    parts.append(f"outbox as ({_insert(ChangeRow, 1)})")
    if states:
        parts.append(f"stand as ({_insert(ConsentState, states)} {_newer()})")
    if with_key:
        parts.append(f"opened as ({_insert(PersonKey, 1)})")
    return f"with {', '.join(parts)} select id from mine"  # noqa: S608 - names only


def _write_person(is_new: bool) -> str:
    names = _columns(Person)
    taken_over = f"update set {_taken_over()} where p.version = %s and p.merged_into = ''"
    return (
        f"insert into consent_person as p ({', '.join(names)}) "  # noqa: S608 - names only
        f"select v.* from held, (values ({_placeholders(Person)})) as v "
        f"on conflict (id) do {'nothing' if is_new else taken_over} returning p.id"
    )


def _taken_over() -> str:
    return ", ".join(["changed_at = now()", *(f"{name} = excluded.{name}" for name in TAKEN_OVER)])


def _insert(model: type[Model], count: int) -> str:
    values = ", ".join([f"({_placeholders(model)})"] * count)
    table, names = model._meta.db_table, ", ".join(_columns(model))
    return f"insert into {table} ({names}) select v.* from mine, (values {values}) as v"  # noqa: S608 - names only


def _newer() -> str:
    changed = ", ".join(f"{name} = excluded.{name}" for name in SAID)
    return f"on conflict (person, purpose, channel) do update set {changed}"


@cache
def _fields(model: type[Model]) -> tuple[Any, ...]:
    return tuple(field for field in model._meta.concrete_fields if not _is_counted(field))


def _is_counted(field: Any) -> bool:
    return str(field.get_internal_type()).endswith("AutoField")


@cache
def _names(model: type[Model]) -> list[str]:
    return [str(field.attname) for field in model._meta.concrete_fields]


@cache
def _columns(model: type[Model]) -> list[str]:
    return [str(field.column) for field in _fields(model)]


@cache
def _values_of(model: type[Model]) -> Callable[[Any], tuple[Any, ...]]:
    return attrgetter(*(field.attname for field in _fields(model)))


def _placeholders(model: type[Model]) -> str:
    return ", ".join(f"%s::{_cast(field)}" for field in _fields(model))


def _cast(field: Any) -> str:
    # Without its length: an explicit cast cuts what is too long, an insert refuses it.
    return re.sub(r"\(\d+\)", "", field.cast_db_type(connection))


def _stored(model: type[Row], found: Sequence[Any]) -> Row | None:
    return None if found[0] is None else model.from_db("default", _names(model), found)


def _state(found: dict[str, Any]) -> ConsentState:
    row = ConsentState(**found)
    row.since = datetime.fromisoformat(found["since"])
    if row.expires_at is not None:
        row.expires_at = datetime.fromisoformat(found["expires_at"])
    return row


def _nobody(person: str, *, now: datetime) -> Person:
    return Person(id=person, partition=people.partition_of(person), changed_at=now)
