"""The only place that remembers erasures outside the database, so that a restored copy of it can be told of them."""

import fcntl
import os
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from django.conf import settings

FILE: Final = "erasures.jsonl"


class Erased(msgspec.Struct, frozen=True):
    """One erasure: ids are keyed hashes, keys are random; neither says who it was."""

    at: datetime
    people: tuple[str, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """An erasure that a store does not know of."""

    erased: Erased
    why: str


def path() -> Path:
    """Return the file; copy it away from the database's backups, as its own."""
    found: Path = settings.RTTS_ERASURES_FILE
    return found


def note(people: Iterable[str], keys: Iterable[uuid.UUID], *, now: datetime) -> None:
    """Append an erasure, on disk before this returns.

    Raises:
        OSError: it is not; nothing may be destroyed before it is.
    """
    line = msgspec.json.encode(Erased(now, tuple(sorted(people)), tuple(map(str, keys)))) + b"\n"
    where = path()
    where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(where, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def noted() -> Iterator[Erased]:
    """Yield every erasure on file, oldest first; a line torn by a crash was never acted on."""
    if not path().exists():
        return
    for line in path().read_bytes().splitlines():
        try:
            yield msgspec.json.decode(line, type=Erased)
        except msgspec.DecodeError:
            continue
