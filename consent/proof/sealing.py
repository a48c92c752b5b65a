"""The only writer of the ledger's tree: gives what was appended its leaves, and signs a checkpoint over all of them."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction

from consent.proof.checkpoints import (
    Checkpoint,
    CheckpointError,
    hash_text,
    key_id_of,
    open_note,
    public_bytes,
    sign_note,
)
from consent.proof.facts import KEY_ROTATED, record_fact
from consent.proof.signing import (
    SigningKeyError,
    exchange_key_file,
    former_file,
    former_key,
    signing_key,
)
from consent.proof.tables import LedgerCheckpoint, LedgerPending, SigningKey
from consent.proof.tree import Frontier, unpack_frontier
from rtts_site.foundation.metrics import LEDGER_LAG_SECONDS, LEDGER_SEALED

logger = logging.getLogger("consent")

SEAL_LOCK = 7_203  # of PostgreSQL's advisory locks
BATCH = 10_000  # leaves in one transaction
MERGE_WITHIN = timedelta(seconds=60)  # from recording to leaf: what receipts promise
LATE_AFTER = timedelta(seconds=30)  # when somebody should look
TILE_BITS = 8  # a node is kept for each 256 of the level below


class LedgerAlteredError(Exception):
    """The last checkpoint is not what was signed: nothing is sealed on top of it before somebody has looked."""


@dataclass(frozen=True, slots=True)
class _Signers:
    origin: str
    keys: Sequence[Ed25519PrivateKey]  # that which signs from now on, first


def seal_everything(*, now: datetime, why: str = "planned") -> Iterator[int]:
    """Give all that waits its leaf; yield how many after each transaction.

    Safe at the same time in many processes: all but one do nothing. A process that dies half-way leaves all of a batch
    waiting, or none. `why` is noted where the signing key was exchanged: "planned", "leaked" or "lost".

    Raises:
        LedgerAlteredError, SigningKeyError: nothing can be sealed.
    """
    while count := seal_batch(now=now, why=why):
        LEDGER_SEALED.inc(count)
        yield count


def seal_batch(*, now: datetime, why: str = "planned", most: int = BATCH) -> int:
    """Seal one batch and return how many it had: 0 where nothing waits, or another process is sealing."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [SEAL_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        last = LedgerCheckpoint.objects.order_by("-size").first()
        key = signing_key()
        frontier = _frontier(last)
        if not _waits(key, last):
            return 0
        signers = _signers(key, frontier.size, now=now, why=why)
        # A new key's own fact is the newest there is, so it has to be in the same batch.
        limit = most if len(signers.keys) == 1 else None
        cursor.execute("select seq, leaf_hash from consent_seal(%s, %s)", [limit, now])
        leaves = [bytes(leaf) for _, leaf in cursor.fetchall()]
        if leaves:
            _add_checkpoint(frontier, leaves, last, signers, now=now)
    return len(leaves)


def exchange_key(*, now: datetime, why: str) -> None:
    """Have a new key sign from here on; its first checkpoint is signed by the former one too, and so vouched for.

    Raises:
        SigningKeyError: a setting holds the key, which is then exchanged there.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [SEAL_LOCK])
        exchange_key_file()
        seal_batch(now=now, why=why)
    former_file().unlink(missing_ok=True)


def lag(*, now: datetime) -> timedelta:
    """Return how long the oldest entry without a leaf has waited; one query."""
    oldest = LedgerPending.objects.order_by("id").values_list("added_at", flat=True).first()
    return max(now - oldest, timedelta()) if oldest else timedelta()


def watch_lag(*, now: datetime) -> None:
    """Show how long entries wait, and say so loudly before a receipt's promise is broken."""
    waits = lag(now=now)
    LEDGER_LAG_SECONDS.set(waits.total_seconds())
    if waits > LATE_AFTER:
        logger.error("consent.sealing_late", extra={"seconds": round(waits.total_seconds())})


