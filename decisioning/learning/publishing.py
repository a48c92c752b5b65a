"""How learned values reach every process: versioned apart from releases, published to Redis by a job."""

from typing import Any, Final

import msgspec
import redis

LEARNED_KEY: Final = "learned:bandit"
VERSION_KEY: Final = "learned:bandit:version"


class Learned(msgspec.Struct, frozen=True):
    """What a job learned; version 0 is nothing yet."""

    version: int = 0
    rates: dict[str, float] = {}  # "offer|placement" -> posterior mean of the outcome rate, [0, 1]


_decoder = msgspec.msgpack.Decoder(Learned)


def publish_rates(client: redis.Redis, rates: dict[str, float]) -> Learned:
    """Give the rates to every process under a new version, and return them with it."""
    version: Any = client.incr(VERSION_KEY)
    learned = Learned(int(version), rates)
    client.set(LEARNED_KEY, msgspec.msgpack.encode(learned))
    return learned


def load_learned(client: redis.Redis, *, known: Learned) -> Learned:
    """Return what was published last; `known` again where it is that. One round trip, two for news."""
    version: Any = client.get(VERSION_KEY)
    if version is None or int(version) == known.version:
        return known
    data: Any = client.get(LEARNED_KEY)
    return known if data is None else _decoder.decode(data)
