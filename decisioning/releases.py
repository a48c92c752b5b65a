"""How releases reach every process: published to Redis, verified, loaded off the request, kept on disk."""

import hashlib
import hmac
import logging
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import redis
from django.conf import settings

from decisioning.profiles.live_set import announce
from decisioning.rules.artifact import Artifact, ArtifactError, decode_artifact, encode_artifact
from decisioning.rules.canonical import CanonicalError, canonical, decode_release, digest_of
from decisioning.specs import AggregateSpec, ReleaseSpec

logger = logging.getLogger("decisioning")

LIVE_KEY = "release:live"
ARTIFACT_KEY = "release:artifact:"  # + digest
WANTED_KEY = (
    "aggregates:wanted"  # hash: digest of a release, live or being prepared -> its aggregates
)
PREVIEWED_KEY = "release:previewed"  # hash: id of a preview -> digest of what it shows
DISK_FILE = "live.msgpack"
_specs_decoder = msgspec.msgpack.Decoder(tuple[AggregateSpec, ...])

ALREADY_LIVE = -1
# Versions only move forward: a slow publisher cannot put an older release back.
FORWARD = """
local live = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
if tonumber(ARGV[1]) == live and redis.call('HGET', KEYS[1], 'digest') == ARGV[2] then return -1 end
if tonumber(ARGV[1]) <= live then return live end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'digest', ARGV[2], 'approved_digest', ARGV[3],
  'artifact_sha', ARGV[4], 'published_at_ms', ARGV[5], 'seal', ARGV[6])
return 0
"""


class ReleaseRefused(Exception):
    """A release that must not be decided with; the message says why."""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A release as it travels; `seal` signs everything that the other fields say."""

    version: int
    digest: str
    approved_digest: str
    artifact_sha: str
    published_at_ms: int
    seal: str
    release: bytes = b""  # canonical JSON
    artifact: bytes = b""  # of `encode_artifact`


@dataclass(frozen=True, slots=True)
class Verified:
    """A release whose digest was approved and whose artifact is the one that was sealed."""

    version: int
    digest: str
    published_at_ms: int
    release: ReleaseSpec
    artifact: Artifact


def seal_of(version: int, digests: tuple[str, str, str], *, key: bytes) -> str:
    """Return the signature over version and (digest, approved digest, artifact sha)."""
    said = f"{version}:{':'.join(digests)}".encode()
    return hmac.new(key, said, hashlib.sha256).hexdigest()


def seal_key() -> bytes:
    """Return the key that only this installation's processes hold."""
    return hmac.new(settings.RTTS_PEPPER, b"rtts.release", hashlib.sha256).digest()


def publish_release(
    client: redis.Redis,
    release: ReleaseSpec,
    artifact: Artifact,
    version: int,
    *,
    approved_digest: str,
    now: datetime,
) -> str:
    """Make a release the live one in every process within 2 s and return its digest.

    Rolling back is publishing an earlier release under a new, higher version. Five round trips.

    Raises:
        ReleaseRefused: the digest is not the approved one, the artifact is of another release, or
            another release of this or a higher version is live.
    """
    published = seal_release(
        release, artifact, version=version, approved_digest=approved_digest, now=now
    )
    verify(published, key=seal_key())
    client.hset(
        ARTIFACT_KEY + published.digest,
        mapping={"release": published.release, "artifact": published.artifact},
    )
    previous: Any = client.hget(LIVE_KEY, "digest")
    want_aggregates(client, published.digest, artifact.aggregates)
    live = client.eval(
        FORWARD,
        1,
        LIVE_KEY,
        version,
        published.digest,
        published.approved_digest,
        published.artifact_sha,
        published.published_at_ms,
        published.seal,
    )
    if live == ALREADY_LIVE:
        return published.digest
    if live:
        raise ReleaseRefused(
            f"Release {int(live)} is live; publish with a higher version than {version}."
        )
    previewed: Any = client.hvals(PREVIEWED_KEY)
    keep = {published.digest, previous.decode() if previous else ""}
    keep |= {one.decode() for one in previewed}
    forget_aggregates(client, keep=keep)
    return published.digest


def seal_release(
    release: ReleaseSpec, artifact: Artifact, *, version: int, approved_digest: str, now: datetime
) -> Published:
    """Return a release ready to travel."""
    packed = encode_artifact(artifact)
    sha = hashlib.sha256(packed).hexdigest()
    said = canonical(release)
    own = digest_of(said)
    return Published(
        version=version,
        digest=own,
        approved_digest=approved_digest,
        artifact_sha=sha,
        published_at_ms=int(now.timestamp() * 1000),
        seal=seal_of(version, (own, approved_digest, sha), key=seal_key()),
        release=said,
        artifact=packed,
    )