def _waits(key: Ed25519PrivateKey, last: LedgerCheckpoint | None) -> bool:
    exchanged = last is not None and last.key_id != key_id_of(public_bytes(key))
    return exchanged or LedgerPending.objects.exists()


def _frontier(last: LedgerCheckpoint | None) -> Frontier:
    """Return where the tree goes on.

    Raises:
        LedgerAlteredError: it is not what a key of this ledger signed.
    """
    if last is None:
        return Frontier()
    publics = dict(SigningKey.objects.values_list("key_id", "public"))
    try:
        frontier = unpack_frontier(last.size, bytes(last.frontier))
        noted = open_note(last.note, {name: bytes(one) for name, one in publics.items()}).checkpoint
    except (CheckpointError, ValueError) as error:
        raise LedgerAlteredError(f"Run `manage.py rtts_verify_ledger`: {error}") from error
    if (noted.size, noted.root) != (last.size, frontier.root()):
        raise LedgerAlteredError(
            "The last checkpoint was altered: run `manage.py rtts_verify_ledger`."
        )
    return frontier


def _signers(key: Ed25519PrivateKey, size: int, *, now: datetime, why: str) -> _Signers:
    """Return who signs; notes the key in the ledger where it is new."""
    known = list(SigningKey.objects.order_by("since_size", "since"))
    public = public_bytes(key)
    key_id = key_id_of(public)
    origin = f"rtts-ledger-{known[0].key_id if known else key_id}"
    if known and known[-1].key_id == key_id:
        return _Signers(origin, [key])
    former = _former(known, why=why)
    told = {
        "key": key_id,
        "public": public.hex(),
        "former": known[-1].key_id if known else "",
        "why": why if known else "first",
    }
    record_fact(KEY_ROTATED, told, now=now)
    with connection.cursor() as cursor:
        cursor.execute(
            "select consent_add_signing_key(%s, %s, %s, %s)", [key_id, public, size, now]
        )
    return _Signers(origin, [key, *former])


def _former(known: Sequence[SigningKey], *, why: str) -> list[Ed25519PrivateKey]:
    """Return the key that vouches for the new one: the last one that signed."""
    if not known:
        return []
    former = former_key()
    if former is not None and key_id_of(public_bytes(former)) == known[-1].key_id:
        return [former]
    if why == "lost":
        return []
    raise SigningKeyError(
        "The ledger was signed with another key. Put that into RTTS_LEDGER_FORMER_SIGNING_KEY, or where it is lost "
        "say so: `manage.py rtts_ledger_key --lost`."
    )


def _add_checkpoint(
    frontier: Frontier,
    leaves: Sequence[bytes],
    last: LedgerCheckpoint | None,
    signers: _Signers,
    *,
    now: datetime,
) -> None:
    nodes = list(_grow(frontier, leaves))
    checkpoint = Checkpoint(
        origin=signers.origin,
        size=frontier.size,
        root=frontier.root(),
        signed_at=now,
        before=hash_text(last.note.partition("\n\n")[0] + "\n") if last else b"",
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "select consent_add_checkpoint(%s, %s, %s, %s, %s, %s, %s::integer[], %s::bigint[], %s::bytea[])",
            [
                checkpoint.size,
                checkpoint.root,
                frontier.pack(),
                sign_note(checkpoint, signers.keys),
                key_id_of(public_bytes(signers.keys[0])),
                now,
                [level for level, _, _ in nodes],
                [index for _, index, _ in nodes],
                [root for _, _, root in nodes],
            ],
        )


def _grow(frontier: Frontier, leaves: Sequence[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Add leaves; yield (level, index, root) of each run of 256, 65,536, … that they complete."""
    for leaf in leaves:
        completed = frontier.append(leaf)
        for level in range(1, len(completed) // TILE_BITS + 1):
            bits = level * TILE_BITS
            yield level, (frontier.size >> bits) - 1, completed[bits - 1]
