"""Where accepted events wait on disk while Redis is away: bounded, fsynced, replayed in order, erasable."""

import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import redis

from decisioning.ingestion.log import RECORDS_PER_CALL, event_log
from decisioning.ingestion.records import Record, decode_record, encode_record
from decisioning.lines_on_disk import append, locked, open_for_append, pack_lines, read_lines

logger = logging.getLogger("decisioning")

MAX_BYTES: Final = 64 * 1024 * 1024
REPLAY_SECONDS: Final = 1.0


class SpoolFull(Exception):
    """The spool holds MAX_BYTES; send the batch again later."""


class EventSpool:
    """One file for all processes of a machine; each change to it is made under a lock."""

    def __init__(self, directory: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._waiting = directory / "events"
        self._replaying = directory / "events.replaying"
        self._lock = directory / "events.lock"  # of both files' names and of what waits
        self._turn = directory / "events.turn"  # of whoever replays: one at a time
        self._max_bytes = max_bytes

    def append(self, records: Sequence[Record]) -> None:
        """Write records to disk before returning; milliseconds, so never on an event loop.

        Raises:
            SpoolFull: they do not fit.
            OSError: the disk is full or failed; nothing of them is kept.
        """
        data = pack_lines(map(encode_record, records))
        with locked(self._lock):
            if self._size() + len(data) > self._max_bytes:
                raise SpoolFull("Events cannot be taken now; send the batch again later.")
            with open_for_append(self._waiting) as file:
                append(file, data)

    @property
    def is_empty(self) -> bool:
        return self._size() == 0

    def replay(self, client: "redis.Redis") -> int:
        """Accept all that waits, oldest first, and return how many records that were; 0 where another does.

        Raises:
            redis.RedisError: Redis is away still; nothing leaves the spool.
        """
        with locked(self._turn, wait=False) as is_mine:
            if not is_mine or not self._take():
                return 0
            records = list(_records(self._replaying))
            log = event_log(client)
            for start in range(0, len(records), RECORDS_PER_CALL):
                log.accept(records[start : start + RECORDS_PER_CALL])
            self._replaying.unlink()
            return len(records)

    def _take(self) -> bool:
        """Set apart what waits, unless an earlier replay left something; return whether there is any."""
        with locked(self._lock):
            if not self._replaying.exists() and self._waiting.exists():
                self._waiting.rename(self._replaying)
            return self._replaying.exists()

    def erase(self, person: str) -> None:
        """Take a person's records out of the files; waits for a replay to end."""
        with locked(self._turn), locked(self._lock):
            for path in (self._replaying, self._waiting):
                if path.exists():
                    kept = [record for record in _records(path) if record.person != person]
                    draft = path.with_suffix(".draft")
                    draft.write_bytes(pack_lines(map(encode_record, kept)))
                    draft.replace(path)

    def _size(self) -> int:
        paths = (self._waiting, self._replaying)
        return sum(path.stat().st_size for path in paths if path.exists())


def _records(path: Path) -> Iterator[Record]:
    """Yield the records of a file; one torn by a crash was never acknowledged."""
    for body in read_lines(path):
        try:
            yield decode_record(body)
        except msgspec.DecodeError:
            logger.warning("spool.torn")


class Replayer:
    """Sends on what a spool holds, in a thread, as soon as Redis is there."""

    def __init__(self, spool: EventSpool, client: "redis.Redis") -> None:
        self._spool = spool
        self._client = client
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="event-spool", daemon=True)

    def start(self) -> None:
        """Begin; ends with the process."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what waits stays on disk."""
        self._stopped.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopped.wait(REPLAY_SECONDS):
            try:
                if not self._spool.is_empty:
                    logger.info("spool.replayed records=%s", self._spool.replay(self._client))
            except (redis.RedisError, OSError) as error:
                logger.info("spool.waiting reason=%s", type(error).__name__)
            except Exception:
                # The thread must outlive whatever a record does, or nothing is ever sent on.
                logger.exception("spool.failed")
