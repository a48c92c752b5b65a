"""The only reader of the tree that proofs are made from: few leaves and nodes, whatever size it has."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from consent.proof.checkpoints import base64url, verifier_key
from consent.proof.tables import LedgerCheckpoint, LedgerLeaf, LedgerNode, SigningKey
from consent.proof.tree import consistency_path, hash_node, inclusion_path

TILE_BITS = 8


class NotSealedError(LookupError):
    """There is no such leaf or checkpoint yet."""


def inclusion_of(event_id: uuid.UUID) -> dict[str, Any]:
    """Return the proof that an entry is in the tree of the newest checkpoint; about 20 queries for a million leaves.

    ``{"leaf_index": 5, "leaf_hash": "…", "tree_size": 9, "path": ["…"], "checkpoint": "rtts-ledger-…"}``, hashes in hex.

    Raises:
        NotSealedError: it has no leaf yet.
    """
    leaf = LedgerLeaf.objects.filter(event_id=event_id).first()
    if leaf is None:
        raise NotSealedError("It is recorded, and will be in the ledger's tree within a minute.")
    checkpoint = latest_checkpoint()
    path = inclusion_path(leaf.seq, checkpoint.size, subtree)
    return {
        "event_id": str(event_id),
        "leaf_index": leaf.seq,
        "leaf_hash": bytes(leaf.leaf_hash).hex(),
        "tree_size": checkpoint.size,
        "path": [one.hex() for one in path],
        "checkpoint": checkpoint.note,
    }


def latest_checkpoint() -> LedgerCheckpoint:
    """Return the newest checkpoint.

    Raises:
        NotSealedError: nothing was ever sealed.
    """
    checkpoint = LedgerCheckpoint.objects.order_by("-size").first()
    if checkpoint is None:
        raise NotSealedError("Nothing is sealed yet; ask again in a minute.")
    return checkpoint


def consistency_between(old: int, new: int) -> dict[str, Any]:
    """Return the proof that the checkpoint of `old` leaves is the beginning of the one of `new` leaves.

    Raises:
        ValueError: not 0 < old <= new.
        NotSealedError: there are not that many leaves.
    """
    if new > latest_checkpoint().size:
        raise NotSealedError(f"There are no {new} leaves yet.")
    path = consistency_path(old, new, subtree)
    return {"from": old, "to": new, "path": [one.hex() for one in path]}


def public_keys() -> dict[str, Any]:
    """Return the keys that checkpoints and receipts verify with, oldest first, as a JWK set and for verifiers of notes."""
    rows = list(SigningKey.objects.order_by("since_size", "since"))
    origin = f"rtts-ledger-{rows[0].key_id}" if rows else ""
    return {"origin": origin, "keys": [_public(row, origin) for row in rows]}


def _public(row: SigningKey, origin: str) -> dict[str, Any]:
    public = bytes(row.public)
    return {
        "kid": row.key_id,
        "kty": "OKP",
        "crv": "Ed25519",
        "x": base64url(public),
        "verifier_key": verifier_key(origin, public),
        "since_size": row.since_size,
        "since": row.since.isoformat(),
    }


def subtree(first: int, last: int) -> bytes:
    """Return the root over leaves of the ledger, `last` not included; a query for each level of nodes it needs.

    It is one of those that proofs are made of: `first` is a multiple of the largest power of two in it.
    """
    parts: list[tuple[int, bytes]] = []
    for level in range(((last - first).bit_length() - 1) // TILE_BITS, -1, -1):
        bits = level * TILE_BITS
        until = (last >> bits) << bits
        if until > first:
            parts += [(1 << bits, root) for root in _roots(level, first >> bits, until >> bits)]
            first = until
    return _join(parts)


def _roots(level: int, first: int, last: int) -> Sequence[bytes]:
    rows: Iterable[Any]
    if level:
        nodes = LedgerNode.objects.filter(level=level, index__gte=first, index__lt=last)
        rows = nodes.order_by("index").values_list("root", flat=True)
    else:
        leaves = LedgerLeaf.objects.filter(seq__gte=first, seq__lt=last)
        rows = leaves.order_by("seq").values_list("leaf_hash", flat=True)
    return [bytes(row) for row in rows]


def _join(parts: Iterable[tuple[int, bytes]]) -> bytes:
    joined: list[tuple[int, bytes]] = []
    for size, root in parts:
        while joined and joined[-1][0] == size:
            root = hash_node(joined.pop()[1], root)
            size *= 2
        joined.append((size, root))
    _, root = joined.pop()
    while joined:
        root = hash_node(joined.pop()[1], root)
    return root
