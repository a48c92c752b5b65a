"""The form of a ledger entry: what is said in it, how it is sealed under the person's key, how it is read back."""

import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

import msgspec

from consent.changes import Actor, ConsentChange, Evidence
from consent.ids import uuid7
from consent.models import ConsentEvent, PersonKey
from consent.person_keys import CipherError, PersonCipher, load_cipher
from consent.policy import EVERY_CHANNEL, EventType, State
from consent.policy.specs import EVERY_PURPOSE
from consent.projection import moment
from consent.proof.leaves import Heading, leaf_of_body

RESTRICTED, LIFTED = "restricted", "restriction lifted"  # what an entry of that kind says
MERGE = Actor(kind="system", id="merge")
SCHEMA_VERSION = 2  # 1: the leaf covers the body itself, and no time


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One consent event; field names follow ISO/IEC TS 27560:2023 where it has one."""

    schema_version: int
    event_id: str
    person: str
    purpose: str
    channel: str
    event_state: str
    event_time: datetime
    recorded_at: datetime
    expires_at: datetime | None
    actor_kind: str
    actor_id: str
    evidence: Evidence
    merged_from: str = ""  # the person whose consent came along in a merge
    sent_for: str = ""  # the person of the identifier that it was said with; "" in older entries
    legal_basis: str = ""
    validity_days: int | None = None
    event_type: EventType = "expressed"
    by_guardian: bool = False
    over_gpc: bool = False
    notice: str = ""  # that the grant rests on; of a merge, where both saw the same
    kind: Literal["consent", "restriction"] = "consent"  # the latter says nothing of a purpose


def make_entry(
    person: str,
    change: ConsentChange,
    *,
    evidence: Evidence,
    actor: Actor,
    now: datetime,
    sent_for: str = "",
) -> Entry:
    """Return the entry of a change."""
    return Entry(
        schema_version=SCHEMA_VERSION,
        event_id=change.event_id,
        person=person,
        purpose=change.purpose,
        channel=change.channel,
        event_state=str(change.status),
        event_time=change.event_time,
        recorded_at=now,
        expires_at=change.expires_at,
        actor_kind=actor.kind,
        actor_id=actor.id,
        evidence=evidence,
        sent_for=sent_for or person,
        legal_basis=change.legal_basis,
        validity_days=change.validity_days,
        event_type=change.event_type,
        by_guardian=change.by_guardian,
        over_gpc=change.over_gpc,
        notice=change.notice,
    )


def make_restriction(
    person: str,
    asked: bool,
    *,
    evidence: Evidence,
    actor: Actor,
    now: datetime,
    sent_for: str = "",
) -> Entry:
    """Return the entry of a restriction of all processing, or of its end."""
    return Entry(
        schema_version=SCHEMA_VERSION,
        event_id=str(uuid7(now)),
        person=person,
        purpose=EVERY_PURPOSE,
        channel=EVERY_CHANNEL,
        event_state=RESTRICTED if asked else LIFTED,
        event_time=now,
        recorded_at=now,
        expires_at=None,
        actor_kind=actor.kind,
        actor_id=actor.id,
        evidence=evidence,
        sent_for=sent_for or person,
        kind="restriction",
    )


def merged_restriction(source: str, target: str, *, now: datetime) -> Entry:
    """Return the entry of a restriction that came along in a merge."""
    entry = make_restriction(target, True, evidence=Evidence(source="merge"), actor=MERGE, now=now)
    return msgspec.structs.replace(entry, merged_from=source)


def merge_entry(
    key: tuple[str, str], what: State, *, source: str, target: str, now: datetime
) -> Entry:
    """Return the entry of what holds for the target of a merge."""
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
    entry = make_entry(target, change, evidence=Evidence(source="merge"), actor=MERGE, now=now)
    return msgspec.structs.replace(entry, merged_from=source)


def seal_entry(entry: Entry, cipher: PersonCipher) -> ConsentEvent:
    """Return the row of an entry: ciphertext, and the leaf hash over exactly the stored bytes."""
    event_id = uuid.UUID(entry.event_id)
    context = _context(event_id, entry.schema_version, cipher.key_id)
    body = cipher.encrypt(msgspec.json.encode(entry), context=context)
    heading = Heading(
        schema_version=entry.schema_version,
        event_id=event_id,
        key_id=cipher.key_id,
        recorded_at=entry.recorded_at,
    )
    return ConsentEvent(
        event_id=event_id,
        key_id=cipher.key_id,
        schema_version=entry.schema_version,
        recorded_at=entry.recorded_at,
        body=body,
        leaf_hash=leaf_of_body(heading, body),
    )


def heading_of(row: ConsentEvent) -> Heading:
    """Return what the leaf of a row says about it."""
    return Heading(
        schema_version=row.schema_version,
        event_id=row.event_id,
        key_id=row.key_id,
        recorded_at=row.recorded_at,
    )


def open_entry(row: ConsentEvent, cipher: PersonCipher) -> Entry:
    """Return what a row says.

    Raises:
        CipherError: the row was altered.
    """
    body = bytes(row.body)
    if leaf_of_body(heading_of(row), body) != bytes(row.leaf_hash):
        raise CipherError(f"Consent event {row.event_id} does not match its hash.")
    context = _context(row.event_id, row.schema_version, row.key_id)
    return msgspec.json.decode(cipher.decrypt(body, context=context), type=Entry)


def entries_of(persons: Iterable[str]) -> Iterator[Entry]:
    """Yield the entries of these people, oldest first; a query for each of their keys and one for the rows."""
    keys = PersonKey.objects.filter(person__in=list(persons), destroyed_at=None)
    ciphers = {key.key_id: load_cipher(key.key_id) for key in keys}
    for row in ConsentEvent.objects.filter(key_id__in=ciphers).order_by("recorded_at", "event_id"):
        yield open_entry(row, ciphers[row.key_id])


def _context(event_id: uuid.UUID, schema_version: int, key_id: uuid.UUID) -> bytes:
    return event_id.bytes + schema_version.to_bytes(2, "big") + key_id.bytes
