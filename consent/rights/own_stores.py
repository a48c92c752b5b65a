"""What consent itself holds of a person: states, identities, the ledger and its keys, answers given to programs."""

import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
from django.db import models
from django.db.models.functions import Now

from consent import people as ids
from consent.entries import entries_of
from consent.ledger import current_person, everyone_in
from consent.models import (
    ConsentChange,
    ConsentState,
    Identity,
    OptOutSeen,
    Parting,
    Person,
    PersonKey,
)
from consent.person_keys import mark_erased
from consent.projection import put_in_force
from consent.proof.erasing import erase_bodies, seal_first
from consent.proof.proving import NotSealedError, inclusion_of
from consent.receipts import NoSuchReceiptError, load_receipt
from consent.rights.answers import kept_answers
from consent.rights.copies import other_requests
from consent.rights.stores import NotYet, Section, Store, Subject, exempt, on_finding, register
from rtts_site.foundation.redis_clients import redis_client

# What stays of a person who was erased: that nothing may be done with what comes under this id.
KEPT = frozenset({"id", "partition", "version", "changed_at", "erased_at"})


def register_stores() -> None:
    """Register all of them; in the order in which they are erased."""
    on_finding(_find)
    register(other_requests())
    register(_rows("states of consent", ConsentState, tell=True))
    register(_rows("changes of consent on their way", ConsentChange))
    register(_rows("opt-outs of browsers on their way", OptOutSeen))
    register(_rows("identities", Identity, tell=True))
    register(
        Store(
            name="merges that were undone",
            covers=("table:consent.Parting",),
            remove=lambda subject, _now: _partings(subject).delete()[0],
            count=lambda subject: _partings(subject).count(),
        )
    )
    register(kept_answers())
    register(
        Store(
            name="people",
            covers=("table:consent.Person", "redis:{}:consent:{}", "redis:{}:fence:{}"),
            remove=_empty_people,
            count=lambda subject: sum(_has_content(row) for row in _people(subject)),
            tell=_tell_person,
        )
    )
    register(
        Store(
            name="ledger: keys destroyed, bodies deleted",
            covers=("table:consent.PersonKey", "table:consent.ConsentEvent", "redis:{}:datakey:{}"),
            remove=_destroy_keys,
            count=lambda subject: _keys(subject).count(),
            tell=_tell_ledger,
        )
    )
    _exempt_others()


def _exempt_others() -> None:
    exempt(
        ["table:consent.PolicyVersion", "redis:policy:live"],
        because="policies say nothing of anybody",
    )
    exempt(
        ["table:consent.RecordRead"],
        because="append-only log of what staff read; it has the keyed id alone",
    )
    exempt(
        [
            "table:consent.Suppression",
            "table:consent.LegalHold",
            "table:consent.CapsuleOpening",
            "folder:erasures.jsonl",
        ],
        because="the proof of the erasure itself: keyed hashes; a capsule is sealed until its day",
    )
    exempt(
        [
            *(
                "table:consent.LedgerPending",
                "table:consent.LedgerLeaf",
                "table:consent.LedgerNode",
                "table:consent.LogPart",
            ),
            *("table:consent.LedgerCheckpoint", "table:consent.SigningKey"),
            *("table:consent.Anchoring", "folder:anchors", "folder:ledger_signing_key"),
        ],
        because="the tree: random ids and hashes of ciphertext, which prove what was there and tell nothing of it",
    )
    exempt(["table:consent.NoticeText"], because="what everybody is shown")
    exempt(
        [
            "redis:{}:fences",
            "redis:{}:settled",
            "redis:due:{}",
            "redis:{}:trust",
            "redis:lease:drain:{}",
            "redis:parting:{}:taken",
        ],
        because="ids and times of work under way",
    )
    exempt(["redis:changed:{}"], because="a channel; nothing is kept")
    exempt(["redis:rate:{}:{}"], because="counts by key or id, gone within minutes")


def _find(person: str) -> tuple[set[str], set[str]]:
    owner = current_person(person)
    return {owner, *everyone_in(owner)}, set()


def _rows(name: str, model: type[models.Model], *, tell: bool = False) -> Store:
    def of(subject: Subject) -> Any:
        return model._default_manager.filter(person__in=subject.people)

    def told(subject: Subject) -> Iterator[Section]:
        for row in of(subject).values():
            yield Section(name, row)

    return Store(
        name=name,
        covers=(f"table:{model._meta.label}",),
        remove=lambda subject, _now: of(subject).delete()[0],
        count=lambda subject: of(subject).count(),
        **({"tell": told} if tell else {}),
    )


def _partings(subject: Subject) -> Any:
    among = models.Q(source__in=subject.people) | models.Q(target__in=subject.people)
    return Parting.objects.filter(among)


def _people(subject: Subject) -> Any:
    return Person.objects.filter(id__in=subject.people)


def _blank(row: Person) -> dict[str, Any]:
    """Return the fields of somebody erased that do not say so yet, as they have to be."""
    fresh = {
        field.attname: field.get_default()
        for field in Person._meta.concrete_fields
        if field.attname not in KEPT
    }
    return {name: value for name, value in fresh.items() if getattr(row, name) != value}


def _has_content(row: Person) -> bool:
    return bool(_blank(row)) or row.erased_at is None


def _empty_people(subject: Subject, now: datetime) -> int:
    emptied, client = 0, redis_client()
    known = {row.id: row for row in _people(subject)}
    fresh = [
        Person(id=one, partition=ids.partition_of(one), changed_at=now, erased_at=now)
        for one in subject.people
        if one not in known
    ]
    Person.objects.bulk_create(fresh, ignore_conflicts=True)
    for row in known.values():
        emptied += _has_content(row)
        changes = {**_blank(row), "version": models.F("version") + 1}
        Person.objects.filter(id=row.id).update(
            **changes, erased_at=row.erased_at or now, changed_at=Now()
        )
    for one in subject.people:
        put_in_force(client, one)
    return emptied


def _tell_person(subject: Subject) -> Iterator[Section]:
    for row in _people(subject).values():
        yield Section("person", row)


def _keys(subject: Subject) -> Any:
    return PersonKey.objects.filter(person__in=subject.people)


def _destroy_keys(subject: Subject, now: datetime) -> int:
    """Destroy the keys, forget whose they were, delete what they encrypted; return how many things that were.

    Raises:
        NotYet: another process is sealing what they encrypted.
    """
    rows = list(_keys(subject))
    keys = [row.key_id for row in rows]
    PersonKey.objects.filter(key_id__in=keys, destroyed_at=None).update(
        wrapped=None, destroyed_at=now
    )
    if seal_first(keys, now=now):
        raise NotYet("What they said last is being sealed into the ledger.")
    # Until their bodies are gone the rows keep the person, so that a step that broke off finds them again.
    bodies = erase_bodies(keys, now=now) if keys else 0
    PersonKey.objects.filter(key_id__in=keys).update(person="")
    mark_erased(redis_client(), subject.people)
    return len(keys) + bodies


def _tell_ledger(subject: Subject) -> Iterator[Section]:
    for entry in entries_of(subject.people):
        yield Section("consent history", msgspec.to_builtins(entry))
        event_id = uuid.UUID(entry.event_id)
        try:
            receipt = load_receipt(entry.person, event_id)
        except NoSuchReceiptError:
            continue
        yield Section("receipts", receipt)
        with suppress(NotSealedError):  # recorded this moment; the receipt says until when
            yield Section("proofs of receipts", inclusion_of(event_id))
