"""What a checkpoint says and how it is signed: a note that anybody can verify. Pure.

Source: C2SP signed-note and tlog-checkpoint, with two extension lines: when it was signed, and the hash of the
checkpoint before it.
"""

import base64
import hashlib
import re
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_ED25519 = b"\x01"  # the algorithm's number in a note
_LINES = re.compile(
    r"(?P<origin>[^\n]+)\n(?P<size>0|[1-9]\d*)\n(?P<root>[A-Za-z0-9+/=]{44})\n"
    r"signed (?P<signed>\S+)\nafter (?P<before>-|[A-Za-z0-9+/=]{44})\n"
)


class CheckpointError(ValueError):
    """A note is no checkpoint, or not signed by a key that may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The tree at one size."""

    origin: str  # "rtts-ledger-3f2a…": the ledger's name for good, from its first key
    size: int
    root: bytes
    signed_at: datetime
    before: bytes = b""  # SHA-256 of the note's text before it; b"" of the first


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedNote:
    """A note whose form is right; `key_ids` signed it."""

    checkpoint: Checkpoint
    text: str
    key_ids: frozenset[str]


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes of a key's public half."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def base64url(raw: bytes) -> str:
    """Return bytes as JOSE writes them."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def key_id_of(public: bytes) -> str:
    """Return the short name of a public key, 16 hex digits."""
    return hashlib.sha256(public).hexdigest()[:16]


def text_of(checkpoint: Checkpoint) -> str:
    """Return what is signed."""
    before = base64.b64encode(checkpoint.before).decode() if checkpoint.before else "-"
    return (
        f"{checkpoint.origin}\n{checkpoint.size}\n{base64.b64encode(checkpoint.root).decode()}\n"
        f"signed {checkpoint.signed_at.isoformat()}\nafter {before}\n"
    )


def hash_text(text: str) -> bytes:
    """Return what the next checkpoint says of this one."""
    return hashlib.sha256(text.encode()).digest()


def sign_note(checkpoint: Checkpoint, keys: Iterable[Ed25519PrivateKey]) -> str:
    """Return the signed note; a line for each key."""
    text = text_of(checkpoint)
    return f"{text}\n" + "".join(_signature(checkpoint.origin, text, key) for key in keys)


def _signature(origin: str, text: str, key: Ed25519PrivateKey) -> str:
    signed = note_key_id(origin, public_bytes(key)) + key.sign(text.encode())
    return f"— {origin} {base64.b64encode(signed).decode()}\n"


def note_key_id(origin: str, public: bytes) -> bytes:
    """Return the four bytes by which a note names a key."""
    return hashlib.sha256(origin.encode() + b"\n" + _ED25519 + public).digest()[:4]


def verifier_key(origin: str, public: bytes) -> str:
    """Return a public key as verifiers of notes take it, ``name+hex+base64``."""
    key = base64.b64encode(_ED25519 + public).decode()
    return f"{origin}+{note_key_id(origin, public).hex()}+{key}"


def open_note(note: str, publics: Mapping[str, bytes]) -> OpenedNote:
    """Return what a note says and which of the keys, by id, signed it.

    Raises:
        CheckpointError: it is no checkpoint, or none of the keys signed it.
    """
    text, found, signatures = note.partition("\n\n")
    text += "\n"
    lines = _LINES.fullmatch(text)
    if not found or lines is None:
        raise CheckpointError("This is no checkpoint of a ledger.")
    checkpoint = _parse(lines)
    signers = frozenset(
        key_id
        for key_id, public in publics.items()
        if _is_signed(checkpoint.origin, text, signatures, public)
    )
    if not signers:
        raise CheckpointError(
            f"The checkpoint of {checkpoint.size} leaves is not signed by a key of this ledger."
        )
    return OpenedNote(checkpoint=checkpoint, text=text, key_ids=signers)


def _parse(lines: re.Match[str]) -> Checkpoint:
    try:
        return Checkpoint(
            origin=lines["origin"],
            size=int(lines["size"]),
            root=base64.b64decode(lines["root"], validate=True),
            signed_at=datetime.fromisoformat(lines["signed"]),
            before=b"" if lines["before"] == "-" else base64.b64decode(lines["before"]),
        )
    except (ValueError, Base64Error) as error:
        raise CheckpointError("This is no checkpoint of a ledger.") from error


def _is_signed(origin: str, text: str, signatures: str, public: bytes) -> bool:
    name = note_key_id(origin, public)
    for line in signatures.splitlines():
        dash, _, rest = line.partition(f" {origin} ")
        try:
            signed = base64.b64decode(rest, validate=True)
            if dash == "—" and signed[:4] == name:
                Ed25519PublicKey.from_public_bytes(public).verify(signed[4:], text.encode())
                return True
        except (ValueError, InvalidSignature):
            continue
    return False
