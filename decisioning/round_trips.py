"""The hot path's way to Redis: pooled connections, one budget for all waits, a breaker."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import redis

from decisioning.link import Command, Link, Replies, open_link
from rtts_site.foundation.redis_clients import Breaker

MAX_CONNECTIONS = 256  # of one event loop; more requests than that find Redis unavailable


class RedisUnavailable(Exception):
    """Redis gave no answer in time; decide without it."""


class Patience:
    """Like `asyncio.timeout`, but an answer that lies in the socket when time is up still counts.

    A loop that was held up sees its timers and its sockets in one turn, and the timers would win.
    """

    __slots__ = ("_handle", "_has_lapsed", "_loop", "_seconds", "_task")
    GRACE_TURNS = 2  # of the loop, for what has arrived to reach its reader

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._has_lapsed = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("Patience needs a task: call it from a coroutine that a loop runs.")
        self._task: asyncio.Task[Any] = task
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.Handle = self._loop.call_later(
            self._seconds, self._lapse, self.GRACE_TURNS
        )

    def _lapse(self, turns: int) -> None:
        if turns:
            self._handle = self._loop.call_soon(self._lapse, turns - 1)
        else:
            self._has_lapsed = True
            self._task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        self._handle.cancel()
        if self._has_lapsed and self._task.uncancel() <= 0 and kind is asyncio.CancelledError:
            raise TimeoutError from error


class HotLine:
    """An event loop's connections to Redis. Not for threads."""

    def __init__(self, breaker: Breaker) -> None:
        self.breaker = breaker
        self._idle: list[Link] = []
        self._open = 0

    async def ask(self, commands: Sequence[Command], *, seconds: float) -> Replies:
        """Return the replies to commands sent at once; an error reply stands in its place as an exception.

        A connection found dead is replaced and the commands sent once more: they may run twice.

        Raises:
            RedisUnavailable: no whole answer within `seconds`, or the breaker is open.
        """
        if not self.breaker.allows():
            raise RedisUnavailable("the breaker is open")
        try:
            async with Patience(seconds):
                replies = await self._ask_twice(commands)
        except (TimeoutError, redis.RedisError, OSError) as error:
            self.breaker.failed()
            raise RedisUnavailable(f"{type(error).__name__}") from error
        self.breaker.succeeded()
        return replies

    async def _ask_twice(self, commands: Sequence[Command]) -> Replies:
        pooled = bool(self._idle)
        try:
            return await self._exchange(commands)
        except (redis.ConnectionError, OSError):
            if not pooled:
                raise
            # The server restarted: every pooled connection is as dead as this one.
            await self.close()
            return await self._exchange(commands)

    async def _exchange(self, commands: Sequence[Command]) -> Replies:
        link = self._idle.pop() if self._idle else await self._connect()
        try:
            replies = await link.ask(commands)
        except BaseException:
            # Replies may still come: nobody may read them as their own.
            self._open -= 1
            await link.close()
            raise
        self._idle.append(link)
        return replies

    async def _connect(self) -> Link:
        if self._open >= MAX_CONNECTIONS:
            raise redis.ConnectionError("every connection is in use")
        self._open += 1
        try:
            return await open_link()
        except BaseException:
            self._open -= 1
            raise

    async def close(self) -> None:
        """Close the idle connections."""
        idle, self._idle = self._idle, []
        self._open -= len(idle)
        for link in idle:
            await link.close()


class Budget:
    """The time that one decision may wait for Redis, all round trips together."""

    __slots__ = ("line", "per_wait", "remaining")

    def __init__(self, line: HotLine, *, timeout_ms: int, deadline_ms: int | None = None) -> None:
        """Allow two waits of `timeout_ms`, and no more than `deadline_ms` in all."""
        self.line = line
        self.per_wait = timeout_ms / 1000
        whole = 2 * self.per_wait
        self.remaining = whole if deadline_ms is None else min(whole, deadline_ms / 1000)

    async def ask(self, commands: Sequence[Command]) -> Replies:
        """Do as `HotLine.ask` within what is left.

        Raises:
            RedisUnavailable: as there, or nothing is left.
        """
        if self.remaining <= 0:
            raise RedisUnavailable("the budget is spent")
        started = time.perf_counter()
        try:
            return await self.line.ask(commands, seconds=min(self.per_wait, self.remaining))
        finally:
            self.remaining -= time.perf_counter() - started
