"""The only place that keeps what PostgreSQL cannot hold, so that one such entry never stops the others."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec
import psycopg
import redis
from django.db import DataError, IntegrityError

from consent import people
from rtts_site.foundation import metrics

Entry = TypeVar("Entry")

logger = logging.getLogger("decisioning")

KEPT: Final = 1_000  # entries of a partition; more are counted in the metric alone
KEPT_SECONDS: Final = 30 * 86_400  # since the last one came

# What an entry is to blame for; COPY raises the driver's own errors. All else is the store's, and passes.
_FAULTS: Final = (
    ArithmeticError,
    DataError,
    IntegrityError,
    LookupError,
    TypeError,
    ValueError,
    msgspec.MsgspecError,
    psycopg.DataError,
    psycopg.IntegrityError,
)

# KEYS: hash.  ARGV: field, value, entries kept, seconds kept.  Whoever comes again finds it there.
_KEEP: Final = """
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
local added = redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return added
"""


@dataclass(frozen=True, slots=True)
class Aside:
    """An entry that cannot be written, and what its writing raised."""

    partition: int
    place: str  # log and id in it: "decisions:1763-0"
    data: bytes
    error: Exception


def write_sound(
    entries: Sequence[Entry], write: Callable[[Sequence[Entry]], None]
) -> list[tuple[Entry, Exception]]:
    """Write entries and return those that cannot be written, each with why.

    `write` writes all that it is given or nothing. One bad entry among n costs about 2 log n more calls.

    Raises:
        Exception: what `write` raised that no single entry is to blame for.
    """
    if not entries:
        return []
    try:
        write(entries)
    except _FAULTS as error:
        if len(entries) == 1:
            return [(entries[0], error)]
    else:
        return []
    middle = len(entries) // 2
    return write_sound(entries[:middle], write) + write_sound(entries[middle:], write)


def set_aside(client: "redis.Redis", found: Iterable[Aside]) -> None:
    """Keep entries for a person to look at, each once; they are personal data, so not for ever."""
    script = client.register_script(_KEEP)
    for one in found:
        reason = type(one.error).__name__
        logger.error(
            "archive.set_aside partition=%s at=%s reason=%s", one.partition, one.place, reason
        )
        metrics.SET_ASIDE.inc()
        key = people.unarchived_key(one.partition)
        script(keys=[key], args=[one.place, one.data, KEPT, KEPT_SECONDS])


def count_set_aside(client: "redis.Redis") -> int:
    """Return how many entries are kept; one round trip."""
    with client.pipeline(transaction=False) as pipe:
        for partition in range(people.PARTITIONS):
            pipe.hlen(people.unarchived_key(partition))
        return sum(pipe.execute())
