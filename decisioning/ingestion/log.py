"""The only door into the partition streams: accepting records once, and reading them back in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import redis
import redis.asyncio

from consent import people
from decisioning.ingestion.records import Record, encode_record

Result = Literal["accepted", "duplicate"]

DEDUPE_MS: Final = 7 * 86_400_000  # a repeat of a message_id within this is not counted again
PUBLISHED_RATE: Final = 1_000  # events a second of the installation that streams are sized for
SOFT_MARK: Final = 30 * 60 * PUBLISHED_RATE // people.PARTITIONS  # records of one partition
HARD_MARK: Final = 2 * SOFT_MARK
NO_MARK: Final = 2**53  # what is already accepted, and only moves, always fits
QUARANTINE_LENGTH: Final = 1_000  # records kept of a partition, the newest
RECORDS_PER_ROUND_TRIP: Final = 100
FIELD: Final = b"r"

# KEYS: stream, a dedupe key for each record.  ARGV: mark, dedupe window in ms, the records.
# Returns a stream id for each record, "" for a repeat; false where the stream is at its mark.
_ACCEPT: Final = """
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return false end
local ids = {}
for i = 2, #KEYS do
  if redis.call('SET', KEYS[i], '1', 'NX', 'PX', ARGV[2]) then
    ids[i - 1] = redis.call('XADD', KEYS[1], '*', 'r', ARGV[i + 1])
  else
    ids[i - 1] = ''
  end
end
return ids
"""


class LogFull(Exception):
    """A partition's stream is at its mark; send the batch again later."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One script call: the records of one partition, by their place in the batch."""

    places: list[int]
    keys: list[str]
    args: list[Any]


def accept(
    client: "redis.Redis", records: Sequence[Record], *, mark: int = NO_MARK
) -> list[Result]:
    """Append records to their partitions' streams, each message_id once, and say which were repeats.

    One script for each partition. What was appended before a failure stays, and is a repeat next time.

    Raises:
        LogFull: a stream holds `mark` records or more.
        redis.RedisError: the outcome is unknown; accept the same records again.
    """
    results: list[Result] = ["duplicate"] * len(records)
    script = client.register_script(_ACCEPT)
    for calls in _rounds(_calls(records, mark)):
        with client.pipeline(transaction=False) as pipe:
            for call in calls:
                script(keys=call.keys, args=call.args, client=pipe)
            _read(results, calls, pipe.execute())
    return results


async def accept_async(
    client: "redis.asyncio.Redis", records: Sequence[Record], *, mark: int = HARD_MARK
) -> list[Result]:
    """Do as `accept` from an event loop; each round trip has the client's timeout."""
    results: list[Result] = ["duplicate"] * len(records)
    script = client.register_script(_ACCEPT)
    for calls in _rounds(_calls(records, mark)):
        async with client.pipeline(transaction=False) as pipe:
            for call in calls:
                await script(keys=call.keys, args=call.args, client=cast("Any", pipe))
            _read(results, calls, await pipe.execute())
    return results


def _calls(records: Sequence[Record], mark: int) -> Iterator[_Call]:
    by_partition: dict[int, _Call] = {}
    for place, record in enumerate(records):
        partition = people.partition_of(record.person)
        call = by_partition.setdefault(
            partition, _Call([], [people.stream_key(partition)], [mark, DEDUPE_MS])
        )
        call.places.append(place)
        call.keys.append(people.seen_key(partition, record.dedupe_id))
        call.args.append(encode_record(record))
    yield from by_partition.values()


def _rounds(calls: Iterator[_Call]) -> Iterator[list[_Call]]:
    """Group calls, so that no round trip waits long for the server."""
    group: list[_Call] = []
    size = 0
    for call in calls:
        group.append(call)
        size += len(call.places)
        if size >= RECORDS_PER_ROUND_TRIP:
            yield group
            group, size = [], 0
    if group:
        yield group


def _read(results: list[Result], calls: Sequence[_Call], replies: Sequence[Any]) -> None:
    for call, ids in zip(calls, replies, strict=True):
        if not isinstance(ids, list):
            raise LogFull(f"The stream {call.keys[0]} is full; send the batch again later.")
        for place, stream_id in zip(call.places, ids, strict=True):
            if stream_id:
                results[place] = "accepted"


async def quarantine(client: "redis.asyncio.Redis", records: Sequence[Record]) -> None:
    """Keep records that came from the future for a person to look at; nothing is folded from them."""
    async with client.pipeline(transaction=False) as pipe:
        for record in records:
            key = people.quarantine_key(people.partition_of(record.person))
            pipe.xadd(
                key, {FIELD: encode_record(record)}, maxlen=QUARANTINE_LENGTH, approximate=True
            )
        await pipe.execute()
