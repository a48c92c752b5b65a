"""The only place that knows what else somebody asked for: copies in files and names in requests go with an erasure."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from django.db import connection

from consent import people
from consent.identities import identity_digest
from consent.models import RightsRequest
from consent.rights import exporting
from consent.rights.asking import asked
from consent.rights.stores import NotYet, Store, Subject
from rtts_site.foundation.sealing import SealError

Kind, State = RightsRequest.Kind, RightsRequest.State
REQUEST_LOCK: Final = 7_301  # of PostgreSQL's advisory locks; with the number of the request
COPIES: Final = frozenset({Kind.ACCESS.value, Kind.PORTABILITY.value})


@contextmanager
def held_alone(request: RightsRequest) -> Iterator[bool]:
    """Hold a request as long as this process lives and works at it; False where another does."""
    key = [REQUEST_LOCK, request.pk]
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s, %s)", key)
        is_held = bool(cursor.fetchone()[0])
    try:
        yield is_held
    finally:
        if is_held:
            with connection.cursor() as cursor:
                cursor.execute("select pg_advisory_unlock(%s, %s)", key)


def requests_of(subject: Subject) -> list[RightsRequest]:
    """Return somebody's requests, but for erasures, that still say who they are or have a copy of what is known."""
    names = map(people.parse_name, subject.identifiers)
    named = {*subject.people, *(identity_digest(one) for one in names if one is not None)}
    rows = RightsRequest.objects.exclude(kind=Kind.ERASURE).exclude(subject=b"", file="")
    return [row for row in rows if row.named in named or _person(row) in subject.people]


def _person(row: RightsRequest) -> str:
    try:
        return asked(row).person if row.subject else ""
    except SealError:  # nobody can read it any more
        return ""


def wait_for_copies(subject: Subject, *, now: datetime) -> None:
    """Let a copy that the person asked for be made and fetched first; an export is never of half an erasure.

    Only one that is verified, and no longer than until it is due: whoever asks in their name holds nothing up.

    Raises:
        NotYet: one is on its way, or was not fetched yet.
    """
    for row in requests_of(subject):
        if row.kind not in COPIES:
            continue
        if row.state in (State.VERIFIED, State.RUNNING) and row.due_at > now:
            raise NotYet("Their copy is made first.")
        was_fetched = any(step.get("name") == "fetched" for step in row.steps)
        if row.file and not was_fetched and row.file_expires_at and row.file_expires_at > now:
            raise NotYet(
                "Their copy waits to be fetched; it is erased when it was, or after 7 days."
            )


def other_requests() -> Store:
    """Return the store of copies made for people and of what they asked."""
    return Store(
        name="copies made for them, what else they asked",
        covers=("folder:rights", "table:consent.RightsRequest"),
        remove=_remove,
        count=lambda subject: len(requests_of(subject)),
    )


def _remove(subject: Subject, now: datetime) -> int:
    rows = requests_of(subject)
    for row in rows:
        with held_alone(row) as is_held:
            if not is_held:
                raise NotYet("Another request of theirs is being carried out.")
            row.refresh_from_db()
            _forget(row, now)
    return len(rows)


def _forget(row: RightsRequest, now: datetime) -> None:
    exporting.drop_copy(row)
    if row.is_open:
        row.state, row.done_at = State.DENIED, now
        row.denial = "Who asked was erased before this was carried out."
    elif row.file:
        row.outcome = "the file was erased with its person"
    row.subject, row.file, row.file_expires_at = b"", "", None
    row.save(
        update_fields=[
            *("state", "done_at", "denial", "outcome"),
            *("subject", "file", "file_expires_at"),
        ]
    )
