"""The only place that makes, wraps and opens people's data keys: whatever is stored of a person is encrypted under theirs.

The wrapping secret is derived from the product's secret key and lies in no database. A copy of the wrapped key in
Redis lets workers encrypt and decrypt without PostgreSQL.
"""

import os
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import cast

import redis
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction

from consent import people
from consent.ids import uuid7
from consent.models import PersonKey, Suppression

KEY_BYTES, NONCE_BYTES, ID_BYTES = 32, 12, 16
ERASED = b"\x00"  # in Redis in place of the key of somebody erased, who never gets one again


class CipherError(Exception):
    """Ciphertext cannot be opened: another key, or altered."""


class KeyDestroyedError(CipherError):
    """The person's key was destroyed; what it encrypted is erased."""


@dataclass(frozen=True, slots=True)
class PersonCipher:
    """Encrypts and decrypts under one person's key."""

    key_id: uuid.UUID
    key: bytes

    def encrypt(self, plain: bytes, *, context: bytes = b"") -> bytes:
        """Return nonce and ciphertext; `context` is bound to it and must be given again to decrypt."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(self.key).encrypt(nonce, plain, context)

    def decrypt(self, sealed: bytes, *, context: bytes = b"") -> bytes:
        """Return what was encrypted.

        Raises:
            CipherError: another key or context, or altered.
        """
        try:
            return AESGCM(self.key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
        except (InvalidTag, ValueError) as error:
            raise CipherError("The stored record does not open with this person's key.") from error


def person_cipher(person: str, *, now: datetime, client: redis.Redis | None = None) -> PersonCipher:
    """Return a person's cipher; makes their key where they have none. See `person_ciphers`.

    Raises:
        KeyDestroyedError: the person was erased.
    """
    found = person_ciphers([person], now=now, client=client)
    if person not in found:
        raise KeyDestroyedError("This person was erased; nothing of them is kept any more.")
    return found[person]


def person_ciphers(
    persons: Collection[str], *, now: datetime, client: redis.Redis | None = None
) -> dict[str, PersonCipher]:
    """Return the cipher of each person; makes keys where there are none. Who was erased is left out.

    One round trip to Redis where `client` is given; PostgreSQL only for those that Redis does not have.
    """
    found: dict[str, PersonCipher | None] = (
        _from_redis(client, persons) if client is not None else {}
    )
    missing = [person for person in persons if person not in found]
    if missing:
        made = _from_database(missing, now=now)
        found |= made
        if client is not None:
            _copy_to_redis(client, made)
            mark_erased(client, [person for person in missing if person not in made])
    return {person: cipher for person, cipher in found.items() if cipher is not None}


def mark_erased(client: redis.Redis, persons: Collection[str]) -> None:
    """Put the mark of the erased in place of people's keys; one round trip."""
    if persons:
        pipeline = client.pipeline(transaction=False)
        for person in persons:
            pipeline.set(people.person_key_key(person), ERASED)
        pipeline.execute()


def erased_among(client: redis.Redis, persons: Collection[str]) -> set[str]:
    """Return who of these people was erased, as Redis knows; one round trip."""
    pipeline = client.pipeline(transaction=False)
    for person in persons:
        pipeline.get(people.person_key_key(person))
    found = zip(persons, pipeline.execute(), strict=True) if persons else ()
    return {person for person, packed in found if packed == ERASED}


def load_cipher(key_id: uuid.UUID) -> PersonCipher:
    """Return the cipher of one key; one query.

    Raises:
        KeyDestroyedError: the key is no more.
    """
    row = PersonKey.objects.filter(key_id=key_id).first()
    if row is None or row.wrapped is None:
        raise KeyDestroyedError("The key of this record was destroyed.")
    return _unwrap(key_id, bytes(row.wrapped), person=row.person)


def open_key(row: PersonKey) -> PersonCipher:
    """Return the cipher of a key that is not destroyed."""
    return _unwrap(row.key_id, bytes(row.wrapped or b""), person=row.person)


def _from_redis(client: redis.Redis, persons: Collection[str]) -> dict[str, PersonCipher | None]:
    """Return the ciphers that Redis has; None is somebody erased."""
    pipeline = client.pipeline(transaction=False)
    for person in persons:
        pipeline.get(people.person_key_key(person))
    packed = zip(persons, cast("list[bytes | None]", pipeline.execute()), strict=True)
    return {
        person: None
        if value == ERASED
        else _unwrap(uuid.UUID(bytes=value[:ID_BYTES]), value[ID_BYTES:], person=person)
        for person, value in packed
        if value is not None
    }


def _from_database(persons: Collection[str], *, now: datetime) -> dict[str, PersonCipher]:
    found = _rows(persons)
    missing = [person for person in persons if person not in found]
    gone = _erased(missing) if missing else set()
    fresh = [make_key(person, now=now)[0] for person in missing if person not in gone]
    if fresh:
        with transaction.atomic():
            # Somebody else may have made one meanwhile: theirs stands, so read again.
            PersonKey.objects.bulk_create(fresh, ignore_conflicts=True)
        found |= _rows([row.person for row in fresh])
    return {
        person: _unwrap(row.key_id, bytes(row.wrapped or b""), person=person)
        for person, row in found.items()
    }


def _rows(persons: Collection[str]) -> dict[str, PersonKey]:
    rows = PersonKey.objects.filter(
        person__in=persons, key_class=PersonKey.KeyClass.NORMAL, destroyed_at=None
    )
    return {row.person: row for row in rows}


def _erased(persons: Collection[str]) -> set[str]:
    rows = Suppression.objects.filter(kind=Suppression.PERSON, digest__in=persons)
    return set(rows.values_list("digest", flat=True))


def make_key(person: str, *, now: datetime) -> tuple[PersonKey, PersonCipher]:
    """Return a new key of a person, not yet saved, and its cipher."""
    cipher = PersonCipher(uuid7(now), AESGCM.generate_key(bit_length=KEY_BYTES * 8))
    wrapped = _wrap(cipher.key_id, cipher.key, person=person)
    return PersonKey(key_id=cipher.key_id, person=person, wrapped=wrapped, created_at=now), cipher


def _copy_to_redis(client: redis.Redis, ciphers: Mapping[str, PersonCipher]) -> None:
    pipeline = client.pipeline(transaction=False)
    for person, cipher in ciphers.items():
        wrapped = _wrap(cipher.key_id, cipher.key, person=person)
        pipeline.set(people.person_key_key(person), cipher.key_id.bytes + wrapped)
    pipeline.execute()


def _wrap(key_id: uuid.UUID, key: bytes, *, person: str) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _wrapping(settings.SECRET_KEY).encrypt(
        nonce, key, key_id.bytes + person.encode()
    )


def _unwrap(key_id: uuid.UUID, wrapped: bytes, *, person: str) -> PersonCipher:
    context = key_id.bytes + person.encode()
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            key = _wrapping(secret).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], context)
        except InvalidTag:
            continue
        return PersonCipher(key_id, key)
    raise CipherError(
        "A person's key does not open: put the secret key that wrapped it into RTTS_SECRET_KEY_FALLBACKS."
    )


@cache
def _wrapping(secret: str) -> AESGCM:
    derive = HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=b"rtts person keys")
    return AESGCM(derive.derive(secret.encode()))
