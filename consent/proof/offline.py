#!/usr/bin/env python3
"""Verify an export of the consent ledger with nothing but Python and the package `cryptography`.

    python rtts_ledger_verifier.py EXPORT --key KEY [--checkpoint FILE ...] [--receipt FILE ...]

EXPORT is what `manage.py rtts_export_ledger` wrote. KEY is a public key that you got another way than the export,
"rtts-ledger-…+…+…" or a file with it. A checkpoint is one that you kept, from a mail, a webhook or a folder: the ledger
must begin with it. A receipt is a JWS: its entry must be in the ledger. The exit code is 0 where everything holds.

What is computed: the Merkle tree of RFC 9162 over leaves of SHA-256(0x00 || content); content is, big-endian, version (2
bytes), event id (16), key id (16), microseconds since 1970 (8), SHA-256 of the stored body (32). Checkpoints are C2SP
signed notes, Ed25519. A new signing key counts once a checkpoint that the former one signed covers the entry about it.
"""

import argparse
import base64
import binascii
import hashlib
import json
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

HOUSE = uuid.UUID(int=0).hex
ALGORITHM = b"\x01"  # Ed25519 in a note


class Refused(Exception):
    """A check failed; the message says which and where."""


class Tree:
    """Grows by leaves and knows its root at every size that somebody signed."""

    def __init__(self) -> None:
        self.size = 0
        self._parts: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add the hash of a leaf."""
        place, self.size = self.size, self.size + 1
        while place & 1:
            leaf, place = _node(self._parts.pop(), leaf), place >> 1
        self._parts.append(leaf)

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        root = self._parts[-1] if self._parts else hashlib.sha256().digest()
        for part in reversed(self._parts[:-1]):
            root = _node(part, root)
        return root


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Note:
    """A checkpoint as it was signed."""

    def __init__(self, text: str, where: str) -> None:
        self.signed, found, self._signatures = text.partition("\n\n")
        self.signed += "\n"
        lines = self.signed.split("\n")
        if not found or len(lines) < 4 or not lines[1].isdigit():
            raise Refused(f"{where}: not a checkpoint")
        self.where, self.origin, self.size = where, lines[0], int(lines[1])
        self.root = base64.b64decode(lines[2])
        self.before = lines[4].removeprefix("after ")

    def is_signed_by(self, public: bytes) -> bool:
        """Return whether this key signed it."""
        name = hashlib.sha256(self.origin.encode() + b"\n" + ALGORITHM + public).digest()[:4]
        for line in self._signatures.splitlines():
            signed = base64.b64decode(line.rpartition(" ")[2])
            if signed[:4] == name and _verifies(public, signed[4:], self.signed.encode()):
                return True
        return False


def _verifies(public: bytes, signature: bytes, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


class Trust:
    """The keys that are believed: the given one, and those that it vouches for, one after the other."""

    def __init__(self, public: bytes) -> None:
        self._known = {_key_id(public): public}
        self._current: str = _key_id(public)
        self._told: list[dict[str, Any]] = []

    def hear(self, fact: dict[str, Any]) -> None:
        """Note an entry about a new signing key; it counts when a checkpoint covers it."""
        self._told.append(fact)

    def is_signed(self, note: Note) -> bool:
        """Return whether a checkpoint of the ledger is signed as it should be, and take over from what it covers."""
        if not note.is_signed_by(self._known[self._current]):
            return False
        for fact in self._told:
            public = bytes.fromhex(fact["public"])
            if fact["former"] == self._current and _key_id(public) == fact["key"]:
                self._current = fact["key"]
                self._known[self._current] = public
        self._told.clear()
        return True

    def has_signed(self, note: Note) -> bool:
        """Return whether any believed key signed a checkpoint that somebody kept."""
        return any(note.is_signed_by(public) for public in self._known.values())

    def public(self, key_id: str) -> bytes | None:
        """Return a believed key by its name."""
        return self._known.get(key_id)


def _key_id(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:16]


class Ledger:
    """What an export says, checked line by line."""

    def __init__(self, trust: Trust, kept: list[Note]) -> None:
        self.trust, self.kept, self.tree = trust, kept, Tree()
        self.leaves: set[str] = set()
        self.newest: Note | None = None
        self._roots: dict[int, bytes] = {}
        self._wanted = {note.size for note in kept}
        self._destroyed: dict[str, int] = {}
        self._gone: list[tuple[int, str]] = []

    def read(self, line: dict[str, Any]) -> None:
        """Check one line."""
        if "checkpoint" in line:
            self._read_checkpoint(Note(line["checkpoint"], "a checkpoint of the export"))
        elif "leaf" in line:
            self._read_leaf(line)

    def _read_leaf(self, line: dict[str, Any]) -> None:
        if line["leaf"] != self.tree.size:
            raise Refused(f"leaf {line['leaf']} comes where {self.tree.size} should be")
        body = base64.b64decode(line["body"]) if "body" in line else None
        if _leaf_hash(line, body).hex() != line["hash"]:
            raise Refused(f"leaf {line['leaf']} is not what its hash covers")
        self.leaves.add(line["hash"])
        self.tree.append(bytes.fromhex(line["hash"]))
        if self.tree.size in self._wanted:
            self._roots[self.tree.size] = self.tree.root()
        if line["key"] == HOUSE and body is not None:
            self._read_fact(line["leaf"], json.loads(body))
        elif line["gone"]:
            self._gone.append((line["leaf"], line["key"]))

    def _read_fact(self, place: int, fact: dict[str, Any]) -> None:
        if fact["kind"] == "key.destroyed":
            self._destroyed[fact["fields"]["key"].replace("-", "")] = place
        elif fact["kind"] == "signing_key.rotated":
            self.trust.hear(fact["fields"])

    def _read_checkpoint(self, note: Note) -> None:
        if (note.size, note.root) != (self.tree.size, self.tree.root()):
            raise Refused(f"the checkpoint of {note.size} leaves is not of these leaves")
        before = hashlib.sha256(self.newest.signed.encode()).digest() if self.newest else b""
        if note.before != (base64.b64encode(before).decode() if before else "-"):
            raise Refused(f"the checkpoint of {note.size} leaves does not follow the one before")
        if not self.trust.is_signed(note):
            raise Refused(f"the checkpoint of {note.size} leaves is not signed by the key of then")
        self.newest = note

    def finish(self) -> None:
        """Check what only the whole can tell."""
        if self.newest is None or self.newest.size != self.tree.size:
            raise Refused("the last leaves are covered by no checkpoint")
        for place, key in self._gone:
            if self._destroyed.get(key, -1) < place:
                raise Refused(f"leaf {place}: its body is gone, its key was not destroyed")
        for note in self.kept:
            if not self.trust.has_signed(note):
                raise Refused(f"{note.where}: not signed by a key of this ledger")
            if note.size > self.tree.size:
                raise Refused(
                    f"{note.where}: of {note.size} leaves, the ledger has {self.tree.size}: its end was cut off"
                )
            if self._roots[note.size] != note.root:
                raise Refused(f"{note.where}: the ledger does not begin with it")

    def check_receipt(self, jws: str, where: str) -> None:
        """Check that the entry of a receipt is in the ledger."""
        header, payload, signature = jws.strip().split(".")
        public = self.trust.public(json.loads(_from_jose(header)).get("kid", ""))
        if public is None or not _verifies(
            public, _from_jose(signature), f"{header}.{payload}".encode()
        ):
            raise Refused(f"{where}: not signed by a key of this ledger")
        said = json.loads(_from_jose(payload))
        if said["leaf_hash"].removeprefix("sha256:") not in self.leaves:
            raise Refused(f"{where}: promised by {said['merge_by']}, and not in the ledger")


def _leaf_hash(line: dict[str, Any], body: bytes | None) -> bytes:
    event, key = uuid.UUID(line["event"]).bytes, uuid.UUID(line["key"]).bytes
    if body is not None and hashlib.sha256(body).hexdigest() != line["body_hash"]:
        raise Refused(f"leaf {line['leaf']}: its body was altered")
    if line["version"] == 1:  # covers the body itself
        return (
            bytes.fromhex(line["hash"])
            if body is None
            else hashlib.sha256(b"\x00" + event + key + body).digest()
        )
    content = line["version"].to_bytes(2, "big") + event + key
    content += line["recorded_us"].to_bytes(8, "big", signed=True)
    return hashlib.sha256(b"\x00" + content + bytes.fromhex(line["body_hash"])).digest()


def _from_jose(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parse_key(text: str) -> bytes:
    """Return the 32 bytes of a public key written as verifiers of notes take it."""
    path = Path(text)
    text = (path.read_text() if path.is_file() else text).strip()
    key = base64.b64decode(text.split("+", 2)[-1])
    if len(key) != 33 or key[:1] != ALGORITHM:
        raise Refused("the key is not one of a ledger: rtts-ledger-…+…+…")
    return key[1:]


def verify(export: Path, key: str, checkpoints: list[Path], receipts: list[Path]) -> Ledger:
    """Check an export; raises Refused with the first thing that does not hold."""
    kept = [Note(path.read_text(), str(path)) for path in checkpoints]
    ledger = Ledger(Trust(parse_key(key)), kept)
    for line in _lines(export):
        ledger.read(line)
    ledger.finish()
    for path in receipts:
        ledger.check_receipt(path.read_text(), str(path))
    return ledger


def _lines(export: Path) -> Iterator[dict[str, Any]]:
    with export.open() as file:
        for line in file:
            yield json.loads(line)


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("export", type=Path)
    parser.add_argument("--key", required=True)
    parser.add_argument("--checkpoint", type=Path, action="append", default=[])
    parser.add_argument("--receipt", type=Path, action="append", default=[])
    asked = parser.parse_args(arguments)
    try:
        ledger = verify(asked.export, asked.key, asked.checkpoint, asked.receipt)
    except Refused as error:
        sys.stdout.write(f"REFUSED: {error}\n")
        return 1
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, binascii.Error) as error:
        sys.stdout.write(f"REFUSED: the export cannot be read ({error!r})\n")
        return 1
    sys.stdout.write(
        f"OK: {ledger.tree.size} entries, root {ledger.tree.root().hex()}; "
        f"begins with {len(asked.checkpoint)} kept checkpoint(s), has {len(asked.receipt)} receipt(s)\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
