"""One connection of the hot path to Redis: redis-py opens it (address, TLS, sign-in), hiredis reads and writes it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import hiredis
import redis
from redis.asyncio.connection import AbstractConnection

from consent.state import run_id_of
from rtts_site.foundation.redis_clients import hot_client

Command = tuple[Any, ...]


class Replies(list[Any]):
    """Replies in the order of their commands; an error reply stands in its place as an exception."""

    __slots__ = ("run_id",)

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id  # of the server process that gave them


class Link(asyncio.Protocol):
    """A connection that one caller uses at a time; whoever gave up waiting closes it."""

    def __init__(self, connection: AbstractConnection) -> None:
        if connection._writer is None:
            raise redis.ConnectionError("the connection is closed")
        self.run_id = ""  # a connection ends with the process it was made to
        self._connection = connection
        self._transport = connection._writer.transport
        self._transport.set_protocol(self)
        self._reader = hiredis.Reader(replyError=_error)
        self._replies = Replies("")
        self._wanted = 0
        self._answer: asyncio.Future[Replies] | None = None

    async def ask(self, commands: Sequence[Command]) -> Replies:
        """Return the replies to commands sent at once.

        Raises:
            redis.ConnectionError: the server closed the connection; the commands may have run.
        """
        if self._transport.is_closing():
            raise redis.ConnectionError("the server closed the connection")
        self._replies, self._wanted = Replies(self.run_id), len(commands)
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(b"".join(map(hiredis.pack_command, commands)))
        return await self._answer

    def data_received(self, data: bytes) -> None:
        """Take replies as they come."""
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            self._replies.append(reply)
        if self._answer and len(self._replies) >= self._wanted and not self._answer.done():
            self._answer.set_result(self._replies)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell who waits."""
        if self._answer and not self._answer.done():
            self._answer.set_exception(redis.ConnectionError("the server closed the connection"))

    async def close(self) -> None:
        """Close without waiting for the server."""
        await self._connection.disconnect(nowait=True)


async def open_link() -> Link:
    """Return a new connection that knows which server process it talks to.

    Raises:
        redis.RedisError, OSError: there is none to be had.
    """
    pool = hot_client().connection_pool
    # Naming the library to the server costs milliseconds of reading package metadata each time.
    own = {"socket_timeout": None, "protocol": 2, "driver_info": None}
    connection: AbstractConnection = pool.connection_class(**{**pool.connection_kwargs, **own})
    try:
        await connection.connect()  # type: ignore[no-untyped-call]  # redis-py
        link = Link(connection)
        link.run_id = run_id_of((await link.ask([("INFO", "server")]))[0])
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    return link


def _error(message: str) -> redis.ResponseError:
    if message.startswith("NOSCRIPT"):
        return redis.exceptions.NoScriptError(message)
    return redis.ResponseError(message)
