"""The ledger's own checks: the leaves, the checkpoints over them, those anchored elsewhere, keys and policies."""

from collections.abc import Iterator
from typing import Any

from consent.policy import PolicyError, decode_policy
from consent.proof.checking import Cursor, Question, Trouble, compare_with_facts, register
from consent.proof.checkpoints import (
    CheckpointError,
    OpenedNote,
    hash_text,
    key_id_of,
    open_note,
)
from consent.proof.facts import KEY_ROTATED, POLICY_PUBLISHED
from consent.proof.tree import EMPTY_ROOT, Frontier
from consent.proof.walking import walk

TREE, NODES, SIGNED, CHAIN, ANCHORED, KEYS, POLICIES = (
    "roots are those of the checkpoints",
    "stored subtrees are those of the leaves",
    "checkpoints are signed by the key of their time",
    "checkpoints follow one another",
    "anchored checkpoints are the beginning of the ledger",
    "signing keys are those that the ledger tells of",
    "policies are those that the ledger tells of",
)
Told = Iterator[tuple[str, Trouble | None]]

_CHECKPOINTS = "select size, root, note, key_id from consent_ledgercheckpoint order by size"
_KEYS = "select key_id, public, since_size from consent_signingkey order by since_size, since"
_POLICIES = (
    "select version, digest, array_to_string(authors, ', '), approved_by, body "
    "from consent_policyversion order by version"
)


def check_tree(cursor: Cursor, question: Question) -> Told:
    """Yield what is wrong with leaves, checkpoints and anchored checkpoints."""
    yield from ((name, None) for name in (TREE, SIGNED, CHAIN, ANCHORED))
    keys = _keys(cursor)
    anchored, troubles = _open_anchored(question, keys)
    yield from troubles
    cursor.execute(_CHECKPOINTS)
    checkpoints = [(size, bytes(root), note, key) for size, root, note, key in cursor.fetchall()]
    wanted: dict[int, bytes | None] = dict.fromkeys(size for size, *_ in checkpoints)
    wanted |= dict.fromkeys(note.checkpoint.size for _, note in anchored)
    yield from walk(cursor, question, wanted)
    yield from _of_checkpoints(checkpoints, wanted, keys)
    yield from _of_tail(cursor, checkpoints)
    for place, note in anchored:
        if wanted[note.checkpoint.size] != note.checkpoint.root:
            size, leaves = note.checkpoint.size, checkpoints[-1][0] if checkpoints else 0
            words = f"{place}: the ledger no longer begins with the {size} leaves of then"
            yield ANCHORED, Trouble(f"{words}; it has {leaves}" if leaves < size else words)


def _keys(cursor: Cursor) -> list[tuple[str, bytes, int]]:
    cursor.execute(_KEYS)
    return [(key_id, bytes(public), since) for key_id, public, since in cursor.fetchall()]


def _open_anchored(
    question: Question, keys: list[tuple[str, bytes, int]]
) -> tuple[list[tuple[str, OpenedNote]], list[tuple[str, Trouble]]]:
    publics = {key_id: public for key_id, public, _ in keys}
    opened, troubles = [], []
    for place, note in question.anchored:
        try:
            opened.append((place, open_note(note, publics)))
        except CheckpointError as error:
            troubles.append((ANCHORED, Trouble(f"{place}: {error}")))
    return opened, troubles


def _of_checkpoints(
    checkpoints: list[tuple[int, bytes, str, str]],
    roots: dict[int, bytes | None],
    keys: list[tuple[str, bytes, int]],
) -> Told:
    before = b""
    for size, root, note, key_id in checkpoints:
        if roots[size] != root:
            yield TREE, Trouble(f"the root over {size} leaves is not that of the checkpoint")
        in_force = [one for one in keys if one[2] < size][-1:]
        try:
            opened = open_note(note, {name: public for name, public, _ in in_force})
        except CheckpointError as error:
            yield SIGNED, Trouble(f"checkpoint {size}: {error}")
            before = hash_text(note.partition("\n\n")[0] + "\n")
            continue
        said = opened.checkpoint
        if (said.size, said.root, opened.key_ids) != (size, root, frozenset({key_id})):
            yield SIGNED, Trouble(f"checkpoint {size} is not what was signed")
        if said.before != before:
            yield CHAIN, Trouble(f"checkpoint {size} does not follow the one before it")
        before = hash_text(opened.text)


