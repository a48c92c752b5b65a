"""The only place that keeps rows for a while to try a mapping on: sealed, gone after an hour."""

from typing import Any, Final

import msgspec
import redis

from decisioning.connections.lines import Line
from decisioning.connections.sampling import ROWS, as_lines
from rtts_site.foundation.sealing import SealError, seal, unseal

KEPT_S: Final = 3_600
BYTES: Final = 500_000
PURPOSE: Final = "sample"


def keep(client: "redis.Redis", source: int, rows: list[Any]) -> int:
    """Keep the first rows of a source, as many as fit; return how many."""
    some = rows[:ROWS]
    while some and len(body := msgspec.json.encode(some)) > BYTES:
        some = some[: len(some) // 2]
    if not some:
        body = b"[]"
    client.set(_key(source), seal(body, purpose=PURPOSE), ex=KEPT_S)
    return len(some)


def load(client: "redis.Redis", source: int) -> list[Line]:
    """Return the rows that are kept of a source, none after an hour."""
    found: Any = client.get(_key(source))
    if not found:
        return []
    try:
        return list(as_lines(msgspec.json.decode(unseal(found, purpose=PURPOSE))))
    except (SealError, msgspec.DecodeError):
        return []


def _key(source: int) -> str:
    return f"connections:sample:{source}"
