"""The checks that go through every leaf of the ledger once: numbers, hashes, roots, what is missing, what came late."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from consent.proof.checking import Cursor, Question, Trouble, facts_in
from consent.proof.facts import KEY_DESTROYED
from consent.proof.leaves import HOUSE_KEY, Heading, hash_body, leaf_of, leaf_of_body
from consent.proof.sealing import MERGE_WITHIN
from consent.proof.tree import Frontier

CHUNK = 5_000
DENSE, LEAVES, BODIES, ERASED, MERGED = (
    "leaves are numbered without a gap",
    "leaf hashes cover what the leaves say",
    "bodies are what their leaves cover",
    "bodies are missing only where their key was destroyed",
    "receipts were merged in time",
)

_ROWS = """
select l.seq, l.event_id, l.key_id, l.schema_version, l.recorded_at, l.body_hash, l.leaf_hash, l.sealed_at,
  b.key_id, b.schema_version, b.recorded_at, b.body, b.leaf_hash
from consent_ledgerleaf l left join consent_consentevent b on b.event_id = l.event_id
where l.seq > %s order by l.seq limit %s
"""
_UNSEALED = """
select b.event_id, b.recorded_at, p.added_at
from consent_consentevent b left join consent_ledgerpending p on p.event_id = b.event_id
where not exists (select from consent_ledgerleaf l where l.event_id = b.event_id)
"""
_BODILESS = """
select p.event_id from consent_ledgerpending p
where not exists (select from consent_consentevent b where b.event_id = p.event_id)
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A leaf, and its body where it is there."""

    seq: int
    heading: Heading
    body_hash: bytes
    leaf_hash: bytes
    sealed_at: datetime
    body_heading: Heading | None
    body: bytes
    body_leaf_hash: bytes


@dataclass(slots=True)
class Walk:
    """What is remembered on the way."""

    destroyed: dict[str, float]  # the last fact of each destroyed key, by its place
    wanted: dict[int, bytes | None]  # sizes whose root is asked for, and the root
    frontier: Frontier
    names: tuple[str, ...] = (DENSE, LEAVES, BODIES, ERASED, MERGED)

    def see(self, row: Row) -> Iterator[tuple[str, Trouble]]:
        """Yield what is wrong with the next leaf."""
        if row.seq != self.frontier.size:
            yield DENSE, Trouble(f"leaf {row.seq} comes where {self.frontier.size} should be")
        self.frontier.append(row.leaf_hash)
        if self.frontier.size in self.wanted:
            self.wanted[self.frontier.size] = self.frontier.root()
        yield from _of_leaf(row)
        if row.body_heading is None:
            yield from self._of_missing(row)
        else:
            yield from _of_body(row)
        if row.sealed_at - row.heading.recorded_at > MERGE_WITHIN:
            late = row.sealed_at - row.heading.recorded_at
            words = f"leaf {row.seq} came {late.total_seconds():.0f} s after what it is of"
            yield MERGED, Trouble(words, is_warning=True)

    def _of_missing(self, row: Row) -> Iterator[tuple[str, Trouble]]:
        told = self.destroyed.get(str(row.heading.key_id), -1.0)
        if row.heading.key_id == HOUSE_KEY or told <= row.seq:
            yield ERASED, Trouble(f"leaf {row.seq}: its body is gone, its key was not destroyed")


def walk(
    cursor: Cursor, question: Question, wanted: dict[int, bytes | None]
) -> Iterator[tuple[str, Trouble | None]]:
    """Go through all leaves; fills `wanted` with the roots at those sizes."""
    destroyed = {
        str(fact.fields.get("key")): float("inf") if seq is None else float(seq)
        for seq, fact in facts_in(cursor, KEY_DESTROYED)
    }
    state = Walk(destroyed, wanted, Frontier())
    yield from ((name, None) for name in state.names)
    cursor.execute("select count(*) from consent_ledgerleaf")
    total = cursor.fetchone()[0]
    done, after = 0, -1
    while rows := _rows(cursor, after):
        for row in rows:
            yield from state.see(row)
        done, after = done + len(rows), rows[-1].seq
        question.progress(done, total)
    yield from _of_waiting(cursor, question.now)


def _rows(cursor: Cursor, after: int) -> list[Row]:
    cursor.execute(_ROWS, [after, CHUNK])
    return [_row(*found) for found in cursor.fetchall()]


def _row(seq: int, event_id: UUID, *more: Any) -> Row:
    key_id, version, recorded_at, body_hash, leaf_hash, sealed_at, *of_body = more
    body_key, body_version, body_recorded_at, body, body_leaf_hash = of_body
    return Row(
        seq,
        _heading(event_id, key_id, version, recorded_at),
        bytes(body_hash),
        bytes(leaf_hash),
        sealed_at,
        None if body is None else _heading(event_id, body_key, body_version, body_recorded_at),
        bytes(body or b""),
        bytes(body_leaf_hash or b""),
    )


def _heading(event_id: UUID, key_id: UUID, version: int, recorded_at: datetime) -> Heading:
    return Heading(
        schema_version=version, event_id=event_id, key_id=key_id, recorded_at=recorded_at
    )


def _of_leaf(row: Row) -> Iterator[tuple[str, Trouble]]:
    if row.heading.schema_version == 1:  # covers the body itself: `_of_body` looks
        return
    if leaf_of(row.heading, row.body_hash) != row.leaf_hash:
        yield LEAVES, Trouble(f"leaf {row.seq} was altered")


def _of_body(row: Row) -> Iterator[tuple[str, Trouble]]:
    if row.body_heading is None:
        return
    same = (
        row.body_heading == row.heading
        and row.body_leaf_hash == row.leaf_hash
        and hash_body(row.body) == row.body_hash
        and leaf_of_body(row.body_heading, row.body) == row.leaf_hash
    )
    if not same:
        yield BODIES, Trouble(f"the body of leaf {row.seq} ({row.heading.event_id}) was altered")


def _of_waiting(cursor: Cursor, now: datetime) -> Iterator[tuple[str, Trouble]]:
    cursor.execute(_UNSEALED)
    for event_id, recorded_at, added_at in cursor.fetchall():
        if added_at is None:
            yield MERGED, Trouble(f"{event_id} has no leaf and waits for none")
        elif now - recorded_at > MERGE_WITHIN:
            late = (now - recorded_at).total_seconds()
            yield MERGED, Trouble(f"{event_id} waits for its leaf for {late:.0f} s")
    cursor.execute(_BODILESS)
    for (event_id,) in cursor.fetchall():
        yield ERASED, Trouble(f"{event_id} lost its body before it had a leaf")
