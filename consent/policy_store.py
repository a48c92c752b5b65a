"""The only door to published policies: PostgreSQL has them all, Redis the one in force; they only move forward."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import cast

import redis
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from consent import policy_rules
from consent.models import PolicyVersion
from consent.policy import (
    PolicyError,
    PolicySpec,
    decode_policy,
    encode_policy,
    seal_policy,
)
from consent.proof.facts import POLICY_PUBLISHED, Fields, record_fact

LIVE = "policy:live"  # hash: version, digest, body, seal

# A later version stays, unless its seal is the one that was found not to be ours.
_PUT = """
local newer = tonumber(ARGV[1]) < (tonumber(redis.call('HGET', KEYS[1], 'version') or '0') or 0)
if newer and (redis.call('HGET', KEYS[1], 'seal') or '') ~= ARGV[5] then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'digest', ARGV[2], 'body', ARGV[3], 'seal', ARGV[4])
return 1
"""
_NO_SEAL = b"-"  # never a seal


class PolicyRefused(ValueError):
    """The policy may not be published, or may not be relied on; the message says why."""


def record_policy(
    spec: PolicySpec, *, approved_by: str, authors: Iterable[str], base: str, now: datetime
) -> PolicySpec:
    """Record what a policy says as the next version and return that; `put_live` then brings it into force.

    `base` is the digest of the policy that was in force when it was written, "" for none. Where it says what is in
    force already, nothing is recorded and the live policy is returned. Earlier versions of notices stay in it.

    Raises:
        PolicyRefused: approved by an author, overtaken by another, or contradicts itself or what was published.
    """
    authors = sorted(set(authors))
    if approved_by in authors:
        raise PolicyRefused(_("A policy is approved by somebody who has not edited it."))
    live = live_policy()
    policy = seal_policy(
        spec.purposes,
        version=live.version + 1 if live else 1,
        jurisdictions=spec.jurisdictions,
        notices=policy_rules.with_earlier(spec.notices, live),
    )
    if live is not None and live.says_the_same(policy):
        return live
    if base != (live.digest if live else ""):
        raise _overtaken()
    for fault in policy_faults(policy):
        raise PolicyRefused(fault.words)
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
            record_fact(
                POLICY_PUBLISHED, _told(policy, authors, approved_by), now=now, actor=approved_by
            )
    except IntegrityError as error:
        raise _overtaken() from error
    return policy


def _told(policy: PolicySpec, authors: Iterable[str], approved_by: str) -> Fields:
    return {
        "version": policy.version,
        "digest": policy.digest,
        "authors": ", ".join(authors),
        "approved_by": approved_by,
    }


def _overtaken() -> PolicyRefused:
    return PolicyRefused(
        _("Another policy was published meanwhile: compare with it and approve again.")
    )


def policy_faults(policy: PolicySpec) -> Iterator[policy_rules.Fault]:
    """Yield everything that keeps a policy from being published after those that were; one query."""
    said = [decode_policy(bytes(row.body)) for row in PolicyVersion.objects.order_by("version")]
    yield from policy_rules.faults(policy, said)


def live_policy() -> PolicySpec | None:
    """Return the newest published policy from PostgreSQL, or None; one query."""
    row = PolicyVersion.objects.order_by("-version").first()
    return decode_policy(bytes(row.body)) if row else None


def live_since() -> datetime | None:
    """Return when the newest policy was published, None before the first; one query."""
    rows = PolicyVersion.objects.order_by("-version").values_list("published_at", flat=True)
    return rows.first()


def put_live(client: redis.Redis) -> None:
    """Bring the newest published policy into force in every process within 2 seconds, unless a newer one is."""
    policy = live_policy()
    if policy is not None:
        put_policy(client, policy)


def put_policy(client: redis.Redis, policy: PolicySpec) -> None:
    """Write a policy to Redis over an older one, or over one that is not this installation's."""
    if _put(client, policy, over=_NO_SEAL):
        return
    try:
        load_live_policy(client, known=None)
    except PolicyRefused:
        _put(client, policy, over=cast("bytes | None", client.hget(LIVE, "seal")) or b"")


def _put(client: redis.Redis, policy: PolicySpec, *, over: bytes) -> bool:
    said = (policy.version, policy.digest, encode_policy(policy), _seal_of(policy.digest))
    return bool(client.eval(_PUT, 1, LIVE, *said, over))


def _seal_of(digest: str) -> str:
    """Return the signature, by this installation's secret, over a digest: of version and purposes."""
    key = hmac.new(settings.RTTS_PEPPER, b"rtts.policy", hashlib.sha256).digest()
    return hmac.new(key, digest.encode(), hashlib.sha256).hexdigest()


def load_live_policy(client: redis.Redis, *, known: PolicySpec | None) -> PolicySpec | None:
    """Return the policy in force by Redis, or `known` where that is as new; one round trip where nothing changed.

    Raises:
        PolicyRefused: it is not this installation's; nothing that rests on consent may go on.
    """
    version, digest = cast("list[bytes | None]", client.hmget(LIVE, "version", "digest"))
    if version is None or digest is None:
        return known
    if known is not None and (version, digest) == _marks(known):
        return known
    policy = _verified(cast("dict[bytes, bytes]", client.hgetall(LIVE)))
    return known if known is not None and policy.version <= known.version else policy


def _marks(policy: PolicySpec) -> tuple[bytes, bytes]:
    return str(policy.version).encode(), policy.digest.encode()


def _verified(found: dict[bytes, bytes]) -> PolicySpec:
    try:
        policy = decode_policy(found.get(b"body", b""))
    except PolicyError as error:
        raise PolicyRefused(f"The policy in force cannot be verified: {error}") from error
    sealed = hmac.compare_digest(found.get(b"seal", b""), _seal_of(policy.digest).encode())
    if not sealed or (found.get(b"version"), found.get(b"digest")) != _marks(policy):
        raise PolicyRefused(
            "The policy in force cannot be verified: its seal is not this installation's."
        )
    return policy
