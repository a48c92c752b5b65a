"""The only door to the set of aggregates that workers keep, as it is published in Redis."""

from collections.abc import Iterable
from typing import Any

import msgspec
import redis

from decisioning.profiles.aggregates import LiveSet, families_of
from decisioning.specs import AggregateSpec

LIVE_KEY = "aggregates:live"  # packed LiveSet
VERSION_KEY = "aggregates:version"  # its version, for cheap polls

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(LiveSet)


def load_live(connection: "redis.Redis") -> LiveSet:
    """Return the published set; empty before the first."""
    data: Any = connection.get(LIVE_KEY)
    return LiveSet() if data is None else _decoder.decode(data)


def announce(connection: "redis.Redis", specs: Iterable[AggregateSpec]) -> LiveSet:
    """Publish all that workers are to keep from now on, and return it; unchanged where it is the same.

    Families that were not kept before begin a new generation; `ingestion.backfill` completes those.
    One announcer at a time wins, the others read again.
    """
    wanted = tuple(sorted({spec.key: spec for spec in specs}.values(), key=lambda one: one.key))
    with connection.pipeline() as pipe:
        while True:
            try:
                pipe.watch(LIVE_KEY)  # type: ignore[no-untyped-call]  # redis-py leaves it so
                now = load_live(pipe)
                if now.version and now.specs == wanted and now.generations.keys() == _keys(wanted):
                    return now
                following = _following(now, wanted)
                pipe.multi()
                pipe.set(LIVE_KEY, _encoder.encode(following))
                pipe.set(VERSION_KEY, following.version)
                pipe.execute()
                return following
            except redis.WatchError:
                continue


def _following(now: LiveSet, wanted: tuple[AggregateSpec, ...]) -> LiveSet:
    version = now.version + 1
    generations = {key: now.generations.get(key, version) for key in _keys(wanted)}
    return LiveSet(version, wanted, generations)


def _keys(specs: tuple[AggregateSpec, ...]) -> set[str]:
    return {family.key for spec in specs for family in families_of(spec)}
