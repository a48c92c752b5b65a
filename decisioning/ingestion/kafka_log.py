"""The only place that knows Kafka: the event log as a topic of 256 partitions, each read from the position in Redis."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import redis
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from django.conf import settings

from consent import people
from decisioning.ingestion.log import (
    DEDUPE_MS,
    HARD_MARK,
    NO_MARK,
    Ask,
    AsyncRedisLog,
    Entry,
    LogAway,
    LogFull,
    Packed,
    RedisLog,
    Result,
)
from decisioning.ingestion.records import Record, encode_record

logger = logging.getLogger("decisioning")

DELIVERY_MS: Final = 2_000  # then the outcome of a record is unknown
FETCH: Final = 2_000  # records taken from the client's buffer at once
READ_S: Final = 5.0  # without a record that is known to be there
POLL_S: Final = 0.1
LOOK_S: Final = 0.5  # between two looks at where partitions end

Delivered = Callable[[KafkaError | None, Message], None]
_Held = tuple[Packed, int]  # and when it was written, epoch ms


class KafkaMisconfigured(Exception):
    """The topic cannot hold the log; the message says how to make it."""


def offset_of(stream_id: str) -> int:
    """Return the offset behind an id, where reading goes on.

    >>> offset_of("0-0"), offset_of("8-0")
    (0, 8)
    """
    return int(stream_id.partition("-")[0] or 0)


def id_of(offset: int) -> str:
    """Return the id of the record at an offset, behind "0-0" also for the first.

    >>> id_of(7)
    '8-0'
    """
    return f"{offset + 1}-0"


class _Sender:
    """A process's producer, whose answers a thread of its own fetches."""

    def __init__(self) -> None:
        own = {
            "enable.idempotence": True,  # acks=all; a retry of the client's own appends once
            "delivery.timeout.ms": DELIVERY_MS,
            "linger.ms": 2,
            "compression.type": "lz4",
        }
        self.producer = Producer(_options() | own)
        self._stopped = threading.Event()
        threading.Thread(target=self._fetch, name="kafka", daemon=True).start()

    def _fetch(self) -> None:
        while not self._stopped.is_set():
            self.producer.poll(POLL_S)

    def stop(self) -> None:
        """End the thread; what was not delivered is dropped."""
        self._stopped.set()
        self.producer.purge()


@cache
def _sender() -> _Sender:
    return _Sender()


def disconnect() -> None:
    """End this process's producer and this thread's consumers; the next use makes new ones."""
    if _sender.cache_info().currsize:
        _sender().stop()
    _sender.cache_clear()
    for reader in filter(None, (_readers.coming, _readers.any)):
        reader.close()
    _readers.coming = _readers.any = None


def _options() -> dict[str, Any]:
    servers = {"bootstrap.servers": settings.RTTS_KAFKA_SERVERS}
    return {**servers, "logger": logger, **settings.RTTS_KAFKA_OPTIONS}


def _produce(record: Record, delivered: Delivered) -> None:
    try:
        _sender().producer.produce(
            settings.RTTS_KAFKA_TOPIC,
            value=encode_record(record),
            key=record.person.encode(),
            partition=people.partition_of(record.person),
            on_delivery=delivered,
        )
    except BufferError as error:
        raise LogFull("Kafka does not take records fast enough; send the batch again later.") from (
            error
        )
    except KafkaException as error:
        raise LogAway(str(error)) from error


