"""Where decisions that Redis could not log wait on disk: bounded, fsynced, and sent on when Redis is back."""

import logging
import os
import queue
import threading
from pathlib import Path
from typing import Final

import msgspec
import redis

from consent import people
from rtts_site.foundation.redis_clients import Down

logger = logging.getLogger("decisioning")

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_WAITING: Final = 10_000  # rows in memory on their way to the file
RETRY_SECONDS: Final = 1.0
SEND_AT_ONCE: Final = 200


class Spooled(msgspec.Struct, frozen=True, array_like=True):
    """A log row on its way; `person` names the stream."""

    person: str
    nonce: str
    body: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Spooled)


class DecisionSpool:
    """One file per process, written by one thread; rows hold what the context said, never a profile."""

    def __init__(self, directory: Path, client: redis.Redis) -> None:
        self.dropped = 0
        self._directory = directory
        self._path = directory / f"decisions.{os.getpid()}"
        self._client = client
        self._queue: queue.Queue[Spooled | None] = queue.Queue(MAX_WAITING)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, row: Spooled) -> bool:
        """Take a row without waiting; False where the spool is full."""
        try:
            self._queue.put_nowait(row)
        except queue.Full:
            self.dropped += 1
            return False
        return True

    def start(self) -> None:
        """Write and send in the background."""
        self._thread = threading.Thread(target=self._run, name="decision-spool", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread once what waits is on disk."""
        self._stop.set()
        self._queue.put(None)  # wakes the thread
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.write_waiting(seconds=RETRY_SECONDS)
                self.send()
            except Exception:
                logger.exception("spool.failed")
        self.write_waiting(seconds=0)

    def write_waiting(self, *, seconds: float) -> None:
        """Move what waits in memory to disk; waits up to `seconds` for a first row."""
        rows: list[Spooled | None] = []
        try:
            rows.append(self._queue.get(timeout=seconds) if seconds else self._queue.get_nowait())
            while True:
                rows.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        waiting = [row for row in rows if row is not None]
        if waiting:
            self._append(waiting)

    def _append(self, rows: list[Spooled]) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            for number, row in enumerate(rows):
                packed = _encoder.encode(row)
                if file.tell() + len(packed) > MAX_BYTES:
                    self.dropped += len(rows) - number
                    break
                file.write(len(packed).to_bytes(4, "big") + packed)
            file.flush()
            os.fsync(file.fileno())

    def send(self) -> int:
        """Append what is on disk, of dead processes too, to the streams; return how many rows went."""
        sent = 0
        for path in sorted(self._directory.glob("decisions.*")):
            if path == self._path or not _is_alive(path):
                rows = read_rows(path)
                if rows and not self._send_rows(rows):
                    return sent
                sent += len(rows)
                path.unlink(missing_ok=True)
        return sent

    def _send_rows(self, rows: list[Spooled]) -> bool:
        try:
            for start in range(0, len(rows), SEND_AT_ONCE):
                with self._client.pipeline(transaction=False) as pipe:
                    for row in rows[start : start + SEND_AT_ONCE]:
                        key = people.decision_log_key(people.partition_of(row.person))
                        pipe.xadd(key, {"d": row.body, "n": row.nonce, "u": "1"})
                    pipe.execute()
        except Down:
            return False  # sent again later: the archive keeps one row per nonce
        return True


def read_rows(path: Path) -> list[Spooled]:
    """Return the whole rows of a spool file; a torn one at the end is left out."""
    data = path.read_bytes()
    rows, place = [], 0
    while place + 4 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        body = data[place + 4 : place + 4 + size]
        if len(body) < size:
            break
        rows.append(_decoder.decode(body))
        place += 4 + size
    return rows


def _is_alive(path: Path) -> bool:
    try:
        os.kill(int(path.suffix[1:]), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
