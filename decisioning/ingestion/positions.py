"""The only place that reads how far partitions are, and lets them take up new aggregates."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import redis

from consent import people
from decisioning.ingestion.records import stream_order
from decisioning.profiles.aggregates import Aggregates

START: Final = "0-0"
_FIELDS: Final = ("folded", "archived", "aggregates", "rebuilds")

# KEYS: position, aggregates.  ARGV: folded as known, version as known, new version, then family and
# "generation:position" pairs.  A family keeps the entry of its generation.
_TAKE_UP: Final = """
local folded = redis.call('HGET', KEYS[1], 'folded') or '0-0'
local version = redis.call('HGET', KEYS[1], 'aggregates') or '0'
if folded ~= ARGV[1] or version ~= ARGV[2] then return 0 end
local known = redis.call('HGETALL', KEYS[2])
local before = {}
for i = 1, #known, 2 do before[known[i]] = known[i + 1] end
redis.call('DEL', KEYS[2])
for i = 4, #ARGV, 2 do
  local old = before[ARGV[i]]
  local same = old and string.match(old, '^%d+:') == string.match(ARGV[i + 1], '^%d+:')
  redis.call('HSET', KEYS[2], ARGV[i], same and old or ARGV[i + 1])
end
redis.call('HSET', KEYS[1], 'aggregates', ARGV[3])
return 1
"""


@dataclass(slots=True)
class Position:
    """How far a partition is; stream ids."""

    folded: str = START
    archived: str = START
    aggregates: int = 0  # version of the set that records behind `folded` are folded with
    rebuilds: int = (
        0  # how often profiles were rebuilt; one read before a rebuild must not be committed
    )

    @property
    def is_archived(self) -> bool:
        return stream_order(self.archived) >= stream_order(self.folded)

    @property
    def done(self) -> str:
        """The last record that is both folded and archived."""
        return min(self.folded, self.archived, key=stream_order)


def load_positions(client: "redis.Redis", partitions: Iterable[int]) -> dict[int, Position]:
    """Return the positions of partitions; one round trip."""
    asked = list(partitions)
    with client.pipeline(transaction=False) as pipe:
        for partition in asked:
            pipe.hmget(people.position_key(partition), *_FIELDS)
        rows = pipe.execute()
    return {
        partition: Position(_text(row[0]), _text(row[1]), int(row[2] or 0), int(row[3] or 0))
        for partition, row in zip(asked, rows, strict=True)
    }


def _text(value: bytes | None) -> str:
    return START if value is None else value.decode()


def take_up(client: "redis.Redis", known: dict[int, Position], aggregates: Aggregates) -> list[int]:
    """Have partitions fold with a set of aggregates from where they stand, and return those that do now.

    A family new to a partition is noted with the position at which it was taken up: what came before
    is the backfill's. One round trip.
    """
    script = client.register_script(_TAKE_UP)
    asked = [one for one, position in known.items() if position.aggregates < aggregates.version]
    with client.pipeline(transaction=False) as pipe:
        for partition in asked:
            position = known[partition]
            keys = [people.position_key(partition), people.aggregates_key(partition)]
            pairs = _pairs(aggregates, position.folded)
            args = [position.folded, position.aggregates, aggregates.version, *pairs]
            script(keys=keys, args=args, client=pipe)
        replies = pipe.execute() if asked else []
    return [partition for partition, done in zip(asked, replies, strict=True) if done]


def _pairs(aggregates: Aggregates, folded: str) -> list[Any]:
    return [
        part
        for key, generation in aggregates.generations.items()
        for part in (key, f"{generation}:{folded}")
    ]


def taken_up(client: "redis.Redis", partition: int) -> dict[str, tuple[int, str]]:
    """Return the families that a partition keeps: family -> (generation, position at take-up)."""
    rows: Any = client.hgetall(people.aggregates_key(partition))
    return {key.decode(): _generation_and_position(value.decode()) for key, value in rows.items()}


def _generation_and_position(value: str) -> tuple[int, str]:
    generation, _, position = value.partition(":")
    return int(generation), position
