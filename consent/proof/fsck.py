"""The ledger's own checks: the leaves, the checkpoints over them, those anchored elsewhere, keys and policies."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from consent.policy import PolicyError, decode_policy
from consent.proof import days
from consent.proof.checking import Cursor, Question, Trouble, compare_with_facts, register
from consent.proof.checkpoints import (
    CheckpointError,
    OpenedNote,
    hash_text,
    key_id_of,
    open_note,
)
from consent.proof.facts import KEY_ROTATED, POLICY_PUBLISHED
from consent.proof.projecting import check_states
from consent.proof.tree import EMPTY_ROOT, Frontier
from consent.proof.vouching import VOUCHED, Chain, believe, load_keys
from consent.proof.walking import walk

TREE, NODES, SIGNED, CHAIN, ANCHORED, KEYS, POLICIES, NOTICES = (
    "roots are those of the checkpoints",
    "stored subtrees are those of the leaves",
    "checkpoints are signed by the key of their time",
    "checkpoints follow one another",
    "anchored checkpoints are the beginning of the ledger",
    "signing keys are those that the ledger tells of",
    "policies are those that the ledger tells of",
    "words of notices are those that the policies name",
)
Told = Iterator[tuple[str, Trouble | None]]

_CHECKPOINTS = "select size, root, note, key_id from consent_ledgercheckpoint order by size"
_TEXTS = (
    "select notice, version, language, sha256, 'sha256:' || encode(sha256(content), 'hex') "
    "from consent_noticetext order by notice, version, language"
)
_POLICIES = (
    "select version, digest, array_to_string(authors, ', '), approved_by, body "
    "from consent_policyversion order by version"
)


def check_tree(cursor: Cursor, question: Question) -> Told:
    """Yield what is wrong with leaves, checkpoints and anchored checkpoints."""
    yield from ((name, None) for name in (VOUCHED, TREE, SIGNED, CHAIN, ANCHORED))
    chain, unbelieved = believe(cursor, question)
    yield from ((VOUCHED, trouble) for trouble in unbelieved)
    anchored, troubles = _open_anchored(question, chain)
    yield from troubles
    cursor.execute(_CHECKPOINTS)
    checkpoints = [(size, bytes(root), note, key) for size, root, note, key in cursor.fetchall()]
    wanted: dict[int, bytes | None] = dict.fromkeys(size for size, *_ in checkpoints)
    wanted |= dict.fromkeys(note.checkpoint.size for _, note in anchored)
    yield from walk(cursor, question, wanted)
    yield from _of_checkpoints(checkpoints, wanted, chain)
    yield from _of_tail(cursor, checkpoints)
    for place, note in anchored:
        if wanted[note.checkpoint.size] != note.checkpoint.root:
            size, leaves = note.checkpoint.size, checkpoints[-1][0] if checkpoints else 0
            words = f"{place}: the ledger no longer begins with the {size} leaves of then"
            yield ANCHORED, Trouble(f"{words}; it has {leaves}" if leaves < size else words)


def _open_anchored(
    question: Question, chain: Chain
) -> tuple[list[tuple[str, OpenedNote]], list[tuple[str, Trouble]]]:
    publics = chain.publics()
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
    chain: Chain,
) -> Told:
    before = b""
    for size, root, note, key_id in checkpoints:
        if roots[size] != root:
            yield TREE, Trouble(f"the root over {size} leaves is not that of the checkpoint")
        try:
            opened = open_note(note, chain.in_force(size))
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
    for key in load_keys(cursor):
        if key_id_of(key.public) != key.key_id:
            yield KEYS, Trouble(f"{key.key_id} is not the name of its key")
        rows.append({"key": key.key_id, "public": key.public.hex(), "former": former})
        former = key.key_id
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


def check_notices(cursor: Cursor, _question: Question) -> Told:
    """Yield where the kept words of notices are not those whose digests the published policies have."""
    yield NOTICES, None
    named = _named_texts(cursor)
    cursor.execute(_TEXTS)
    for notice, version, language, sha256, digest in cursor.fetchall():
        name = f"{notice}@{version} ({language})"
        if sha256 != digest:
            yield NOTICES, Trouble(f"{name} is not what its digest covers")
        if named.pop((notice, version, language), None) != digest:
            yield NOTICES, Trouble(f"{name} is not as a policy names it")
    for notice, version, language in sorted(named):
        yield NOTICES, Trouble(f"{notice}@{version} ({language}) is gone")


def _named_texts(cursor: Cursor) -> dict[tuple[str, int, str], str]:
    """Return the digests of all words that policies name; `check_policies` says which of those were altered."""
    cursor.execute(_POLICIES)
    named = {}
    for *_, body in cursor.fetchall():
        with suppress(PolicyError):
            for notice in decode_policy(bytes(body)).notices:
                for language, digest in notice.languages.items():
                    named[notice.key, notice.version, language] = digest
    return named


def register_checks() -> None:
    """Have the ledger's own checks run with every verification."""
    days.register(days.READS)
    own = (check_tree, check_nodes, check_keys, check_policies, check_notices, check_states)
    for check in (*own, days.check_days):
        register(check)