class _Reader:
    """A consumer that stands in each partition where it was last told to."""

    def __init__(self) -> None:
        self._consumer = Consumer(
            _options()
            | {
                "group.id": "rtts",  # named because it must be; positions are in Redis
                "enable.auto.commit": False,
                "auto.offset.reset": "error",  # what Kafka dropped unread must not be passed over
                "fetch.wait.max.ms": 50,
            }
        )
        self._next: dict[int, int] = {}  # partition -> offset that is read next
        self._held: dict[int, deque[_Held]] = {}
        self._read_ms: dict[int, int] = {}  # partition -> when its last record read was written
        self._check_topic()

    def close(self) -> None:
        """End the connection."""
        self._consumer.close()

    def _check_topic(self) -> None:
        topic = settings.RTTS_KAFKA_TOPIC
        found = self._consumer.list_topics(topic, timeout=READ_S).topics[topic].partitions
        if len(found) != people.PARTITIONS:
            raise KafkaMisconfigured(
                f"The topic {topic} has {len(found)} partitions: make it with {people.PARTITIONS}."
            )

    def read(
        self, since: Mapping[int, str], *, count: int, wait_s: float
    ) -> dict[int, list[Packed]]:
        """Return what stands behind an id in each partition, at most `count` each."""
        self._go_to({one: offset_of(stream_id) for one, stream_id in since.items()})
        if not any(self._held.get(one) for one in since):
            self._fetch(wait_s)
        found = {one: self._take(one, count) for one in since if self._held.get(one)}
        self._next |= {one: offset_of(rows[-1][0]) for one, rows in found.items()}
        return found

    def _take(self, partition: int, count: int) -> list[Packed]:
        held = self._held[partition]
        taken = [held.popleft() for _ in range(min(count, len(held)))]
        written_ms = max(at_ms for _, at_ms in taken)
        # Producers' clocks differ: time does not go back.
        self._read_ms[partition] = max(written_ms, self._read_ms.get(partition, 0))
        return [packed for packed, _ in taken]

    def written_ms(self, partition: int) -> int:
        """Return when what was read last was written, epoch ms; 0 where that is not known."""
        return self._read_ms.get(partition, 0)

    def _go_to(self, wanted: dict[int, int]) -> None:
        if all(self._next.get(one) == offset for one, offset in wanted.items()):
            return
        self._next, self._held = dict(wanted), {}
        topic = settings.RTTS_KAFKA_TOPIC
        self._consumer.assign(
            [
                TopicPartition(topic, one, offset or OFFSET_BEGINNING)
                for one, offset in wanted.items()
            ]
        )

    def _fetch(self, wait_s: float) -> None:
        first = self._consumer.poll(wait_s)
        if first is None:
            return
        for message in (first, *self._consumer.consume(FETCH, 0)):
            error = message.error()
            if error is not None:
                self._next = {}
                raise LogAway(str(error))
            entry = (id_of(message.offset() or 0), message.value() or b"")
            kind, at_ms = message.timestamp()
            held = (entry, 0 if kind == TIMESTAMP_NOT_AVAILABLE else at_ms)
            self._held.setdefault(message.partition() or 0, deque()).append(held)

    def ends(self, partitions: Sequence[int]) -> dict[int, int]:
        """Return the offset behind the newest record of each partition; a round trip for each broker.

        Raises:
            KafkaException: they do not answer.
        """
        topic = settings.RTTS_KAFKA_TOPIC
        asked = [TopicPartition(topic, one, OFFSET_END) for one in partitions]
        found = self._consumer.offsets_for_times(asked, timeout=READ_S)
        return {one.partition: one.offset for one in found if one.error is None}

    def last_id(self, partition: int) -> str:
        """Return the id of the newest record; "" of none."""
        place = TopicPartition(settings.RTTS_KAFKA_TOPIC, partition)
        low, high = self._consumer.get_watermark_offsets(place, timeout=READ_S)
        return id_of(high - 1) if high > low else ""


class _Ends:
    """Where partitions ended when somebody looked: who has read so far is caught up to that time.

    A partition that is never quiet is caught up with its end of a moment ago.
    """

    def __init__(self) -> None:
        self._ahead: dict[
            int, tuple[int, int]
        ] = {}  # partition -> (epoch ms, offset) to be reached
        self._reached: dict[int, int] = {}  # partition -> epoch ms
        self._next = 0.0

    def reached(self, until: Mapping[int, str], *, asked_ms: int) -> dict[int, int]:
        """Return up to which time each partition that is known to be caught up is."""
        if time.monotonic() >= self._next:
            self._look([one for one in until if one not in self._ahead], asked_ms=asked_ms)
        for partition, stream_id in until.items():
            at_ms, end = self._ahead.get(partition, (0, 0))
            if at_ms and offset_of(stream_id) >= end:
                self._reached[partition] = at_ms
                del self._ahead[partition]
        return {one: self._reached[one] for one in until if one in self._reached}

    def _look(self, partitions: Sequence[int], *, asked_ms: int) -> None:
        """Ask where partitions end now, which is later than `asked_ms`; without an answer nobody is caught up further."""
        self._next = time.monotonic() + LOOK_S
        try:
            ends = _any().ends(partitions) if partitions else {}
        except KafkaException as error:
            logger.warning("kafka.ends_unknown %s", error)
            return
        self._ahead |= {one: (asked_ms, offset) for one, offset in ends.items()}


class _Readers(threading.local):
    """A thread's consumers: one for what comes, one that goes back and forth."""

    def __init__(self) -> None:
        self.coming: _Reader | None = None
        self.any: _Reader | None = None


_readers = _Readers()


def _coming() -> _Reader:
    _readers.coming = _readers.coming or _Reader()
    return _readers.coming


def _any() -> _Reader:
    _readers.any = _readers.any or _Reader()
    return _readers.any


