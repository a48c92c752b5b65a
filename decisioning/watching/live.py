"""The only door to what is watched, as it is published in Redis, and to how far each partition's people were seen."""

from typing import Any

import msgspec
import redis

from consent import people
from decisioning.watching.watch_set import WatchSet

LIVE_KEY = "watch:live"  # packed WatchSet
VERSION_KEY = "watch:version"  # its version, for cheap polls

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(WatchSet)

# KEYS: set, version.  ARGV: version as known, set, version from now on.
_PUBLISH = """
if (redis.call('GET', KEYS[2]) or '0') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[3])
return 1
"""


class Swept(msgspec.Struct, array_like=True):
    """How far everybody of a partition was looked at for what is watched."""

    version: int = 0  # of the set that `after` is about
    known: tuple[str, ...] = ()  # segments for which everybody was looked at
    after: str = ""  # the last person looked at for this version
    is_done: bool = False


def load_watched(connection: "redis.Redis") -> WatchSet:
    """Return the published set; empty before the first."""
    data: Any = connection.get(LIVE_KEY)
    return WatchSet() if data is None else _decoder.decode(data)


def publish_watched(connection: "redis.Redis", following: WatchSet, *, before: WatchSet) -> bool:
    """Have workers watch this from now on; False where somebody else published meanwhile."""
    if following == before:
        return True
    packed = _encoder.encode(following)
    args = (before.version, packed, following.version)
    done: Any = connection.eval(_PUBLISH, 2, LIVE_KEY, VERSION_KEY, *args)
    return bool(done)


def load_swept(connection: "redis.Redis", partitions: list[int]) -> dict[int, Swept]:
    """Return how far partitions are; one round trip."""
    with connection.pipeline(transaction=False) as pipe:
        for partition in partitions:
            pipe.hget(people.watching_key(partition), "swept")
        rows = pipe.execute()
    return {
        partition: msgspec.msgpack.decode(row, type=Swept) if row else Swept()
        for partition, row in zip(partitions, rows, strict=True)
    }


def save_swept(connection: "redis.Redis", partition: int, swept: Swept) -> None:
    """Note how far a partition is."""
    connection.hset(people.watching_key(partition), "swept", msgspec.msgpack.encode(swept))


def sweep_again(connection: "redis.Redis", partitions: list[int]) -> None:
    """Have everybody of these partitions looked at anew; timers that were lost are set again."""
    for partition, swept in load_swept(connection, partitions).items():
        if swept.version:
            save_swept(connection, partition, Swept(0, swept.known))
