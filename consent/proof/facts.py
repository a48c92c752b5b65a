"""The only writer of what the ledger keeps about the house: approvals, publishes, keys, digests of files.

A fact lies beside people's entries, in the same tree, with a body that auditors can read. It names staff by user name
and people not at all.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import msgspec
import rfc8785

from consent.ids import uuid7
from consent.models import ConsentEvent
from consent.proof.leaves import HOUSE_KEY, Heading, hash_body, leaf_of

FACT_VERSION = 2  # of the row; see `leaves`
POLICY_PUBLISHED = "policy.published"
RELEASE_APPROVED = "release.approved"
RELEASE_PUBLISHED = "release.published"
KEY_DESTROYED = "key.destroyed"
KEY_ROTATED = "signing_key.rotated"
LOG_DIGEST = "decision_log.digest"  # of a day; see `days`
READS_DIGEST = "record_reads.digest"
CAPSULE_OPENED = "capsule.opened"

Fields = Mapping[str, str | int]


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened in the house."""

    kind: str  # "policy.published"
    fields: dict[str, str | int]
    actor: str  # user name, or "system"
    recorded_at: datetime


_decoder = msgspec.json.Decoder(Fact)


def record_fact(kind: str, fields: Fields, *, now: datetime, actor: str = "system") -> uuid.UUID:
    """Append a fact in the caller's transaction and return its event id; one query. The sealer gives it a leaf."""
    row = make_fact(kind, fields, now=now, actor=actor)
    row.save(force_insert=True)
    return row.event_id


def make_fact(kind: str, fields: Fields, *, now: datetime, actor: str) -> ConsentEvent:
    """Return the row of a fact, not yet saved."""
    said: dict[str, Any] = {
        "kind": kind,
        "fields": dict(fields),
        "actor": actor,
        "recorded_at": now.astimezone(UTC).isoformat(),
    }
    body = rfc8785.dumps(said)
    heading = Heading(
        schema_version=FACT_VERSION, event_id=uuid7(now), key_id=HOUSE_KEY, recorded_at=now
    )
    leaf = leaf_of(heading, hash_body(body))
    return ConsentEvent(**asdict(heading), body=body, leaf_hash=leaf)


def carried_over(kind: str, fields: Fields, *, at: datetime) -> dict[str, Any]:
    """Return the columns of a fact that is older than the keeping of facts; for migrations."""
    row = make_fact(kind, fields, now=at, actor="carried over")
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def decode_fact(body: Any) -> Fact:
    """Return what the body of a row under the house key says.

    Raises:
        msgspec.MsgspecError: it is none.
    """
    return _decoder.decode(bytes(body))


def facts_of(kind: str) -> Iterator[tuple[uuid.UUID, Fact]]:
    """Yield (event id, fact) of one kind, oldest first; reads all facts there are."""
    rows = ConsentEvent.objects.filter(key_id=HOUSE_KEY).order_by("recorded_at", "event_id")
    for event_id, body in rows.values_list("event_id", "body").iterator():
        fact = decode_fact(body)
        if fact.kind == kind:
            yield event_id, fact
