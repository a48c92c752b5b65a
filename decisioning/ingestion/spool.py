"""Where accepted events wait on disk while Redis is away: bounded, fsynced, replayed in order, erasable."""

import fcntl
import logging
import os
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import redis

from decisioning.ingestion.log import RECORDS_PER_ROUND_TRIP, event_log
from decisioning.ingestion.records import Record, decode_record, encode_record

logger = logging.getLogger("decisioning")

MAX_BYTES: Final = 64 * 1024 * 1024
REPLAY_SECONDS: Final = 1.0
_LENGTH: Final = struct.Struct(">I")


class SpoolFull(Exception):
    """The spool holds MAX_BYTES; send the batch again later."""


class EventSpool:
    """One file for all processes of a machine; each change to it is made under a lock."""

    def __init__(self, directory: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._directory = directory
        self._waiting = directory / "events"
        self._replaying = directory / "events.replaying"
        self._lock = directory / "events.lock"
        self._max_bytes = max_bytes

    def append(self, records: Sequence[Record]) -> None:
        """Write records to disk before returning; milliseconds, so never on an event loop.

        Raises:
            SpoolFull: they do not fit.
        """
        data = b"".join(map(_frame, records))
        with self._locked():
            if self._size() + len(data) > self._max_bytes:
                raise SpoolFull("Events cannot be taken now; send the batch again later.")
            with self._waiting.open("ab") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())

    @property
    def is_empty(self) -> bool:
        return self._size() == 0

    def replay(self, client: "redis.Redis") -> int:
        """Accept all that waits, oldest first, and return how many records that were.

        Raises:
            redis.RedisError: Redis is away still; nothing leaves the spool.
        """
        with self._locked():
            if not self._replaying.exists() and self._waiting.exists():
                self._waiting.rename(self._replaying)
            if not self._replaying.exists():
                return 0
        records = list(_records(self._replaying))
        for start in range(0, len(records), RECORDS_PER_ROUND_TRIP):
            event_log(client).accept(records[start : start + RECORDS_PER_ROUND_TRIP])
        self._replaying.unlink(missing_ok=True)  # another process may have replayed it too
        return len(records)

    def erase(self, person: str) -> None:
        """Take a person's records out of the files."""
        with self._locked():
            for path in (self._replaying, self._waiting):
                if path.exists():
                    kept = [record for record in _records(path) if record.person != person]
                    draft = path.with_suffix(".draft")
                    draft.write_bytes(b"".join(map(_frame, kept)))
                    draft.replace(path)

    def _size(self) -> int:
        paths = (self._waiting, self._replaying)
        return sum(path.stat().st_size for path in paths if path.exists())

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def _frame(record: Record) -> bytes:
    body = encode_record(record)
    return _LENGTH.pack(len(body)) + body


def _records(path: Path) -> Iterator[Record]:
    """Yield the records of a file; an end torn by a crash was never acknowledged."""
    data = path.read_bytes()
    at = 0
    while at + _LENGTH.size <= len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        body = data[at + _LENGTH.size : at + _LENGTH.size + length]
        at += _LENGTH.size + length
        if len(body) < length:
            return
        try:
            yield decode_record(body)
        except msgspec.DecodeError:
            logger.exception("spool.unreadable")


class Replayer:
    """Sends on what a spool holds, in a thread, as soon as Redis is back."""

    def __init__(self, spool: EventSpool, connect: Callable[[], "redis.Redis"]) -> None:
        self._spool = spool
        self._connect = connect
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="event-spool", daemon=True)

    def start(self) -> None:
        """Begin; ends with the process."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; what waits stays on disk."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(REPLAY_SECONDS):
            if self._spool.is_empty:
                continue
            try:
                count = self._spool.replay(self._connect())
                logger.info("spool.replayed records=%s", count)
            except (redis.RedisError, OSError) as error:
                logger.info("spool.waiting reason=%s", type(error).__name__)
