"""The only place that encrypts small secrets of others which the product has to read again, under its own secret key."""

import os
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

NONCE_BYTES, KEY_BYTES = 12, 32


class SealError(Exception):
    """What was sealed does not open with this product's secret key."""


def seal(plain: bytes, *, purpose: str) -> bytes:
    """Return nonce and ciphertext (AES-256-GCM); `purpose` must be given again to open it."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(_key(settings.SECRET_KEY)).encrypt(nonce, plain, purpose.encode())


def unseal(sealed: bytes, *, purpose: str) -> bytes:
    """Return what was sealed, under the present secret key or a former one.

    Raises:
        SealError: altered, sealed for another purpose, or under a key that is no longer known.
    """
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            cipher = AESGCM(_key(secret))
            return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], purpose.encode())
        except (InvalidTag, ValueError):
            continue
    raise SealError("It was sealed under another secret key: make a new secret.")


@cache
def _key(secret: str) -> bytes:
    derive = HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=b"rtts.sealing")
    return derive.derive(secret.encode())
