"""The only place that keeps what the owner decided about the intake, and what it looks things up in."""

import logging
import os
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import redis

from decisioning.enrichment.fences import Fence
from decisioning.enrichment.terms import DEFAULT, Terms, TermsRefused, packed, read_terms
from decisioning.models import IntakeDocument
from decisioning.rules.phrases import Filled
from decisioning.rules.phrases import gettext_noop as _

logger = logging.getLogger("decisioning")

TERMS_KEY: Final = "intake:terms"  # packed Terms
PRODUCTS_KEY: Final = "intake:products"  # packed product id -> fields
VERSIONS_KEY: Final = "intake:versions"  # hash: terms, products -> version in force
DISK_FILE: Final = "intake.json"
MAX_PRODUCTS: Final = 50_000
MAX_FIELDS: Final = 12

Products = Mapping[str, Mapping[str, Any]]
Provided = dict[str, tuple[dict[str, Any], int]]  # cell -> values, epoch ms until when they hold


class ProductsRefused(Exception):
    """A product table that cannot be; the message says what to change."""


def provided_key(provider: str) -> str:
    """Return the key of the hash of what a provider said: cell -> packed values and their end."""
    return f"intake:provided:{provider}"


def live_terms() -> Terms:
    """Return the terms in force, from PostgreSQL."""
    newest = IntakeDocument.objects.filter(kind=IntakeDocument.Kind.TERMS).first()
    return DEFAULT if newest is None else read_terms(msgspec.json.encode(newest.body))


def save_terms(client: "redis.Redis", terms: Terms, *, by: str, now: datetime) -> None:
    """Put terms in force; every version before stays in PostgreSQL."""
    IntakeDocument.objects.create(
        kind=IntakeDocument.Kind.TERMS,
        body=msgspec.json.decode(packed(terms)),
        changed_by=by,
        changed_at=now,
    )
    push(client)


def save_products(client: "redis.Redis", products: Products, *, by: str, now: datetime) -> None:
    """Replace the product table.

    Raises:
        ProductsRefused: too many products, or too many fields of one.
    """
    if len(products) > MAX_PRODUCTS:
        words = _("Send at most {most} products; these are {count}.")
        raise ProductsRefused(Filled(words, most=MAX_PRODUCTS, count=len(products)))
    wide = next((key for key, fields in products.items() if len(fields) > MAX_FIELDS), None)
    if wide is not None:
        words = _("{key}: a product may have at most {most} fields.")
        raise ProductsRefused(Filled(words, key=wide, most=MAX_FIELDS))
    IntakeDocument.objects.create(
        kind=IntakeDocument.Kind.PRODUCTS, body=products, changed_by=by, changed_at=now
    )
    push(client)


def push(client: "redis.Redis") -> int:
    """Bring Redis to what PostgreSQL says, and return how many documents that changed."""
    changed = 0
    for kind, key in (
        (IntakeDocument.Kind.TERMS, TERMS_KEY),
        (IntakeDocument.Kind.PRODUCTS, PRODUCTS_KEY),
    ):
        newest = IntakeDocument.objects.filter(kind=kind).values_list("pk", flat=True).first()
        held = client.hget(VERSIONS_KEY, kind.value)
        if newest is None or (held == str(newest).encode() and client.exists(key)):
            continue
        body = IntakeDocument.objects.values_list("body", flat=True).get(pk=newest)
        with client.pipeline(transaction=True) as pipe:
            pipe.set(key, msgspec.json.encode(body))
            pipe.hset(VERSIONS_KEY, kind.value, str(newest))
            pipe.execute()
        changed += 1
    return changed


def load_versions(client: "redis.Redis") -> dict[bytes, bytes]:
    """Return the versions in force by kind."""
    found: Any = client.hgetall(VERSIONS_KEY)
    return dict(found)


def find_terms(client: "redis.Redis") -> Terms | None:
    """Return the terms in force; None where Redis has none."""
    found: Any = client.get(TERMS_KEY)
    return None if found is None else read_terms(found)


def save_copy(terms: Terms, directory: Path) -> None:
    """Keep the terms last read on disk, whole or not at all."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = directory / f"{DISK_FILE}.{os.getpid()}.{threading.get_ident()}"
    draft.write_bytes(packed(terms))
    draft.replace(directory / DISK_FILE)


def load_copy(directory: Path) -> Terms | None:
    """Return the copy on disk; None without one that can be read."""
    try:
        return read_terms((directory / DISK_FILE).read_bytes())
    except (OSError, TermsRefused):
        return None


def load_terms(client: "redis.Redis") -> Terms:
    """Return the terms in force, as processes of the API see them."""
    return find_terms(client) or DEFAULT


def load_products(client: "redis.Redis") -> Products:
    """Return the product table."""
    found: Any = client.get(PRODUCTS_KEY)
    return {} if found is None else msgspec.json.decode(found, type=dict[str, dict[str, Any]])


def keep_provided(client: "redis.Redis", provider: str, found: Provided) -> None:
    """Note what a provider said, and forget what no longer holds."""
    key, now_ms = provided_key(provider), time.time_ns() // 1_000_000
    stale = [
        cell for cell, (_, until_ms) in load_provided(client, provider).items() if until_ms < now_ms
    ]
    with client.pipeline(transaction=True) as pipe:
        if stale:
            pipe.hdel(key, *stale)
        if found:
            pipe.hset(
                key, mapping={cell: msgspec.msgpack.encode(one) for cell, one in found.items()}
            )
        pipe.pexpire(key, 86_400_000)
        pipe.execute()


def load_provided(client: "redis.Redis", provider: str) -> Provided:
    """Return what a provider said, by cell."""
    found: Any = client.hgetall(provided_key(provider))
    read = msgspec.msgpack.Decoder(tuple[dict[str, Any], int]).decode
    return {cell.decode(): read(one) for cell, one in found.items()}


class Fences:
    """The geofences in force, as workers hold them."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._version: bytes | None = b""
        self.known: Mapping[str, Fence] = {}

    def renew(self) -> None:
        """Take up what is in force now; one round trip where nothing changed. What cannot be read leaves the former."""
        version: Any = self._client.hget(VERSIONS_KEY, "terms")
        if version == self._version:
            return
        try:
            found = find_terms(self._client)
        except TermsRefused as error:
            logger.error("intake.terms_unreadable %s", error)
        else:
            self.known = {fence.key: fence for fence in (found or DEFAULT).fences}
        self._version = version
