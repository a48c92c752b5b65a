"""The only door into the partition streams: accepting records once, and reading them back in order."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, Protocol

import redis
from django.conf import settings

from consent import people
from decisioning.ingestion.records import Record, encode_record
from decisioning.link import Command
from rtts_site.foundation.redis_clients import digest_of

Result = Literal["accepted", "duplicate"]
Entry = tuple[str, Record]  # id, record
Packed = tuple[str, bytes]  # id, packed record; b"" where there is none
Ask = Callable[[Sequence[Command]], Awaitable[Sequence[Any]]]  # sends commands at once

DEDUPE_MS: Final = 7 * 86_400_000  # a repeat of a message_id within this is not counted again
PUBLISHED_RATE: Final = 1_000  # events a second of the installation that streams are sized for
SOFT_MARK: Final = 30 * 60 * PUBLISHED_RATE // people.PARTITIONS  # records of one partition
HARD_MARK: Final = 2 * SOFT_MARK
NO_MARK: Final = 2**53  # what is already accepted, and only moves, always fits
QUARANTINE_LENGTH: Final = 1_000  # records kept of a partition, the newest
QUARANTINE_SECONDS: Final = 30 * 86_400  # since the last one came; they are personal data
RECORDS_PER_CALL: Final = 100
FIELD: Final = b"r"

# KEYS: the streams, then a dedupe key for each record.  ARGV: how many streams, mark, dedupe window in ms,
# then for each record the place of its stream and its bytes.
# Returns a stream id for each record, "" for a repeat; the name of a stream that is at its mark, and then
# nothing was appended.
_ACCEPT: Final = """
local streams = tonumber(ARGV[1])
for i = 1, streams do
  if redis.call('XLEN', KEYS[i]) >= tonumber(ARGV[2]) then return KEYS[i] end
end
local ids = {}
for i = 1, #KEYS - streams do
  if redis.call('SET', KEYS[streams + i], '', 'NX', 'PX', ARGV[3]) then
    ids[i] = redis.call('XADD', KEYS[tonumber(ARGV[2 + 2 * i])], '*', 'r', ARGV[3 + 2 * i])
  else
    ids[i] = ''
  end
end
return ids
"""
_ACCEPT_SHA: Final = digest_of(_ACCEPT)


class LogFull(Exception):
    """A partition's stream is at its mark; send the batch again later."""


class LogAway(Exception):
    """The log gave no answer: the outcome is unknown, so accept the same records again."""


class EventLog(Protocol):
    """What the product asks of a log: partitions of records, each in the order of their ids.

    Ids are texts that `stream_order` orders; "0-0" stands before all of them.
    """

    def accept(self, records: Sequence[Record], *, mark: int = NO_MARK) -> list[Result]:
        """Append records to their partitions, each message_id once, and say which were repeats.

        What was appended before a failure stays, and is a repeat next time.

        Raises:
            LogFull: a partition holds `mark` records or more.
            LogAway, redis.RedisError: the outcome is unknown; accept the same records again.
        """

    def read(
        self, since: Mapping[int, str], *, count: int, wait_ms: int
    ) -> dict[int, list[Packed]]:
        """Return what stands behind an id in each partition, at most `count` each; waits for a first one."""

    def read_until(self, until: Mapping[int, str], *, asked_ms: int) -> dict[int, int]:
        """Return up to which time, epoch ms, partitions are read that are read to an id in `until`.

        All that was accepted before that time stands up to that id, as far as `read` went, which was asked at
        `asked_ms`. A partition of which that is not known is left out.
        """

    def between(
        self, partition: int, *, since: str, until: str, count: int | None = None
    ) -> list[Packed]:
        """Return what stands behind `since` up to and with `until`."""

    def spans(
        self, wanted: Mapping[int, tuple[str, str]], *, count: int
    ) -> dict[int, list[Packed]]:
        """Do as `between` for the (since, until) of many partitions, at most `count` of each."""

    def last_id(self, partition: int) -> str:
        """Return the id of the newest record held; "" of none."""

    def trim(self, until: Mapping[int, str]) -> None:
        """Drop what stands before an id in each partition; the record at it may stay."""

    def drop(self, found: Mapping[int, Sequence[str]]) -> None:
        """Drop records of people who were erased, by their ids in each partition, where the log can."""

    def set_aside(self, partition: int, data: bytes) -> None:
        """Keep what cannot be folded for a person to look at, the newest of a partition."""

    def unrepeated(self, found: Mapping[int, Sequence[Entry]]) -> dict[int, list[Entry]]:
        """Return what was read, in order, without what repeats a record that stands before it in the log."""


