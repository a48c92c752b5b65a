"""The only place that knows the ledger's private key: in a setting or a file, never in the database."""

import base64
import os
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from django.conf import settings

from consent.proof.checkpoints import public_bytes

FORMER = ".former"  # of the file, beside it, from a rotation on


class SigningKeyError(Exception):
    """The ledger's signing key is missing or unreadable; the message says what to set."""


def signing_key() -> Ed25519PrivateKey:
    """Return the key that signs now; made at first use where a file of this installation holds it.

    Raises:
        SigningKeyError: it is set nowhere, or is not an Ed25519 key.
    """
    if settings.RTTS_LEDGER_SIGNING_KEY:
        return parse_key(settings.RTTS_LEDGER_SIGNING_KEY)
    path = key_file()
    if not path.exists() and settings.RTTS_EMBEDDED_POSTGRES:
        write_key(path, Ed25519PrivateKey.generate())
    return _read(path)


def former_key() -> Ed25519PrivateKey | None:
    """Return the key before the last rotation, None where it is not there.

    Raises:
        SigningKeyError: it is there and cannot be read.
    """
    if settings.RTTS_LEDGER_FORMER_SIGNING_KEY:
        return parse_key(settings.RTTS_LEDGER_FORMER_SIGNING_KEY)
    path = former_file()
    return _read(path) if path.exists() else None


def own_publics() -> list[bytes]:
    """Return the public halves of the keys that are set or lie here; none where this process may not read them."""
    found = []
    for read in (former_key, lambda: signing_key() if _is_there() else None):
        with suppress(SigningKeyError):
            key = read()
            found += [public_bytes(key)] if key is not None else []
    return found


def _is_there() -> bool:
    return bool(settings.RTTS_LEDGER_SIGNING_KEY) or key_file().exists()


def key_file() -> Path:
    """Return the file of the key, for where no setting holds it."""
    return Path(settings.RTTS_LEDGER_SIGNING_KEY_FILE or settings.RTTS_VAR / "ledger_signing_key")


def former_file() -> Path:
    """Return the file of the key before."""
    path = key_file()
    return path.with_name(path.name + FORMER)


def exchange_key_file() -> None:
    """Put a new key into the file; the former one lies beside it until it has signed for the new one.

    Raises:
        SigningKeyError: a setting holds the key.
    """
    if settings.RTTS_LEDGER_SIGNING_KEY:
        raise SigningKeyError(
            "The key is in RTTS_LEDGER_SIGNING_KEY: put it into RTTS_LEDGER_FORMER_SIGNING_KEY, "
            "a new one in its place, and start again."
        )
    path = key_file()
    if path.exists():
        path.replace(former_file())
    write_key(path, Ed25519PrivateKey.generate())


def write_key(path: Path, key: Ed25519PrivateKey) -> None:
    """Write a key to a file that only its owner can read; one that is there stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    half_done = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(half_done, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):  # another process was first
        path.hardlink_to(half_done)
    half_done.unlink()


def parse_key(text: str) -> Ed25519PrivateKey:
    """Return a key from PEM (``openssl genpkey -algorithm ed25519``) or the base64 of its 32 bytes.

    Raises:
        SigningKeyError: it is neither.
    """
    try:
        if text.lstrip().startswith("-----"):
            key = load_pem_private_key(text.encode(), password=None)
        else:
            key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(text, validate=True))
    except (ValueError, TypeError) as error:
        raise SigningKeyError(
            "The ledger's signing key is neither PEM nor base64 of 32 bytes."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyError("The ledger's signing key is not an Ed25519 key.")
    return key


def _read(path: Path) -> Ed25519PrivateKey:
    try:
        return parse_key(path.read_text())
    except OSError as error:
        raise SigningKeyError(
            f"{path} cannot be read: set RTTS_LEDGER_SIGNING_KEY or RTTS_LEDGER_SIGNING_KEY_FILE "
            "(openssl genpkey -algorithm ed25519)."
        ) from error