class KafkaLog:
    """The log as a topic; a repeat may stand in it, and is known by what `unrepeated` notes in Redis."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._ends: _Ends | None = None  # of who follows what comes

    def accept(self, records: Sequence[Record], *, mark: int = NO_MARK) -> list[Result]:
        known = self._client.mget(list(map(_seen_key, records))) if records else []
        results = _results(known)
        new = [one for one, what in zip(records, results, strict=True) if what == "accepted"]
        waiting, failed = len(new), list[KafkaError]()
        done = threading.Event()

        def delivered(error: KafkaError | None, message: Message) -> None:
            nonlocal waiting
            waiting -= 1
            if error is not None:
                failed.append(error)
            if not waiting:
                done.set()

        for record in new:
            _produce(record, delivered)
        if (new and not done.wait(2 * DELIVERY_MS / 1000)) or failed:
            raise LogAway(f"Kafka did not take every record: {failed[:1]}")
        return results

    def read(
        self, since: Mapping[int, str], *, count: int, wait_ms: int
    ) -> dict[int, list[Packed]]:
        return _coming().read(since, count=count, wait_s=wait_ms / 1000)

    def read_until(self, until: Mapping[int, str], *, asked_ms: int) -> dict[int, int]:
        self._ends = self._ends or _Ends()
        reached = self._ends.reached(until, asked_ms=asked_ms)
        found = {one: max(reached.get(one, 0), _coming().written_ms(one)) for one in until}
        return {one: at_ms for one, at_ms in found.items() if at_ms}

    def between(
        self, partition: int, *, since: str, until: str, count: int | None = None
    ) -> list[Packed]:
        found: list[Packed] = []
        last, end = since, time.monotonic() + READ_S
        while offset_of(last) < offset_of(until) and (count is None or len(found) < count):
            rows = _any().read({partition: last}, count=FETCH, wait_s=POLL_S).get(partition, [])
            if rows:
                last, end = rows[-1][0], time.monotonic() + READ_S
            elif time.monotonic() > end:
                raise LogAway(f"Partition {partition} ends at {last}, before {until}.")
            found += (row for row in rows if offset_of(row[0]) <= offset_of(until))
        return found[:count]

    def spans(
        self, wanted: Mapping[int, tuple[str, str]], *, count: int
    ) -> dict[int, list[Packed]]:
        return {
            partition: self.between(partition, since=since, until=until, count=count)
            for partition, (since, until) in wanted.items()
        }

    def last_id(self, partition: int) -> str:
        return _any().last_id(partition)

    def trim(self, until: Mapping[int, str]) -> None:
        """Do nothing: the topic's own retention drops what is old."""

    def drop(self, found: Mapping[int, Sequence[str]]) -> None:
        """Do nothing: a topic loses no single record."""

    def set_aside(self, partition: int, data: bytes) -> None:
        RedisLog(self._client).set_aside(partition, data)

    def unrepeated(self, found: Mapping[int, Sequence[Entry]]) -> dict[int, list[Entry]]:
        # The first to stand in the log is read first, and notes its own id: read again after a crash, it
        # finds itself.
        flat = [(one, *entry) for one, entries in found.items() for entry in entries]
        with self._client.pipeline(transaction=False) as pipe:
            for _, stream_id, record in flat:
                pipe.set(_seen_key(record), stream_id, nx=True, px=DEDUPE_MS, get=True)
            noted = pipe.execute()
        kept: dict[int, list[Entry]] = {one: [] for one in found}
        for (partition, stream_id, record), first in zip(flat, noted, strict=True):
            if first is None or first.decode() == stream_id:
                kept[partition].append((stream_id, record))
        return kept


class AsyncKafkaLog:
    """The same topic from an event loop."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def accept(self, records: Sequence[Record], *, mark: int = HARD_MARK) -> list[Result]:
        results = await self._known(records)
        loop = asyncio.get_running_loop()
        sent: list[asyncio.Future[None]] = []
        for record, what in zip(records, results, strict=True):
            if what == "accepted":
                future = loop.create_future()
                _produce(record, _tell(loop, future))
                sent.append(future)
        if sent:
            await asyncio.gather(*sent)
        return results

    async def _known(self, records: Sequence[Record]) -> list[Result]:
        """Return which records were read before; without Redis none, and the reader finds out."""
        if not records:
            return []
        try:
            (known,) = await self._ask([("MGET", *map(_seen_key, records))])
        except Exception:  # noqa: BLE001 - whatever a line to Redis raises
            known = None
        return _results(known if isinstance(known, list) else [None] * len(records))

    async def set_aside(self, records: Sequence[Record]) -> None:
        await AsyncRedisLog(self._ask).set_aside(records)


def _tell(loop: asyncio.AbstractEventLoop, future: "asyncio.Future[None]") -> Delivered:
    def settle(error: KafkaError | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(LogAway(str(error)))

    def delivered(error: KafkaError | None, message: Message) -> None:
        loop.call_soon_threadsafe(settle, error)

    return delivered


def _results(known: Sequence[Any]) -> list[Result]:
    return ["accepted" if one is None else "duplicate" for one in known]


def _seen_key(record: Record) -> str:
    return people.seen_key(people.partition_of(record.person), record.dedupe_id)
