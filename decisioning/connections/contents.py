"""The only door to what rows the last runs of a source held that has no column which grows: only others are new."""

from collections.abc import Sequence
from typing import Any, Final

import redis

from decisioning.connections.lines import Line
from decisioning.connections.mapping import content_digest

# Longer than the longest pause between two runs, and than a run takes.
KEPT_S: Final = 30 * 86_400


def contents_key(source: int, run: int) -> str:
    """Return the key of the set of contents that a run held and that were taken."""
    return f"source:{source}:run:{run}"


def unknown(client: "redis.Redis", key: str, lines: Sequence[Line]) -> list[Line]:
    """Return the rows whose content the run of a key did not hold; one round trip."""
    if not lines:
        return []
    found: Any = client.smismember(key, [_digest(one) for one in lines])
    return [line for line, known in zip(lines, found, strict=True) if not known]


def remember(client: "redis.Redis", key: str, lines: Sequence[Line]) -> None:
    """Note rows of a run that were taken, or were known; one round trip."""
    if lines:
        with client.pipeline(transaction=False) as pipe:
            pipe.sadd(key, *(_digest(one) for one in lines))
            pipe.expire(key, KEPT_S)
            pipe.execute()


def _digest(line: Line) -> bytes:
    return bytes.fromhex(content_digest(line.cells))
