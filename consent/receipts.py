"""The receipts that people and programs get for a consent event: what was recorded, its hash, our signature."""

import uuid
from typing import Any

import msgspec
import rfc8785

from consent.entries import open_entry
from consent.ledger import everyone_in
from consent.models import ConsentEvent, PersonKey
from consent.person_keys import load_cipher
from consent.proof.checkpoints import base64url, key_id_of, public_bytes
from consent.proof.sealing import MERGE_WITHIN
from consent.proof.signing import signing_key


class NoSuchReceiptError(LookupError):
    """This person has no such event, or its key was destroyed."""


def load_receipt(person: str, receipt_id: uuid.UUID) -> dict[str, Any]:
    """Return the receipt of a consent event, ``{"receipt": {…}, "jws": "…"}``; the JWS says the same, signed.

    It promises that by `merge_by` the leaf with this hash is in the ledger's tree. Fetched again after a rotation, it
    is signed with the new key.

    Raises:
        NoSuchReceiptError: none for this person or anybody merged into them.
    """
    row = find_event(person, receipt_id)
    entry = open_entry(row, load_cipher(row.key_id))
    receipt = msgspec.to_builtins(entry) | {
        "receipt_id": str(row.event_id),
        "leaf_hash": f"sha256:{bytes(row.leaf_hash).hex()}",
        "merge_by": (row.recorded_at + MERGE_WITHIN).isoformat(),
    }
    return {"receipt": receipt, "jws": sign_receipt(receipt)}


def find_event(person: str, event_id: uuid.UUID) -> ConsentEvent:
    """Return the row of one of a person's consent events.

    Raises:
        NoSuchReceiptError: none for this person or anybody merged into them.
    """
    row = ConsentEvent.objects.filter(event_id=event_id).first()
    keys = PersonKey.objects.filter(person__in=everyone_in(person), destroyed_at=None)
    if row is None or row.key_id not in set(keys.values_list("key_id", flat=True)):
        raise NoSuchReceiptError("This person has no such receipt.")
    return row


def sign_receipt(receipt: dict[str, Any]) -> str:
    """Return a compact JWS over the receipt's canonical JSON.

    Raises:
        consent.proof.signing.SigningKeyError: no key is set.

    Source: RFC 7515; alg Ed25519 of RFC 9864; RFC 8785.
    """
    key = signing_key()
    public = public_bytes(key)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url(public)}
    said: dict[str, Any] = {
        "alg": "Ed25519",
        "typ": "consent-receipt",
        "kid": key_id_of(public),
        "jwk": jwk,
    }
    signed = f"{base64url(rfc8785.dumps(said))}.{base64url(rfc8785.dumps(receipt))}"
    return f"{signed}.{base64url(key.sign(signed.encode()))}"