class AsyncEventLog(Protocol):
    """What event loops ask of the same log."""

    async def accept(self, records: Sequence[Record], *, mark: int = HARD_MARK) -> list[Result]:
        """Do as `EventLog.accept`; raises what the loop's line to Redis raises."""

    async def set_aside(self, records: Sequence[Record]) -> None:
        """Keep records that came from the future for a person to look at; nothing is folded from them."""


def event_log(client: "redis.Redis") -> EventLog:
    """Return the log that this installation keeps, as RTTS_EVENT_LOG says."""
    if settings.RTTS_EVENT_LOG == "kafka":
        from decisioning.ingestion.kafka_log import KafkaLog  # an optional package

        return KafkaLog(client)
    return RedisLog(client)


def async_event_log(ask: Ask) -> AsyncEventLog:
    """Return the same log for an event loop; `ask` is the loop's line to Redis."""
    if settings.RTTS_EVENT_LOG == "kafka":
        from decisioning.ingestion.kafka_log import AsyncKafkaLog

        return AsyncKafkaLog(ask)
    return AsyncRedisLog(ask)


class _Call:
    """One script call for some records of a batch."""

    def __init__(self) -> None:
        self.places: list[int] = []  # of the records in the batch
        self._streams: dict[int, int] = {}  # partition -> place of its stream, from 1
        self._seen: list[str] = []
        self._records: list[Any] = []

    def add(self, place: int, record: Record, partition: int) -> None:
        self.places.append(place)
        stream = self._streams.setdefault(partition, len(self._streams) + 1)
        self._seen.append(people.seen_key(partition, record.dedupe_id))
        self._records += (str(stream), encode_record(record))

    def command(self, mark: int, *, whole: bool = False) -> Command:
        """Return the call, by the script's digest or with the `whole` script."""
        script = ("EVAL", _ACCEPT) if whole else ("EVALSHA", _ACCEPT_SHA)
        streams = [people.stream_key(one) for one in self._streams]
        head = (str(len(streams) + len(self._seen)), *streams, *self._seen)
        return (*script, *head, str(len(streams)), str(mark), str(DEDUPE_MS), *self._records)

    def read(self, reply: Any, results: list[Result]) -> None:
        """Note which records were new.

        Raises:
            LogFull: nothing of this call was appended.
            redis.ResponseError: what the server answered.
        """
        if isinstance(reply, Exception):
            raise reply
        if not isinstance(reply, list):
            raise LogFull(f"The stream {reply.decode()} is full; send the batch again later.")
        for place, stream_id in zip(self.places, reply, strict=True):
            if stream_id:
                results[place] = "accepted"


def _calls(records: Sequence[Record]) -> Iterator[_Call]:
    """Yield script calls short enough to hold nobody up; on a cluster each keeps to one partition's slot."""
    is_cluster = settings.RTTS_REDIS_CLUSTER
    for start in range(0, len(records), RECORDS_PER_CALL):
        calls: dict[int, _Call] = {}
        for place in range(start, min(start + RECORDS_PER_CALL, len(records))):
            partition = people.partition_of(records[place].person)
            slot = partition if is_cluster else 0
            calls.setdefault(slot, _Call()).add(place, records[place], partition)
        yield from calls.values()


