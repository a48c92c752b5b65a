"""The only place that says which signing keys of the ledger are believed: the given ones, and whom a believed one vouches for.

The same rule as that of the offline verifier: a new key counts once a checkpoint that the former one signed too covers
the entry about it. Where no key is given the first one is taken on trust, so that what follows is proven against it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from consent.proof.checking import Cursor, Question, Trouble, facts_in
from consent.proof.checkpoints import CheckpointError, open_note
from consent.proof.facts import KEY_ROTATED

VOUCHED = "signing keys are vouched for by the one before, or were given"

_KEYS = "select key_id, public, since_size from consent_signingkey order by since_size, since"
_FIRST_NOTE = (
    "select size, note from consent_ledgercheckpoint where size > %s order by size limit 1"
)


@dataclass(frozen=True, slots=True)
class Key:
    """A signing key as the database has it."""

    key_id: str
    public: bytes
    since: int  # it signs checkpoints of more leaves than this


@dataclass(frozen=True, slots=True)
class Chain:
    """The keys of a ledger, oldest first, and which of them are believed."""

    keys: Sequence[Key]
    believed: frozenset[str]

    def in_force(self, size: int) -> dict[str, bytes]:
        """Return the key that signs a checkpoint of this size, empty where that is not believed."""
        key = [one for one in self.keys if one.since < size][-1:]
        return {one.key_id: one.public for one in key if one.key_id in self.believed}

    def publics(self) -> dict[str, bytes]:
        """Return all believed keys."""
        return {one.key_id: one.public for one in self.keys if one.key_id in self.believed}


def load_keys(cursor: Cursor) -> list[Key]:
    """Return the keys that the database has, oldest first."""
    cursor.execute(_KEYS)
    return [Key(key_id, bytes(public), since) for key_id, public, since in cursor.fetchall()]


def believe(cursor: Cursor, question: Question) -> tuple[Chain, list[Trouble]]:
    """Return the keys with what is wrong with their line of descent."""
    keys = load_keys(cursor)
    places = {str(fact.fields.get("key")): seq for seq, fact in facts_in(cursor, KEY_ROTATED)}
    believed: set[str] = set()
    troubles: list[Trouble] = []
    former: Key | None = None
    for key in keys:
        if _is_root(key, former, question.trusted) or (
            former is not None
            and former.key_id in believed
            and _vouches(cursor, former, key, told_at=places.get(key.key_id))
        ):
            believed.add(key.key_id)
        else:
            troubles.append(Trouble(_unbelieved(key, former)))
        former = key
    troubles += _of_own(keys, question.own)
    return Chain(keys, frozenset(believed)), troubles


def _is_root(key: Key, former: Key | None, trusted: Collection[bytes]) -> bool:
    return key.public in trusted if trusted else former is None


def _vouches(cursor: Cursor, former: Key, key: Key, *, told_at: int | None) -> bool:
    """Return whether the first checkpoint of a key is signed by the former one too, and covers the fact of it."""
    cursor.execute(_FIRST_NOTE, [key.since])
    found = cursor.fetchone()
    if found is None or told_at is None or not key.since <= told_at < found[0]:
        return False
    pair = {former.key_id: former.public, key.key_id: key.public}
    try:
        return open_note(found[1], pair).key_ids == frozenset(pair)
    except CheckpointError:
        return False


def _unbelieved(key: Key, former: Key | None) -> str:
    if former is None:
        return f"{key.key_id}, the ledger's first key, is not the one that was given"
    return (
        f"{key.key_id}: {former.key_id} did not vouch for it from {key.since} leaves on; "
        "where you know that it is yours, say so with --key"
    )


def _of_own(keys: Sequence[Key], own: Collection[bytes]) -> Iterator[Trouble]:
    if keys and own and keys[-1].public not in own:
        yield Trouble(
            f"{keys[-1].key_id}, the newest key, is not what this installation signs with"
        )
