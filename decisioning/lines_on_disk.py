"""The only place that says how spools lie on disk: a record a line, so that a torn write costs itself alone."""

import fcntl
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path


def pack_lines(bodies: Iterable[bytes]) -> bytes:
    """Return records as lines; the first line break ends whatever was torn before them."""
    return b"\n" + b"".join(b64encode(body) + b"\n" for body in bodies)


def append(file: FileIO, data: bytes) -> None:
    """Have data on disk at the end of an unbuffered file, or nothing of it.

    Raises:
        OSError: the disk is full or failed.
    """
    before = os.fstat(file.fileno()).st_size
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(file.fileno(), rest) :]
        os.fsync(file.fileno())
    except OSError:
        os.ftruncate(file.fileno(), before)
        raise


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the records of a file; of a torn one, b""."""
    for line in path.read_bytes().split(b"\n"):
        if line:
            yield _unpack(line)


def _unpack(line: bytes) -> bytes:
    try:
        return b64decode(line, validate=True)
    except ValueError:
        return b""


def open_for_append(path: Path) -> FileIO:
    """Return a file that only its owner can read, opened unbuffered; its folder is made."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return FileIO(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def lock(file: FileIO, *, wait: bool = False) -> bool:
    """Lock a file until it is closed or its process ends; False where another has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a lock file; yields False where another has it and `wait` is not set."""
    with open_for_append(path) as file:
        yield lock(file, wait=wait)