def _of_tail(cursor: Cursor, checkpoints: list[tuple[int, bytes, str, str]]) -> Told:
    cursor.execute("select count(*), coalesce(max(seq) + 1, 0) from consent_ledgerleaf")
    count, until = cursor.fetchone()
    size = checkpoints[-1][0] if checkpoints else 0
    if (count, until) != (size, size):
        yield TREE, Trouble(f"there are {count} leaves, and the last checkpoint is of {size}")


def check_nodes(cursor: Cursor, _question: Question) -> Told:
    """Yield which stored subtrees are not the roots over the level below; proofs are made of them."""
    yield NODES, None
    cursor.execute("select coalesce(max(level), 0) from consent_ledgernode")
    (levels,) = cursor.fetchone()
    cursor.execute("select count(*) from consent_ledgerleaf")
    (below,) = cursor.fetchone()
    for level in range(1, levels + 2):
        cursor.execute(
            "select index, root from consent_ledgernode where level = %s order by index", [level]
        )
        roots = {index: bytes(root) for index, root in cursor.fetchall()}
        if sorted(roots) != list(range(below >> 8)):
            yield NODES, Trouble(f"level {level} has {len(roots)} subtrees for {below} below")
        for index, root in roots.items():
            if _root_below(cursor, level, index) != root:
                yield NODES, Trouble(f"subtree {index} of level {level} was altered")
        below = len(roots)


def _root_below(cursor: Cursor, level: int, index: int) -> bytes:
    first, last = index << 8, (index + 1) << 8
    if level == 1:
        cursor.execute(
            "select leaf_hash from consent_ledgerleaf where seq >= %s and seq < %s order by seq",
            [first, last],
        )
    else:
        cursor.execute(
            "select root from consent_ledgernode where level = %s and index >= %s and index < %s "
            "order by index",
            [level - 1, first, last],
        )
    frontier = Frontier()
    for (one,) in cursor.fetchall():
        frontier.append(bytes(one))
    return frontier.root() if frontier.size else EMPTY_ROOT


def check_keys(cursor: Cursor, _question: Question) -> Told:
    """Yield where the signing keys are not those whose facts the ledger has."""
    yield KEYS, None
    rows: list[dict[str, Any]] = []
    former = ""
    for key_id, public, _ in _keys(cursor):
        if key_id_of(public) != key_id:
            yield KEYS, Trouble(f"{key_id} is not the name of its key")
        rows.append({"key": key_id, "public": public.hex(), "former": former})
        former = key_id
    for trouble in compare_with_facts(cursor, KEY_ROTATED, rows, key="key"):
        yield KEYS, trouble


def check_policies(cursor: Cursor, _question: Question) -> Told:
    """Yield where published policies are not those that the ledger tells of."""
    yield POLICIES, None
    cursor.execute(_POLICIES)
    names = ("version", "digest", "authors", "approved_by")
    rows = []
    for *columns, body in cursor.fetchall():
        row = dict(zip(names, columns, strict=True))
        rows.append(row)
        try:
            said = decode_policy(bytes(body))
        except PolicyError:
            yield POLICIES, Trouble(f"what policy {row['version']} says was altered")
            continue
        if (said.version, said.digest) != (row["version"], row["digest"]):
            yield POLICIES, Trouble(f"what policy {row['version']} says was exchanged")
    for trouble in compare_with_facts(cursor, POLICY_PUBLISHED, rows, key="version"):
        yield POLICIES, trouble


def register_checks() -> None:
    """Have the ledger's own checks run with every verification."""
    for check in (check_tree, check_nodes, check_keys, check_policies):
        register(check)
