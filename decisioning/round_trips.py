"""The hot path's way to Redis: packed commands on pooled connections, one budget for all waits, a breaker."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import redis
from redis.asyncio.connection import AbstractConnection

from rtts_site.foundation.redis_clients import Breaker, hot_client

MAX_CONNECTIONS = 256  # of one event loop; more requests than that find Redis unavailable
Command = tuple[Any, ...]


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
        self._idle: list[AbstractConnection] = []
        self._open = 0

    async def ask(self, commands: Sequence[Command], *, seconds: float) -> list[Any]:
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

    async def _ask_twice(self, commands: Sequence[Command]) -> list[Any]:
        pooled = bool(self._idle)
        try:
            return await self._exchange(commands)
        except (redis.ConnectionError, OSError):
            if not pooled:
                raise
            # The server restarted: every pooled connection is as dead as this one.
            await self.close()
            return await self._exchange(commands)

    async def _exchange(self, commands: Sequence[Command]) -> list[Any]:
        connection = self._idle.pop() if self._idle else self._make()
        try:
            if not connection.is_connected:
                await connection.connect()  # type: ignore[no-untyped-call]  # redis-py
            await connection.send_packed_command(connection.pack_commands(commands), False)
            replies = [await _read(connection) for _ in commands]
        except BaseException:
            # Replies may still come: nobody may read them as their own.
            self._open -= 1
            await connection.disconnect(nowait=True)
            raise
        self._idle.append(connection)
        return replies

    def _make(self) -> AbstractConnection:
        if self._open >= MAX_CONNECTIONS:
            raise redis.ConnectionError("every connection is in use")
        self._open += 1
        pool = hot_client().connection_pool
        # Naming the library to the server costs milliseconds of reading package metadata each time.
        own = {"socket_timeout": None, "protocol": 2, "driver_info": None}
        options = {**pool.connection_kwargs, **own}
        connection: AbstractConnection = pool.connection_class(**options)
        return connection

    async def close(self) -> None:
        """Close the idle connections."""
        idle, self._idle = self._idle, []
        self._open -= len(idle)
        for connection in idle:
            await connection.disconnect(nowait=True)


async def _read(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response()
    except redis.ResponseError as error:
        return error


class Budget:
    """The time that one decision may wait for Redis, all round trips together."""

    __slots__ = ("line", "per_wait", "remaining")

    def __init__(self, line: HotLine, *, timeout_ms: int, deadline_ms: int | None = None) -> None:
        """Allow two waits of `timeout_ms`, and no more than `deadline_ms` in all."""
        self.line = line
        self.per_wait = timeout_ms / 1000
        whole = 2 * self.per_wait
        self.remaining = whole if deadline_ms is None else min(whole, deadline_ms / 1000)

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
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
