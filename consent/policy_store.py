"""The only door to published policies: PostgreSQL has them all, Redis the one in force; they only move forward."""

from collections.abc import Iterable
from datetime import datetime
from typing import cast

import redis
from django.db import IntegrityError, transaction

from consent.models import PolicyVersion
from consent.policy import (
    PolicyError,
    PolicySpec,
    decode_policy,
    encode_policy,
    seal_policy,
)

LIVE = "policy:live"  # hash: version, digest, body

_PUT = """
if tonumber(ARGV[1]) < tonumber(redis.call('HGET', KEYS[1], 'version') or '0') then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'digest', ARGV[2], 'body', ARGV[3])
return 1
"""


class PolicyRefused(ValueError):
    """The policy may not be published, or may not be relied on; the message says why."""


def publish_policy(
    client: redis.Redis,
    spec: PolicySpec,
    *,
    approved_by: str,
    authors: Iterable[str],
    now: datetime,
) -> PolicySpec:
    """Publish what a policy says as the next version, in force in every process within 2 seconds; return that.

    Where its purposes are those in force already, nothing is published and the live policy is returned.

    Raises:
        PolicyRefused: approved by an author, overtaken by another, or asks under another basis what was
            asked as consent.
    """
    authors = sorted(set(authors))
    if approved_by in authors:
        raise PolicyRefused("A policy is approved by somebody who has not edited it.")
    live = live_policy()
    policy = seal_policy(spec.purposes, version=live.version + 1 if live else 1)
    if live is not None and live.purposes == policy.purposes:
        put_live(client)
        return live
    _check_bases(live, policy)
    try:
        with transaction.atomic():
            PolicyVersion.objects.create(
                version=policy.version,
                digest=policy.digest,
                body=encode_policy(policy),
                authors=authors,
                approved_by=approved_by,
                published_at=now,
            )
    except IntegrityError as error:
        raise PolicyRefused(
            "Another policy was published meanwhile: compare with it and approve again."
        ) from error
    put_live(client)
    return policy


def live_policy() -> PolicySpec | None:
    """Return the newest published policy from PostgreSQL, or None; one query."""
    row = PolicyVersion.objects.order_by("-version").first()
    return decode_policy(bytes(row.body)) if row else None


def put_live(client: redis.Redis) -> None:
    """Write the newest published policy to Redis unless a newer one is there."""
    policy = live_policy()
    if policy is not None:
        client.eval(_PUT, 1, LIVE, policy.version, policy.digest, encode_policy(policy))


def load_live_policy(client: redis.Redis, *, known: PolicySpec | None) -> PolicySpec | None:
    """Return the policy in force by Redis, or `known` where that is as new; one round trip where nothing changed.

    Raises:
        PolicyRefused: it is not what its digest says; nothing that rests on consent may go on.
    """
    version, digest = cast("list[bytes | None]", client.hmget(LIVE, "version", "digest"))
    if version is None or digest is None:
        return known
    if known is not None and (int(version), digest.decode()) <= (known.version, known.digest):
        return known
    body = cast("bytes | None", client.hget(LIVE, "body"))
    try:
        policy = decode_policy(body or b"")
    except PolicyError as error:
        raise PolicyRefused(f"The policy in force cannot be verified: {error}") from error
    if known is not None and policy.version < known.version:
        return known
    return policy


def _check_bases(live: PolicySpec | None, policy: PolicySpec) -> None:
    """Source: EDPB Guidelines 05/2020, paragraphs 121-123."""
    for purpose in policy.purposes:
        before = live.purpose(purpose.key) if live else None
        if before is not None and before.basis == "consent" != purpose.basis:
            raise PolicyRefused(
                f"{purpose.key}: people were asked for consent, so it cannot go on under another basis; "
                "make a new purpose."
            )
