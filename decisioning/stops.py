"""The only place that keeps which offers and campaigns were stopped in an emergency: a small sealed list beside the release.

A list is never taken away, only followed by a newer one, so a Redis that lost it leaves what was stopped stopped.
"""

import hmac
import logging
from pathlib import Path
from typing import Any, Final

import msgspec
import redis

from decisioning.releases import seal_key

logger = logging.getLogger("decisioning")

KEY: Final = "release:stops"
COPY: Final = "stops.json"
# ARGV: number, body, seal. Only forward.
PUT: Final = """
local now = tonumber(redis.call('hget', KEYS[1], 'number') or '-1')
if tonumber(ARGV[1]) < now then return 0 end
redis.call('hset', KEYS[1], 'number', ARGV[1], 'body', ARGV[2], 'seal', ARGV[3])
return 1
"""


class Stops(msgspec.Struct, frozen=True):
    """What is stopped, each with the id of its stop, e.g. ``{"offer:winter-sale": "12"}``."""

    number: int = 0  # grows with each stop and each lift
    things: dict[str, str] = {}


def put_stops(client: redis.Redis, stops: Stops) -> bool:
    """Bring a list into force within 2 s; False where a newer one is. One round trip."""
    body = msgspec.json.encode(stops, order="deterministic")
    return bool(client.eval(PUT, 1, KEY, stops.number, body, _seal(body)))


def load_stops(client: redis.Redis, *, known: Stops, directory: Path | None = None) -> Stops:
    """Return the newest list that is sealed by this installation, else the one that is known; one round trip.

    A newer one is kept in `directory` too.
    """
    found: Any = client.hgetall(KEY)
    newer = _read(found.get(b"body", b""), found.get(b"seal", b"").decode("ascii", "replace"))
    if newer is None:
        if found:
            logger.error("stops.refused reason=seal")
        return known
    if newer.number <= known.number:
        return known
    if directory is not None:
        _keep(directory, found)
    return newer


def load_copy(directory: Path) -> Stops:
    """Return the list that was last in force here, for a start without Redis."""
    try:
        seal, _, body = (directory / COPY).read_bytes().partition(b"\n")
    except OSError:
        return Stops()
    return _read(body, seal.decode("ascii", "replace")) or Stops()


def _keep(directory: Path, found: dict[bytes, bytes]) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        new = directory / f"{COPY}.new"
        new.write_bytes(found[b"seal"] + b"\n" + found[b"body"])
        new.replace(directory / COPY)
    except OSError as error:  # full or read-only: the next start asks Redis
        logger.error("stops.copy_not_saved error=%s", error)


def _read(body: bytes, seal: str) -> Stops | None:
    if not body or not hmac.compare_digest(_seal(body), seal):
        return None
    return msgspec.json.decode(body, type=Stops)


def _seal(body: bytes) -> str:
    return hmac.new(seal_key(), b"stops\n" + body, "sha256").hexdigest()
