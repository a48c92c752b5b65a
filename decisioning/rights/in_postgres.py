"""What decisioning's tables hold of a person: history, decisions, outcomes, what was sent, what imports refused."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from consent import people
from consent.person_keys import CipherError
from consent.rights.naming import forms_of, namer_of
from consent.rights.stores import NotYet, Section, Store, Subject
from decisioning.decision_log import DecisionErased, open_body
from decisioning.ingestion.rebuilding import correct
from decisioning.ingestion.records import decode_record
from decisioning.models import (
    DecisionRecord,
    EventRecord,
    OutcomeRecord,
    Reconciliation,
    Sending,
    ShownRecord,
    SourceRun,
)
from decisioning.profiles.accounts import account_id
from rtts_site.foundation.redis_clients import redis_client


def history() -> Store:
    """Return the store of events, those told to the person's accounts included."""
    return Store(
        name="history of events",
        covers=("table:decisioning.EventRecord",),
        remove=_remove_history,
        count=lambda subject: _events(subject).count(),
        tell=_tell_history,
    )


def _events(subject: Subject) -> QuerySet[EventRecord]:
    # What closes the id is no content, and a rebuild from history needs it.
    return EventRecord.objects.filter(person_id__in=subject.people).exclude(kind="erase")


def _tell_history(subject: Subject) -> Iterator[Section]:
    for row in _events(subject).order_by("received_at").iterator():
        yield Section("events", msgspec.to_builtins(decode_record(bytes(row.body))))


def _remove_history(subject: Subject, _now: datetime) -> int:
    """Remove events, and have the person's accounts told anew without them.

    The person's own go last: they say which accounts were told.

    Raises:
        NotYet: a partition does not stand still.
    """
    gone, client = 0, redis_client()
    for account, names in told_to_accounts(subject).items():
        told = EventRecord.objects.filter(person_id=account, message_id__in=names)
        if told.exists():
            gone += told.delete()[0]
        if correct(client, people.partition_of(account), [account]) is None:
            raise NotYet("An account of theirs is counted anew.")
    return gone + _events(subject).delete()[0]


def told_to_accounts(subject: Subject) -> dict[str, list[str]]:
    """Return account -> ids that the person's messages may have there."""
    accounts, names = set[str](), list[str]()
    for row in _events(subject).only("body").iterator():
        record = decode_record(bytes(row.body))
        names.append(record.message_id)
        accounts |= {
            account_id(kind, value, pepper=settings.RTTS_PEPPER)
            for kind, value in record.groups.items()
        }
        accounts |= {record.account} - {""}
    return {one: [f"{name}:{one}" for name in names] for one in accounts - set(subject.people)}


def decisions() -> Store:
    """Return the store of logged decisions."""
    return Store(
        name="decisions",
        covers=("table:decisioning.DecisionRecord",),
        remove=lambda subject, _now: _decisions(subject).delete()[0],
        count=lambda subject: _decisions(subject).count(),
        tell=_tell_decisions,
    )


def _decisions(subject: Subject) -> QuerySet[DecisionRecord]:
    return DecisionRecord.objects.filter(person_id__in=subject.people)


def _tell_decisions(subject: Subject) -> Iterator[Section]:
    for record in _decisions(subject).order_by("decided_at").iterator():
        try:
            body = as_row(open_body(record))
        except (DecisionErased, CipherError):
            body = {}
        yield Section(
            "decisions",
            {**body, "decision_id": record.decision_id, "decided_at": record.decided_at},
        )


def as_row(said: msgspec.Struct) -> dict[str, Any]:
    """Return a struct with the names of its fields, and of those within: many are packed without."""
    return {name: _named(getattr(said, name)) for name in said.__struct_fields__}


def _named(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return as_row(value)
    if isinstance(value, list | tuple):
        return [_named(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _named(one) for key, one in value.items()}
    return value


def shown_and_outcomes() -> Store:
    """Return the store of what was shown and what came of it: it stays for reports, of nobody."""
    return Store(
        name="shown offers and outcomes, made nobody's",
        covers=("table:decisioning.ShownRecord", "table:decisioning.OutcomeRecord"),
        remove=_make_nobodys,
        count=lambda subject: sum(rows.count() for rows in _shown(subject)),
        tell=_tell_shown,
    )


def _shown(subject: Subject) -> tuple[QuerySet[Any], QuerySet[Any]]:
    return (
        ShownRecord.objects.filter(person_id__in=subject.people),
        OutcomeRecord.objects.filter(person_id__in=subject.people),
    )


def _make_nobodys(subject: Subject, _now: datetime) -> int:
    shown, outcomes = _shown(subject)
    return shown.update(person_id="") + outcomes.update(person_id="", message_id="")


def _tell_shown(subject: Subject) -> Iterator[Section]:
    for name, rows in zip(("shown", "outcomes"), _shown(subject), strict=True):
        for row in rows.values().iterator():
            yield Section(name, row)


def sendings() -> Store:
    """Return the store of what was sent to destinations, or waits to be."""
    return Store(
        name="sendings to destinations",
        covers=("table:decisioning.Sending",),
        remove=lambda subject, _now: _sendings(subject).delete()[0],
        count=lambda subject: _sendings(subject).count(),
        tell=_tell_sendings,
    )


def _sendings(subject: Subject) -> QuerySet[Sending]:
    # What tells of the rights themselves is on its way still, and names the id alone.
    rows = Sending.objects.filter(person__in=subject.people)
    return rows.exclude(kind__startswith="person.")


def _tell_sendings(subject: Subject) -> Iterator[Section]:
    for row in _sendings(subject).select_related("destination").iterator():
        yield Section(
            "sent to others",
            {
                "to": row.destination.name,
                "what": row.kind,
                "state": row.state,
                "at": row.done_at or row.created_at,
                "body": row.body,
            },
        )


def refusals() -> Store:
    """Return the store of what polls noted of rows that they refused, and of who drifted from history."""
    return Store(
        name="notes of polls and comparisons",
        covers=("table:decisioning.SourceRun", "table:decisioning.Reconciliation"),
        remove=_remove_notes,
        count=lambda subject: len(_runs(subject)) + _drifts(subject).count(),
    )


def _runs(subject: Subject) -> list[tuple[int, list[Any]]]:
    """Return the polls whose notes name somebody, with the notes that do not."""
    if not subject.texts:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "select id, refusals from decisioning_sourcerun where exists (select 1 from unnest(%s::text[])"
            " as one where position(one in refusals::text) > 0)",
            [sorted({form for text in subject.texts for form in forms_of(text)})],
        )
        found = [
            (pk, notes if isinstance(notes, list) else json.loads(notes))
            for pk, notes in cursor.fetchall()
        ]
    is_named = namer_of(subject.texts)
    kept = [
        (pk, notes, [one for one in notes if not is_named(json.dumps(one))]) for pk, notes in found
    ]
    return [(pk, rest) for pk, notes, rest in kept if len(rest) < len(notes)]


def _drifts(subject: Subject) -> QuerySet[Reconciliation]:
    return Reconciliation.objects.filter(people__overlap=list(subject.people))


def _remove_notes(subject: Subject, _now: datetime) -> int:
    runs = _runs(subject)
    for pk, rest in runs:
        SourceRun.objects.filter(pk=pk).update(refusals=rest)
    gone = len(runs)
    for row in _drifts(subject):
        row.people = [one for one in row.people if one not in subject.people]
        row.save(update_fields=["people"])
        gone += 1
    return gone
