"""The only door to what the event debugger shows: what came and what it changed, while somebody watches a source."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import redis

WATCHED: Final = "debug:watched"  # sorted set: source -> epoch second until which it is watched
WATCH_SECONDS: Final = 60  # after the last look at the page
KEPT: Final = 100  # of a source
KEPT_SECONDS: Final = 900  # they are personal data
MOST_SOURCES: Final = 50  # watched at once


class Came(msgspec.Struct, array_like=True):
    """One item as a source sent it, and what was made of it."""

    at_ms: int
    raw: bytes  # as it was received
    record: bytes = b""  # packed, where it was taken
    message_id: str = ""
    pointer: str = ""  # of what it was refused for
    reason: str = ""


class Changed(msgspec.Struct, array_like=True):
    """One folded event with its person's profile before and after, packed; "" is nobody."""

    record: bytes
    person: str
    before: bytes = b""
    after: bytes = b""


def watch(client: "redis.Redis", source: str, *, now: float) -> None:
    """Have processes tell what comes from a source for WATCH_SECONDS; they notice within a second."""
    with client.pipeline(transaction=False) as pipe:
        pipe.zremrangebyscore(WATCHED, "-inf", now)
        pipe.zadd(WATCHED, {source: now + WATCH_SECONDS})
        pipe.zremrangebyrank(WATCHED, 0, -MOST_SOURCES - 1)
        pipe.execute()


def watched(client: "redis.Redis", *, now: float) -> frozenset[str]:
    """Return the sources that somebody watches; one round trip."""
    found: Any = client.zrangebyscore(WATCHED, now, "+inf")
    return frozenset(one.decode() for one in found)


def came_key(source: str) -> str:
    """Return the key of the stream of what came from a source."""
    return f"debug:came:{source}"


def changed_key(source: str) -> str:
    """Return the key of the stream of what a source's events changed."""
    return f"debug:changed:{source}"


def tell(client: "redis.Redis", key: str, told: Iterable[Came | Changed]) -> None:
    """Append to one of the two streams of a source; one round trip."""
    with client.pipeline(transaction=False) as pipe:
        for one in told:
            pipe.xadd(key, {b"d": msgspec.msgpack.encode(one)}, maxlen=KEPT, approximate=False)
        pipe.expire(key, KEPT_SECONDS)
        pipe.execute()


def latest(
    client: "redis.Redis", source: str
) -> tuple[list[tuple[str, Came]], list[tuple[str, Changed]]]:
    """Return what came and what changed, each with the id of its telling, the newest first; one round trip."""
    with client.pipeline(transaction=False) as pipe:
        pipe.xrevrange(came_key(source), count=KEPT)
        pipe.xrevrange(changed_key(source), count=KEPT)
        came, changed = pipe.execute()
    return _read(came, Came), _read(changed, Changed)


def _read(rows: Sequence[Any], kind: Any) -> list[Any]:
    return [(key.decode(), msgspec.msgpack.decode(fields[b"d"], type=kind)) for key, fields in rows]