def verify(published: Published, *, key: bytes) -> Verified:
    """Return the release that `published` holds.

    Raises:
        ReleaseRefused: a digest differs from the approved one, or something was altered on the way.
    """
    said = (published.digest, published.approved_digest, published.artifact_sha)
    if not hmac.compare_digest(seal_of(published.version, said, key=key), published.seal):
        raise ReleaseRefused("The seal is not this installation's.")
    if published.digest != published.approved_digest:
        raise ReleaseRefused(
            f"Digest {published.digest} is not the approved {published.approved_digest}."
        )
    if hashlib.sha256(published.artifact).hexdigest() != published.artifact_sha:
        raise ReleaseRefused("The artifact was altered after it was sealed.")
    try:
        release = decode_release(published.release)
        artifact = decode_artifact(published.artifact)
    except (CanonicalError, ArtifactError) as error:
        raise ReleaseRefused(f"The release cannot be read: {error}") from error
    # It reads canonical bytes only, so theirs is the release's digest.
    if (
        digest_of(published.release) != published.approved_digest
        or artifact.digest != published.digest
    ):
        raise ReleaseRefused(
            "The release or its artifact has another digest than the approved one."
        )
    return Verified(
        published.version, published.digest, published.published_at_ms, release, artifact
    )


def want_aggregates(
    client: redis.Redis, release_digest: str, aggregates: Iterable[AggregateSpec]
) -> None:
    """Have workers keep the aggregates of a release, also while it is being prepared."""
    client.hset(WANTED_KEY, release_digest, msgspec.msgpack.encode(tuple(aggregates)))
    renew_aggregates(client)


def forget_aggregates(client: redis.Redis, *, keep: set[str]) -> None:
    """Let go of the aggregates of all releases but those in `keep` (digests)."""
    wanted: Any = client.hkeys(WANTED_KEY)
    stale = [field for field in wanted if field.decode() not in keep]
    if stale:
        client.hdel(WANTED_KEY, *stale)
        renew_aggregates(client)


def renew_aggregates(client: redis.Redis) -> None:
    """Tell workers all aggregates that some release wants."""
    packed: Any = client.hvals(WANTED_KEY)
    wanted = [_specs_decoder.decode(specs) for specs in packed]
    announce(client, (spec for specs in wanted for spec in specs))


def load_published(client: redis.Redis, fields: dict[bytes, bytes]) -> Published:
    """Return the live release with its bytes; one round trip.

    Raises:
        ReleaseRefused: Redis holds half of it.
    """
    try:
        body: Any = client.hgetall(ARTIFACT_KEY + fields[b"digest"].decode())
        return Published(
            version=int(fields[b"version"]),
            digest=fields[b"digest"].decode(),
            approved_digest=fields[b"approved_digest"].decode(),
            artifact_sha=fields[b"artifact_sha"].decode(),
            published_at_ms=int(fields[b"published_at_ms"]),
            seal=fields[b"seal"].decode(),
            release=body[b"release"],
            artifact=body[b"artifact"],
        )
    except (KeyError, ValueError) as error:
        raise ReleaseRefused(
            f"Redis holds no whole release: {error} is missing or wrong."
        ) from error


def load_live(client: redis.Redis) -> Verified | None:
    """Return the live release, verified; None before the first. Two round trips.

    Raises:
        ReleaseRefused: what Redis holds must not be used.
    """
    fields: Any = client.hgetall(LIVE_KEY)
    return verify(load_published(client, fields), key=seal_key()) if fields else None


def load_released(client: redis.Redis, release_digest: str) -> Verified | None:
    """Return a release that was live once, to explain or replay by; None where it is gone.

    What is found by its own digest needs no seal. One round trip.

    Raises:
        ReleaseRefused: what is there is not the release of that name.
    """
    body: Any = client.hgetall(ARTIFACT_KEY + release_digest)
    if not body:
        return None
    release = decode_release(body[b"release"])
    artifact = decode_artifact(body[b"artifact"])
    if digest_of(body[b"release"]) != release_digest or artifact.digest != release_digest:
        raise ReleaseRefused(f"Redis holds something else under {release_digest}.")
    return Verified(0, release_digest, 0, release, artifact)


def save_copy(published: Published, directory: Path) -> None:
    """Keep the last good release on disk, whole or not at all."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = directory / f"{DISK_FILE}.{os.getpid()}.{threading.get_ident()}"
    with draft.open("wb") as file:
        file.write(msgspec.msgpack.encode(published))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(directory / DISK_FILE)


def load_copy(directory: Path) -> Published | None:
    """Return the copy on disk as it is, not yet verified; None without one.

    Raises:
        ReleaseRefused: the file is not a release.
    """
    try:
        return msgspec.msgpack.decode((directory / DISK_FILE).read_bytes(), type=Published)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise ReleaseRefused(f"{directory / DISK_FILE} cannot be read: {error}") from error
