"""Consents of many people at once, such as an import: chunk by chunk, leaving others their time."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from consent.changes import Actor, ConsentChange, Evidence
from consent.channels import known_channels
from consent.chunks import Said, record_chunk
from consent.ledger import record_change
from consent.models import ConsentChange as ChangeRow
from consent.rights.closing import StaysClosedError
from rtts_site.foundation.redis_clients import redis_client

CHUNK = 200  # people in one transaction

ByPerson = Mapping[str, Sequence[ConsentChange]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What is the same for everybody in an import; `name` makes a repeat record nothing."""

    name: str  # "rtts_demo"
    evidence: Evidence
    actor: Actor

    def key(self, person: str) -> str:
        """Return the idempotency key of a person's part."""
        return f"import:{self.name}:{person}"

    def of(self, person: str, changes: Sequence[ConsentChange]) -> Said:
        """Return what a person says in this import."""
        return Said(
            changes=changes,
            evidence=self.evidence,
            actor=self.actor,
            key=self.key(person),
        )


def import_changes(
    said: ByPerson, *, source: Import, now: datetime, rest: float = 0.0
) -> Iterator[int]:
    """Record what people say and put it in force; yield after each chunk how many people it had.

    `rest` is how long to wait after each chunk, as a multiple of the time it took: 1 leaves half of the stores' time to
    decisions. Broken off, it is run again under the same name: who was recorded before is left alone, for 30 days. Who
    was merged into another, was erased or says very much, is recorded one by one. About a dozen queries for each chunk.

    Raises:
        consent.channels.UnknownChannelError: somebody allows something on a channel that does not exist.
        consent.ledger.StoreUnavailableError, django.db.OperationalError: run it again.
    """
    client, channels = redis_client(), known_channels()
    persons = iter(said)
    while chunk := list(islice(persons, CHUNK)):
        began = time.monotonic()
        left = {
            person: source.of(person, [channels.bind(one) for one in said[person]])
            for person in _not_recorded(chunk, source)
        }
        for person in record_chunk(client, left, now=now):
            _record_alone(person, left[person], now=now)
        yield len(chunk)
        time.sleep(rest * (time.monotonic() - began))


def _record_alone(person: str, said: Said, *, now: datetime) -> None:
    with suppress(StaysClosedError):  # erased: an import does not bring them back
        record_change(
            person,
            said.changes,
            evidence=said.evidence,
            actor=said.actor,
            now=now,
            idempotency_key=said.key,
        )


def _not_recorded(persons: Sequence[str], source: Import) -> list[str]:
    keys = {source.key(person): person for person in persons}
    known = ChangeRow.objects.filter(idempotency_key__in=keys).values_list(
        "idempotency_key", flat=True
    )
    recorded = {keys[key] for key in known if key}
    return [person for person in persons if person not in recorded]
