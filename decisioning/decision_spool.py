"""Where decisions that Redis could not log wait on disk: bounded, fsynced, and sent on when Redis is back."""

import logging
import os
import queue
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Final

import msgspec
import redis

from consent import people
from decisioning.lines_on_disk import append, lock, open_for_append, pack_lines, read_lines
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
    """One file per process, written by one thread; rows hold what the context said, never a profile.

    A process locks its file for as long as it lives; whoever gets the lock of another sends what is in it.
    """

    def __init__(self, directory: Path, client: redis.Redis) -> None:
        self.dropped = 0
        self._directory = directory
        self._path = directory / f"decisions.{os.getpid()}-{secrets.token_hex(4)}"
        self._file: FileIO | None = None
        self._unwritten: list[Spooled] = []
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
        with suppress(queue.Full):
            self._queue.put_nowait(None)  # wakes the thread
        if self._thread is not None:
            self._thread.join(timeout=5)
        else:
            self._leave()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.write_waiting(seconds=RETRY_SECONDS)
                self.send()
            except Exception:
                logger.exception("spool.failed")
        try:
            self.write_waiting(seconds=0)
        except OSError:
            logger.exception("spool.lost rows=%s", len(self._unwritten))
        self._leave()

    def write_waiting(self, *, seconds: float) -> None:
        """Move what waits in memory to disk; waits up to `seconds` for a first row.

        Raises:
            OSError: the disk is full or failed; the rows stay in memory.
        """
        if len(self._unwritten) < MAX_WAITING:
            self._unwritten += self._waiting(seconds)
        else:
            self._stop.wait(seconds)
        if self._unwritten:
            self._append(self._unwritten)
            self._unwritten = []

    def _waiting(self, seconds: float) -> Iterator[Spooled]:
        try:
            row = self._queue.get(timeout=seconds) if seconds else self._queue.get_nowait()
            while True:
                if row is not None:
                    yield row
                row = self._queue.get_nowait()
        except queue.Empty:
            return

    def _append(self, rows: list[Spooled]) -> None:
        file = self._own_file()
        room = MAX_BYTES - os.fstat(file.fileno()).st_size
        fitting: list[bytes] = []
        for row in rows:
            body = _encoder.encode(row)
            room -= len(body) * 4 // 3 + 4  # as a line
            if room < 0:
                self.dropped += len(rows) - len(fitting)
                break
            fitting.append(body)
        append(file, pack_lines(fitting))

    def _own_file(self) -> FileIO:
        if self._file is None:
            # Locked before it has the name by which others look for files that nobody holds.
            draft = self._path.with_name(f".{self._path.name}")
            file = open_for_append(draft)
            lock(file)
            draft.rename(self._path)
            self._file = file
        return self._file

    def _leave(self) -> None:
        if self._file is not None:
            if os.fstat(self._file.fileno()).st_size == 0:
                self._path.unlink(missing_ok=True)
            self._file.close()

    def send(self) -> int:
        """Append what is on disk, of dead processes too, to the streams; return how many rows went."""
        sent = 0
        for path in sorted(self._directory.glob("decisions.*")):
            with self._held(path) as is_held:
                if not is_held:
                    continue  # its process lives, or another sends it
                rows = read_rows(path)
                if rows and not self._send_rows(rows):
                    return sent
                sent += len(rows)
                self._clear(path)
        return sent

    @contextmanager
    def _held(self, path: Path) -> Iterator[bool]:
        """Hold a file's lock; yields False where another does, or it is gone."""
        if path == self._path:
            yield True
            return
        try:
            file = FileIO(path, "rb")
        except FileNotFoundError:
            yield False
            return
        with file:
            yield lock(file)

    def _clear(self, path: Path) -> None:
        if path != self._path:
            path.unlink(missing_ok=True)
        elif self._file is not None:
            self._file.truncate(0)

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
    """Return the whole rows of a spool file; one torn by a crash is left out."""
    rows = []
    for body in read_lines(path):
        try:
            rows.append(_decoder.decode(body))
        except msgspec.DecodeError:
            logger.warning("spool.torn")
    return rows
