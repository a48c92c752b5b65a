"""The only place that has workers watch what the live release and the destinations ask for."""

import hashlib
from collections.abc import Iterable
from typing import Any, Final

import redis

from decisioning.releases import LIVE_KEY, load_live
from decisioning.watching.live import load_watched, publish_watched
from decisioning.watching.watch_set import watch_set

SOURCE_KEY: Final = "watch:source"  # of which release and destinations the published set is


def renew_watched(client: "redis.Redis", *, named: Iterable[str], now_ms: int) -> bool:
    """Publish what is to be watched where that changed, and say whether it did; two round trips where not.

    `named` are segments whose comings and goings somebody outside is told, "*" for all.

    Raises:
        ReleaseRefused: the live release must not be used.
        ConditionError: a condition of it cannot be read.
    """
    asked = sorted(set(named))
    digest: Any = client.hget(LIVE_KEY, "digest")
    if digest is None:
        return False
    source = hashlib.sha256(b"\n".join([digest, *(key.encode() for key in asked)])).hexdigest()
    published: Any = client.get(SOURCE_KEY)
    if published == source.encode():
        return False
    live = load_live(client)
    if live is None:
        return False
    before = load_watched(client)
    following = watch_set(live.release, named=asked, before=before, now_ms=now_ms)
    if publish_watched(client, following, before=before):
        client.set(SOURCE_KEY, source)
    return following != before
