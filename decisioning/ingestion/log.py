"""The only door into the partition streams: accepting records once, and reading them back in order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, cast

import redis
import redis.asyncio

from consent import people
from decisioning.ingestion.records import Record, encode_record

Result = Literal["accepted", "duplicate"]
Packed = tuple[str, bytes]  # id, packed record; b"" where there is none

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


class EventLog(Protocol):
    """What the product asks of a log: partitions of records, each in the order of their ids.

    Ids are texts that `stream_order` orders; "0-0" stands before all of them.
    """

    def accept(self, records: Sequence[Record], *, mark: int = NO_MARK) -> list[Result]:
        """Append records to their partitions, each message_id once, and say which were repeats.

        What was appended before a failure stays, and is a repeat next time.

        Raises:
            LogFull: a partition holds `mark` records or more.
            redis.RedisError: the outcome is unknown; accept the same records again.
        """

    def read(
        self, since: Mapping[int, str], *, count: int, wait_ms: int
    ) -> dict[int, list[Packed]]:
        """Return what stands behind an id in each partition, at most `count` each; waits for a first one."""

    def between(
        self, partition: int, *, since: str, until: str, count: int | None = None
    ) -> list[Packed]:
        """Return what stands behind `since` up to and with `until`."""

    def last_id(self, partition: int) -> str:
        """Return the id of the newest record held; "" of none."""

    def trim(self, until: Mapping[int, str]) -> None:
        """Drop what stands before an id in each partition; the record at it may stay."""

    def set_aside(self, partition: int, data: bytes) -> None:
        """Keep what cannot be folded for a person to look at, the newest of a partition."""


class AsyncEventLog(Protocol):
    """What event loops ask of the same log."""

    async def accept(self, records: Sequence[Record], *, mark: int = HARD_MARK) -> list[Result]:
        """Do as `EventLog.accept`; each round trip has the client's timeout."""

    async def set_aside(self, records: Sequence[Record]) -> None:
        """Keep records that came from the future for a person to look at; nothing is folded from them."""


def event_log(client: "redis.Redis") -> EventLog:
    """Return the log that this installation keeps; the place where another kind is chosen."""
    return RedisLog(client)


def async_event_log(client: "redis.asyncio.Redis") -> AsyncEventLog:
    """Return the same log for an event loop."""
    return AsyncRedisLog(client)


@dataclass(frozen=True, slots=True)
class _Call:
    """One script call: the records of one partition, by their place in the batch."""

    places: list[int]
    keys: list[str]
    args: list[Any]


class RedisLog:
    """The log as Redis Streams: one script for each partition of a batch dedupes and appends."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client

    def accept(self, records: Sequence[Record], *, mark: int = NO_MARK) -> list[Result]:
        results: list[Result] = ["duplicate"] * len(records)
        script = self._client.register_script(_ACCEPT)
        for calls in _rounds(_calls(records, mark)):
            with self._client.pipeline(transaction=False) as pipe:
                for call in calls:
                    script(keys=call.keys, args=call.args, client=pipe)
                _read(results, calls, pipe.execute())
        return results

    def read(
        self, since: Mapping[int, str], *, count: int, wait_ms: int
    ) -> dict[int, list[Packed]]:
        streams: Any = {people.stream_key(one): stream_id for one, stream_id in since.items()}
        replies: Any = self._client.xread(streams, count=count, block=wait_ms)
        rows = replies.items() if isinstance(replies, dict) else replies
        return {int(key[2:5]): _packed(_flat(values)) for key, values in rows}

    def between(
        self, partition: int, *, since: str, until: str, count: int | None = None
    ) -> list[Packed]:
        key = people.stream_key(partition)
        return _packed(self._client.xrange(key, min=f"({since}", max=until, count=count))

    def last_id(self, partition: int) -> str:
        found: Any = self._client.xrevrange(people.stream_key(partition), count=1)
        return found[0][0].decode() if found else ""

    def trim(self, until: Mapping[int, str]) -> None:
        with self._client.pipeline(transaction=False) as pipe:
            for partition, stream_id in until.items():
                pipe.xtrim(people.stream_key(partition), minid=stream_id, approximate=False)
            pipe.execute()

    def set_aside(self, partition: int, data: bytes) -> None:
        key = people.quarantine_key(partition)
        self._client.xadd(key, {FIELD: data}, maxlen=QUARANTINE_LENGTH, approximate=True)


class AsyncRedisLog:
    """The same streams from an event loop."""

    def __init__(self, client: "redis.asyncio.Redis") -> None:
        self._client = client

    async def accept(self, records: Sequence[Record], *, mark: int = HARD_MARK) -> list[Result]:
        results: list[Result] = ["duplicate"] * len(records)
        script = self._client.register_script(_ACCEPT)
        for calls in _rounds(_calls(records, mark)):
            async with self._client.pipeline(transaction=False) as pipe:
                for call in calls:
                    await script(keys=call.keys, args=call.args, client=cast("Any", pipe))
                _read(results, calls, await pipe.execute())
        return results

    async def set_aside(self, records: Sequence[Record]) -> None:
        async with self._client.pipeline(transaction=False) as pipe:
            for record in records:
                key = people.quarantine_key(people.partition_of(record.person))
                data = encode_record(record)
                pipe.xadd(key, {FIELD: data}, maxlen=QUARANTINE_LENGTH, approximate=True)
            await pipe.execute()


def _packed(found: Any) -> list[Packed]:
    return [(stream_id.decode(), fields.get(FIELD, b"")) for stream_id, fields in found]


def _flat(values: Any) -> list[Any]:
    """Return stream entries as pairs, whichever protocol version nests them."""
    if values and isinstance(values[0], list):
        return [entry for part in values for entry in part]
    return list(values)


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
