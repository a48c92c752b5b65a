"""The only place that tells consent which channels decisions are made for."""

from typing import Any, Final

import redis

from decisioning.releases import LIVE_KEY, ReleaseRefused, load_live
from decisioning.specs import ReleaseSpec
from rtts_site.foundation.redis_clients import redis_client

TIMEOUT_MS: Final = 1_000
LAST: Final = "last"
_read: dict[str, tuple[str, frozenset[str]]] = {}  # digest and channels of the release read last


def channels_of(release: ReleaseSpec) -> frozenset[str]:
    """Return the channels of a release, with those that only placements name."""
    named = {one.channel for one in release.placements}
    return frozenset(named | {one.key for one in release.channels})


def live_channels() -> frozenset[str] | None:
    """Return the channels of the live release, None before the first, none where they cannot be read.

    One round trip; the release is read where another went live.
    """
    client = redis_client(timeout_ms=TIMEOUT_MS)
    digest, known = _read.get(LAST, ("", frozenset()))
    try:
        said: Any = client.hget(LIVE_KEY, "digest")
        if said is None:
            return None
        if said.decode() == digest:
            return known
        live = load_live(client)
    except (redis.RedisError, OSError, ReleaseRefused):
        return known
    if live is None:
        return None
    _read[LAST] = live.digest, channels_of(live.release)
    return _read[LAST][1]
