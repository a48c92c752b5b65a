"""What a leaf of the ledger's tree is over. Pure.

A leaf of version 2 covers the hash of a body, not the body, so that what it says of a row (whose key, when) stays
proven after the body is erased.
"""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from consent.proof.tree import hash_leaf

HOUSE_KEY = uuid.UUID(int=0)  # of entries about the house; their bodies are readable JSON
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What a leaf says about a body."""

    schema_version: int
    event_id: uuid.UUID
    key_id: uuid.UUID
    recorded_at: datetime


def hash_body(body: bytes) -> bytes:
    """Return what stands for a body in its leaf."""
    return hashlib.sha256(body).digest()


def leaf_of(heading: Heading, body_hash: bytes) -> bytes:
    """Return the leaf hash of a row of version 2.

    Over 74 bytes, numbers big-endian: version (2), event id (16), key id (16), microseconds since 1970 (8), hash of
    the body (32).
    """
    recorded = (heading.recorded_at - _EPOCH) // _MICROSECOND
    return hash_leaf(
        heading.schema_version.to_bytes(2, "big")
        + heading.event_id.bytes
        + heading.key_id.bytes
        + recorded.to_bytes(8, "big", signed=True)
        + body_hash
    )


def leaf_of_version_1(event_id: uuid.UUID, key_id: uuid.UUID, body: bytes) -> bytes:
    """Return the leaf hash of a row of version 1, which covers the body itself and no time."""
    return hash_leaf(event_id.bytes + key_id.bytes + body)


def leaf_of_body(heading: Heading, body: bytes) -> bytes:
    """Return the leaf hash of a row, whichever version it has."""
    if heading.schema_version == 1:
        return leaf_of_version_1(heading.event_id, heading.key_id, body)
    return leaf_of(heading, hash_body(body))
