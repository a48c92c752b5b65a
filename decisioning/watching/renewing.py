"""The only place that has workers watch what the live release and the destinations ask for."""

import hashlib
from collections.abc import Iterable
from typing import Any, Final

import redis

from decisioning.releases import LIVE_KEY, load_live
from decisioning.watching.live import load_watched, publish_watched
from decisioning.watching.watch_set import watch_set

SOURCE_KEY: Final = "watch:source"  # of which release and destinations the published set is


def is_due(client: "redis.Redis", *, named: Iterable[str]) -> bool:
    """Return whether something else is to be watched than is; two round trips."""
    return _new_source(client, sorted(set(named))) is not None


def _new_source(client: "redis.Redis", asked: Iterable[str]) -> str | None:
    """Return the digest of what is to be watched, None where that is watched or nothing is live."""
    digest: Any = client.hget(LIVE_KEY, "digest")
    if digest is None:
        return None
    source = hashlib.sha256(b"\n".join([digest, *(key.encode() for key in asked)])).hexdigest()
    published: Any = client.get(SOURCE_KEY)
    return None if published == source.encode() else source


def renew_watched(client: "redis.Redis", *, named: Iterable[str], now_ms: int) -> bool:
    """Publish what is to be watched where that changed, and say whether it did; two round trips where not.

    `named` are segments whose comings and goings somebody outside is told, "*" for all.

    Raises:
        ReleaseRefused: the live release must not be used.
        ConditionError: a condition of it cannot be read.
    """
    asked = sorted(set(named))
    source = _new_source(client, asked)
    live = load_live(client) if source else None
    if source is None or live is None:
        return False
    before = load_watched(client)
    following = watch_set(live.release, named=asked, before=before, now_ms=now_ms)
    if publish_watched(client, following, before=before):
        client.set(SOURCE_KEY, source)
    return following != before
