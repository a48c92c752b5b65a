"""The receipts that people and programs get for a consent event: what was recorded, its hash, our signature."""

import base64
import uuid
from functools import cache
from typing import Any

import msgspec
import rfc8785
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from consent.entries import open_entry
from consent.ledger import everyone_in
from consent.models import ConsentEvent, PersonKey
from consent.person_keys import load_cipher


class NoSuchReceiptError(LookupError):
    """This person has no such event, or its key was destroyed."""


def load_receipt(person: str, receipt_id: uuid.UUID) -> dict[str, Any]:
    """Return the receipt of a consent event, ``{"receipt": {…}, "jws": "…"}``; the JWS says the same, signed.

    Raises:
        NoSuchReceiptError: none for this person or anybody merged into them.
    """
    row = ConsentEvent.objects.filter(event_id=receipt_id).first()
    keys = PersonKey.objects.filter(person__in=everyone_in(person), destroyed_at=None)
    if row is None or row.key_id not in set(keys.values_list("key_id", flat=True)):
        raise NoSuchReceiptError("This person has no such receipt.")
    entry = open_entry(row, load_cipher(row.key_id))
    receipt = msgspec.to_builtins(entry) | {
        "receipt_id": str(row.event_id),
        "leaf_hash": f"sha256:{bytes(row.leaf_hash).hex()}",
    }
    return {"receipt": receipt, "jws": sign_receipt(receipt)}


def sign_receipt(receipt: dict[str, Any]) -> str:
    """Return a compact JWS over the receipt's canonical JSON.

    Source: RFC 7515; alg Ed25519 of RFC 9864; RFC 8785.
    """
    header = _encode(
        rfc8785.dumps({"alg": "Ed25519", "typ": "consent-receipt", "jwk": public_key()})
    )
    payload = _encode(rfc8785.dumps(receipt))
    signature = _signing_key().sign(f"{header}.{payload}".encode())
    return f"{header}.{payload}.{_encode(signature)}"


def public_key() -> dict[str, str]:
    """Return the key that receipts verify with, as a JWK."""
    raw = _signing_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": _encode(raw)}


@cache
def _signing_key() -> Ed25519PrivateKey:
    derive = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"rtts consent receipts")
    return Ed25519PrivateKey.from_private_bytes(derive.derive(str(settings.SECRET_KEY).encode()))


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