class RedisLog:
    """The log as Redis Streams: one script dedupes and appends, all or nothing."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._has_more: set[int] = set()  # partitions that the last read did not read to their end

    def accept(self, records: Sequence[Record], *, mark: int = NO_MARK) -> list[Result]:
        results: list[Result] = ["duplicate"] * len(records)
        ask: Callable[..., Any] = self._client.execute_command
        for call in _calls(records):
            try:
                reply = ask(*call.command(mark))
            except redis.exceptions.NoScriptError:
                reply = ask(*call.command(mark, whole=True))
            call.read(reply, results)
        return results

    def read(
        self, since: Mapping[int, str], *, count: int, wait_ms: int
    ) -> dict[int, list[Packed]]:
        streams: Any = {people.stream_key(one): stream_id for one, stream_id in since.items()}
        replies: Any = self._client.xread(streams, count=count, block=wait_ms)
        rows = replies.items() if isinstance(replies, dict) else replies
        found = {int(key[2:5]): _packed(_flat(values)) for key, values in rows}
        self._has_more = {one for one, packed in found.items() if len(packed) >= count}
        return found

    def read_until(self, until: Mapping[int, str], *, asked_ms: int) -> dict[int, int]:
        return {
            one: int(stream_id.partition("-")[0]) if one in self._has_more else asked_ms
            for one, stream_id in until.items()
        }

    def between(
        self, partition: int, *, since: str, until: str, count: int | None = None
    ) -> list[Packed]:
        key = people.stream_key(partition)
        return _packed(self._client.xrange(key, min=f"({since}", max=until, count=count))

    def spans(
        self, wanted: Mapping[int, tuple[str, str]], *, count: int
    ) -> dict[int, list[Packed]]:
        with self._client.pipeline(transaction=False) as pipe:
            for partition, (since, until) in wanted.items():
                key = people.stream_key(partition)
                pipe.xrange(key, min=f"({since}", max=until, count=count)
            replies = pipe.execute()
        return dict(zip(wanted, map(_packed, replies), strict=True))

    def last_id(self, partition: int) -> str:
        found: Any = self._client.xrevrange(people.stream_key(partition), count=1)
        return found[0][0].decode() if found else ""

    def trim(self, until: Mapping[int, str]) -> None:
        with self._client.pipeline(transaction=False) as pipe:
            for partition, stream_id in until.items():
                pipe.xtrim(people.stream_key(partition), minid=stream_id, approximate=False)
            pipe.execute()

    def drop(self, found: Mapping[int, Sequence[str]]) -> None:
        if not any(found.values()):
            return
        with self._client.pipeline(transaction=False) as pipe:
            for partition, ids in found.items():
                if ids:
                    pipe.xdel(people.stream_key(partition), *ids)
            pipe.execute()

    def set_aside(self, partition: int, data: bytes) -> None:
        key = people.quarantine_key(partition)
        self._client.xadd(key, {FIELD: data}, maxlen=QUARANTINE_LENGTH, approximate=True)
        self._client.expire(key, QUARANTINE_SECONDS)

    def unrepeated(self, found: Mapping[int, Sequence[Entry]]) -> dict[int, list[Entry]]:
        return {one: list(entries) for one, entries in found.items()}  # acceptance keeps them out


class AsyncRedisLog:
    """The same streams from an event loop."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def accept(self, records: Sequence[Record], *, mark: int = HARD_MARK) -> list[Result]:
        results: list[Result] = ["duplicate"] * len(records)
        for call in _calls(records):
            (reply,) = await self._ask([call.command(mark)])
            if isinstance(reply, redis.exceptions.NoScriptError):
                (reply,) = await self._ask([call.command(mark, whole=True)])
            call.read(reply, results)
        return results

    async def set_aside(self, records: Sequence[Record]) -> None:
        await self._ask([one for record in records for one in _aside_commands(record)])


def _aside_commands(record: Record) -> list[Command]:
    key = people.quarantine_key(people.partition_of(record.person))
    limit = ("MAXLEN", "~", str(QUARANTINE_LENGTH))
    return [
        ("XADD", key, *limit, "*", FIELD, encode_record(record)),
        ("EXPIRE", key, str(QUARANTINE_SECONDS)),
    ]


def _packed(found: Any) -> list[Packed]:
    return [(stream_id.decode(), fields.get(FIELD, b"")) for stream_id, fields in found]


def _flat(values: Any) -> list[Any]:
    """Return stream entries as pairs, whichever protocol version nests them."""
    if values and isinstance(values[0], list):
        return [entry for part in values for entry in part]
    return list(values)
