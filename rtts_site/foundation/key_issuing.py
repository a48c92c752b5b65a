"""The only writer of API keys: issue, revoke, rotate; PostgreSQL first, then the copy in Redis that processes read."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import msgspec
import redis
from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.utils.translation import gettext as _

from rtts_site.foundation.api_keys import (
    BROWSER_SCOPES,
    KEYS,
    KEYS_BY_ID,
    KEYS_USED,
    MANAGEMENT,
    SCOPES,
    KeyRecord,
    Kind,
    digest_of,
    new_secret,
)
from rtts_site.foundation.models import ApiKey

OVERLAP = timedelta(hours=24)
SHOWN_CHARACTERS = 14  # of a secret, so that people can tell keys apart


class KeyIssueError(ValueError):
    """A key cannot be made as asked; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a browser key may be used; no placements is all."""

    origins: Collection[str] = ()  # e.g. ("https://shop.example",)
    placements: Collection[str] = ()


ANYWHERE = Reach()


def issue(
    client: redis.Redis,
    name: str,
    *,
    scopes: Collection[str],
    kind: Kind = "secret",
    reach: Reach = ANYWHERE,
    issued_by: AbstractUser | None = None,
) -> tuple[ApiKey, str]:
    """Make a key; return it and its secret, which is kept nowhere.

    `issued_by` is who sees the secret: who makes a management key has a hand in whatever is written with it.

    Raises:
        KeyIssueError: an unknown scope, no name, a browser key without origins or with a server's scope, or a
            management key that nobody answers for.
    """
    _check(name, scopes=scopes, kind=kind, origins=reach.origins)
    if MANAGEMENT in scopes and issued_by is None:
        raise KeyIssueError(
            _("Say who makes the key: one with the scope {scope} writes in their name.").format(
                scope=MANAGEMENT
            )
        )
    secret = new_secret(kind)
    with transaction.atomic():
        key = ApiKey.objects.create(
            name=name.strip(),
            kind=kind,
            digest=digest_of(secret),
            shown=secret[:SHOWN_CHARACTERS],
            scopes=sorted(scopes),
            origins=sorted(reach.origins),
            placements=sorted(reach.placements),
            issued_by_id=issued_by.pk if issued_by else None,
        )
        _project(client, key)  # inside: a key that no process can read is not made
    return key, secret


def revoke(client: redis.Redis, key: ApiKey, *, now: datetime) -> None:
    """End a key for good; every process refuses it within 5 seconds."""
    with transaction.atomic():
        key.revoked_at = key.revoked_at or now
        key.save(update_fields=["revoked_at"])
        pipeline = client.pipeline()
        pipeline.hdel(KEYS, key.digest)
        pipeline.hdel(KEYS_BY_ID, str(key.id))
        pipeline.execute()


def rotate(
    client: redis.Redis,
    key: ApiKey,
    *,
    now: datetime,
    overlap: timedelta = OVERLAP,
    issued_by: AbstractUser | None = None,
) -> tuple[ApiKey, str]:
    """Replace a key by one with the same rights; the old one works on for `overlap`."""
    if key.revoked_at is not None:
        raise KeyIssueError(_("This key is revoked; make a new one."))
    with transaction.atomic():
        successor, secret = issue(
            client,
            key.name,
            scopes=key.scopes,
            kind=cast("Kind", key.kind),
            reach=Reach(key.origins, key.placements),
            issued_by=issued_by,
        )
        key.expires_at = min(filter(None, (key.expires_at, now + overlap)))
        key.successor = successor
        key.save(update_fields=["expires_at", "successor"])
        _project(client, key)
    return successor, secret


def project_keys(client: redis.Redis) -> int:
    """Write every live key to Redis again and drop the others; for an empty or restored Redis. Return how many live."""
    live = list(ApiKey.objects.filter(revoked_at=None))
    pipeline = client.pipeline()
    pipeline.delete(KEYS, KEYS_BY_ID)
    for key in live:
        _queue(pipeline, key)
    pipeline.execute()
    return len(live)


def first_of(key_id: str) -> str:
    """Return the id of the key that this one goes back to by rotating: it names the program that has them all."""
    before = ApiKey.objects.filter(successor__pk=key_id).first()
    return first_of(str(before.pk)) if before is not None else key_id


def last_uses(client: redis.Redis) -> dict[str, int]:
    """Return key id -> last use, epoch seconds, right to about a minute."""
    used = cast("dict[bytes, bytes]", client.hgetall(KEYS_USED))
    return {key.decode(): int(value) for key, value in used.items()}


def _project(client: redis.Redis, key: ApiKey) -> None:
    pipeline = client.pipeline()
    _queue(pipeline, key)
    pipeline.execute()


def _queue(pipeline: "redis.client.Pipeline", key: ApiKey) -> None:
    record = KeyRecord(
        id=str(key.id),
        name=key.name,
        kind=cast("Kind", key.kind),
        scopes=frozenset(key.scopes),
        origins=tuple(key.origins),
        placements=tuple(key.placements),
        expires_at=key.expires_at.timestamp() if key.expires_at else None,
    )
    pipeline.hset(KEYS, key.digest, msgspec.msgpack.encode(record))
    pipeline.hset(KEYS_BY_ID, str(key.id), key.digest)


def _check(name: str, *, scopes: Collection[str], kind: Kind, origins: Collection[str]) -> None:
    unknown = set(scopes) - SCOPES.keys()
    if not name.strip():
        raise KeyIssueError(_("Give the key a name that says who uses it."))
    if unknown or not scopes:
        raise KeyIssueError(
            _("Unknown scope {given}: choose from {scopes}.").format(
                given=", ".join(sorted(unknown)) or _("(none given)"), scopes=", ".join(SCOPES)
            )
        )
    if kind == "secret":
        return
    if not origins:
        raise KeyIssueError(
            _("A browser key needs at least one origin, e.g. https://shop.example.")
        )
    for origin in origins:
        _check_origin(origin)
    if set(scopes) - BROWSER_SCOPES:
        raise KeyIssueError(
            _("A browser key may only have the scopes {scopes}.").format(
                scopes=", ".join(sorted(BROWSER_SCOPES))
            )
        )


def _check_origin(origin: str) -> None:
    scheme, separator, host = origin.partition("://")
    if scheme not in ("http", "https") or not separator or not host or "/" in host:
        raise KeyIssueError(
            _("{origin} is not an origin; write it like https://shop.example.").format(
                origin=origin
            )
        )
