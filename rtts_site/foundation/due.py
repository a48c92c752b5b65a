"""The only place that says which periodic work is due, so that only that is sent to workers."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

import redis
from django.db import Error

logger = logging.getLogger("rtts_site")

HOLD_S: Final = 10  # a message that no worker took for so long is void; another may follow

Ask = Callable[[datetime], bool]


@dataclass(frozen=True, slots=True)
class Look:
    """How to see whether a task has something to do."""

    is_due: Ask  # one query or round trip, it is asked all the time
    pause: timedelta


_looks: dict[str, Look] = {}
looks: Final[Mapping[str, Look]] = MappingProxyType(_looks)


def send_when(task: str, is_due: Ask, *, pause_s: float = 0.0) -> None:
    """Have the task of this name sent to workers when `is_due(now)`, asked at most each `pause_s`."""
    _looks[task] = Look(is_due, timedelta(seconds=pause_s))


class Round:
    """What one process remembers between its looks."""

    def __init__(self) -> None:
        self._looked: dict[str, datetime] = {}

    def due(self, *, now: datetime) -> list[str]:
        """Return the names of the tasks that have something to do; what cannot be seen is asked again."""
        return [task for task, look in _looks.items() if self._is_due(task, look, now)]

    def _is_due(self, task: str, look: Look, now: datetime) -> bool:
        looked = self._looked.get(task)
        if looked is not None and now - looked < look.pause:
            return False
        self._looked[task] = now
        try:
            return look.is_due(now)
        except (
            Error,
            redis.RedisError,
        ) as error:  # one store is away: what the other knows goes on
            logger.warning("due.unseen task=%s error=%s", task, type(error).__name__)
            return False


def claim(client: "redis.Redis", task: str) -> bool:
    """Return whether no message of this task waits for a worker; one does from now on."""
    return bool(client.set(_key(task), 1, nx=True, ex=HOLD_S))


def begun(client: "redis.Redis", task: str) -> None:
    """Note that a worker has taken the message: what becomes due from now on needs another."""
    client.delete(_key(task))


def _key(task: str) -> str:
    return f"due:{task}"
