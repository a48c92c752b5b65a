"""The only place where the intake notes what came, off the request: repeats, refusals, items for the debugger."""

import logging
import re
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import redis

from decisioning.ingestion.records import Record, encode_record
from decisioning.ingestion.refusals import Refusal
from decisioning.observing import batches, debugging
from decisioning.observing.debugging import Came
from decisioning.observing.schemas import Violation
from decisioning.observing.tallying import Tally

logger = logging.getLogger("decisioning")

SECRETS: Final = frozenset({"writeKey", "write_key", "api_key", "token", "proof"})
_KEY: Final = re.compile(rb"rtts_[a-z]{2}_[A-Za-z0-9_-]+")  # wherever a client puts it
RING: Final = 20  # items of a source that are remembered until somebody watches
RING_MS: Final = 600_000
MOST_SOURCES: Final = 200
ROUND_SECONDS: Final = 0.5
FLUSH_SECONDS: Final = 5.0

_Item = tuple[int, bytes, Record | None, Refusal | None]  # when, as sent, and what was made of it


class Notes:
    """One of a process of the fast paths: requests note, a thread puts down."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._lock = threading.Lock()
        self._tally = Tally()
        self._rings: dict[str, deque[_Item]] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notes", daemon=True)
        self._flush_at = 0.0

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what was counted is put down first."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def repeated(self, records: Sequence[Record]) -> None:
        """Count records that came again."""
        with self._lock:
            for one in records:
                self._count(one.received_at_ms, one.source, one.event).duplicates += 1

    def refused(self, refusals: Sequence[Refusal], *, source: str, at_ms: int) -> None:
        """Count items that were refused."""
        with self._lock:
            for one in refusals:
                event = one.quarantined.event if one.quarantined is not None else ""
                self._count(at_ms, source, event).refused += 1

    def wrong(self, found: Sequence[tuple[Record, Violation]]) -> None:
        """Count what is wrong with events that were taken all the same."""
        with self._lock:
            for record, _ in found:
                self._count(record.received_at_ms, record.source, record.event).watched += 1

    def _count(self, at_ms: int, source: str, event: str) -> batches.HourCount:
        return self._tally.count(at_ms=at_ms, source=source, event=event)

    def came(
        self,
        items: Sequence[Any],
        records: Sequence[Record],
        refusals: Sequence[Refusal],
        *,
        source: str,
        at_ms: int,
    ) -> None:
        """Remember the last items of a request for the debugger; each has a record or a refusal.

        Some microseconds a request: of a long one only the last RING items are touched.
        """
        ring = self._rings.get(source)
        if ring is None:
            if len(self._rings) >= MOST_SOURCES:
                return
            ring = self._rings.setdefault(source, deque(maxlen=RING))
        refused = {one.item: one for one in refusals}
        taken, last = len(records), []
        for place in range(len(items) - 1, max(-1, len(items) - 1 - RING), -1):
            refusal = refused.get(place)
            taken -= refusal is None
            record = records[taken] if refusal is None else None
            last.append((at_ms, _copied(items[place]), record, refusal))
        ring.extend(reversed(last))

    def _run(self) -> None:
        while not self._stopped.wait(ROUND_SECONDS):
            self._round(time.time())
        self._flush_at = 0.0
        self._round(time.time())

    def _round(self, now: float) -> None:
        try:
            watched = debugging.watched(self._client, now=now)
            for source, ring in list(self._rings.items()):
                if source in watched and ring:
                    key = debugging.came_key(source)
                    debugging.tell(self._client, key, [_told(one) for one in _taken(ring)])
                _forget(ring, int(now * 1000) - RING_MS)
            if now >= self._flush_at:
                self._flush_at = now + FLUSH_SECONDS
                self._flush()
        except (redis.RedisError, OSError) as error:
            logger.debug("notes.lost reason=%s", type(error).__name__)

    def _flush(self) -> None:
        with self._lock:
            batch = self._tally.emptied() if self._tally else None
        if batch is not None:
            batches.leave(self._client, batch)


def _copied(item: Any) -> bytes:
    """Return an item's own bytes: a slice would keep its whole request in memory."""
    raw = isinstance(item, bytes | msgspec.Raw)
    return bytes(item) if raw else msgspec.json.encode(item)


def without_secrets(raw: bytes) -> bytes:
    """Return a message without the key and the proof that it may carry; "" where it is no JSON."""
    try:
        message = msgspec.json.decode(_KEY.sub("…".encode(), raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return b""
    said = message if isinstance(message, dict) else {}
    for place in (said, said.get("context"), said.get("properties")):
        if isinstance(place, dict):
            for name in SECRETS & place.keys():
                place[name] = "…"
    return msgspec.json.encode(message)


def _taken(ring: deque[_Item]) -> Iterator[_Item]:
    while ring:
        yield ring.popleft()


def _forget(ring: deque[_Item], before_ms: int) -> None:
    while ring and ring[0][0] < before_ms:
        ring.popleft()


def _told(item: _Item) -> Came:
    at_ms, raw, record, refusal = item
    raw = without_secrets(raw)
    if refusal is not None:
        return Came(at_ms, raw, b"", refusal.message_id or "", refusal.pointer, refusal.reason)
    if record is None:
        return Came(at_ms, raw)
    return Came(at_ms, raw, encode_record(record), record.message_id)
