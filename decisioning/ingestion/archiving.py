"""The only place that keeps a thread beside the drain, so that PostgreSQL never holds up folding."""

import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

import psycopg
import redis
from django.db import Error, close_old_connections, connection

from decisioning.ingestion import history

logger = logging.getLogger("decisioning")

REST_SECONDS: Final = 0.5  # between runs that found little
BUSY_REST_SECONDS: Final = 0.1  # between others: short runs hold up the drain less than long ones
BUSY_ROWS: Final = 100
# The drain gives its turn away whenever it asks Redis, and Python's own 5 ms are long to wait for it again.
TURN_SECONDS: Final = 0.0005
RETRY_SECONDS: Final = 3.0  # after PostgreSQL or Redis failed

Archive = Callable[["redis.Redis", Sequence[int]], int]  # returns how many rows it wrote


class Archiver:
    """Moves the streams of some partitions to PostgreSQL until it is stopped."""

    def __init__(
        self, client: "redis.Redis", partitions: Sequence[int], *, others: Sequence[Archive] = ()
    ) -> None:
        self._client = client
        self._partitions = partitions
        self._archives = (history.archive, *others)
        self._due: dict[Archive, float] = {}  # of those that failed, when to try again
        self._stopped = threading.Event()
        self._turn = threading.Lock()
        self._has_ended = False
        self._patient_until = 0.0
        self._thread = threading.Thread(target=self._run, name="archiver", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        sys.setswitchinterval(TURN_SECONDS)
        self._thread.start()

    def stop(self, *, patience: float) -> bool:
        """Ask it to end after its run and return whether it did within `patience` seconds."""
        self._stopped.set()
        self._thread.join(patience)
        return not self._thread.is_alive()

    def is_ending(self, *, patience: float) -> bool:
        """Ask the same without waiting and return whether it is still at its run, for `patience` seconds at most."""
        if not self._stopped.is_set():
            self._stopped.set()
            self._patient_until = time.monotonic() + patience
        return self._thread.is_alive() and time.monotonic() < self._patient_until

    def resume(self) -> bool:
        """Take a `stop` back and return whether that came before it was followed."""
        with self._turn:
            if not self._has_ended:
                self._stopped.clear()
            return not self._has_ended

    def _run(self) -> None:
        try:
            while not self._ends():
                self._stopped.wait(self._round())
        finally:
            with self._turn:
                self._has_ended = True
            connection.close()

    def _ends(self) -> bool:
        """Return whether to end; whoever would take this thread over then hears that it is too late."""
        with self._turn:
            self._has_ended = self._stopped.is_set()
            return self._has_ended

    def _round(self) -> float:
        """Archive once and return for how many seconds to rest."""
        close_old_connections()
        written = [self._attempt(archive) for archive in self._archives]
        if max(written) >= history.ROWS_PER_RUN:
            return 0.0
        if max(written) >= BUSY_ROWS:
            return BUSY_REST_SECONDS
        return RETRY_SECONDS if min(written) < 0 else REST_SECONDS

    def _attempt(self, archive: Archive) -> int:
        """Return how many rows one archive wrote, -1 where it failed; the others go on meanwhile."""
        if time.monotonic() < self._due.get(archive, 0.0):
            return -1
        try:
            return archive(self._client, self._partitions)
        except (Error, psycopg.Error, redis.RedisError, OSError) as error:
            logger.warning("archive.waiting reason=%s", type(error).__name__)
        except Exception:
            logger.exception("archive.failed")
        self._due[archive] = time.monotonic() + RETRY_SECONDS
        return -1


_running: dict[tuple[int, ...], Archiver] = {}


def start_archiver(
    client: "redis.Redis", partitions: Sequence[int], *, others: Sequence[Archive] = ()
) -> Archiver:
    """Return the process's archiver of these partitions, started.

    One that PostgreSQL still holds up from an earlier task is taken over instead of doubled.
    """
    key = tuple(partitions)
    held = _running.get(key)
    if held is not None and held.resume():
        return held
    archiver = _running[key] = Archiver(client, partitions, others=others)
    archiver.start()
    return archiver
