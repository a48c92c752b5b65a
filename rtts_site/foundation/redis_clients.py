"""The only maker of Redis clients: a patient one for workers and pages, an impatient one for decisions."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from functools import cache
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from rtts_site.foundation import metrics

PATIENT_TIMEOUT_MS = 5_000
HOT_CONNECTIONS = 64
SUBSCRIPTIONS = 500  # of an event loop; each is a connection that waits
SUBSCRIBE_TIMEOUT_S = 1.0

Down = (redis.ConnectionError, redis.TimeoutError, OSError)  # what a server that is away raises


@cache
def digest_of(script: str) -> str:
    """Return the name by which EVALSHA knows a script."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


@cache
def redis_client(*, timeout_ms: int | None = None) -> redis.Redis:
    """Return the client for workers, jobs and pages; one pool per process and timeout, bytes in and out.

    It tries a lost connection once more and never waits longer than `timeout_ms` for an answer.
    """
    seconds = (timeout_ms or PATIENT_TIMEOUT_MS) / 1000
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 1),
        decode_responses=False,
    )


_Clients = WeakKeyDictionary[asyncio.AbstractEventLoop, redis.asyncio.Redis]
_hot_clients: _Clients = WeakKeyDictionary()
_subscribers: _Clients = WeakKeyDictionary()


def hot_client() -> redis.asyncio.Redis:
    """Return this event loop's client for the fast paths: RTTS_REDIS_TIMEOUT_MS for each wait, no retry."""
    loop = asyncio.get_running_loop()
    client = _hot_clients.get(loop)
    if client is None:
        seconds = settings.RTTS_REDIS_TIMEOUT_MS / 1000
        client = _hot_clients[loop] = _make_client(HOT_CONNECTIONS, seconds)
    return client


def subscriber() -> redis.asyncio.Redis:
    """Return this event loop's client for subscriptions, whose waiting takes no connection from `hot_client`."""
    loop = asyncio.get_running_loop()
    client = _subscribers.get(loop)
    if client is None:
        client = _subscribers[loop] = _make_client(SUBSCRIPTIONS, SUBSCRIBE_TIMEOUT_S)
    return client


async def close_clients() -> None:
    """Close this event loop's connections."""
    loop = asyncio.get_running_loop()
    for clients in (_hot_clients, _subscribers):
        if loop in clients:
            await clients[loop].aclose()


def _make_client(connections: int, seconds: float) -> redis.asyncio.Redis:
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        settings.REDIS_URL,
        max_connections=connections,
        timeout=seconds,  # for a free connection
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=AsyncRetry(NoBackoff(), 0),
        driver_info=None,  # naming it reads package metadata, milliseconds for each connection
        decode_responses=False,
    )
    return redis.asyncio.Redis.from_pool(pool)


class Breaker:
    """Says whether calling is worth it: opens after `limit` failures in a row, lets one call try each `rest` seconds."""

    def __init__(
        self,
        caller: str = "decisions",
        *,
        limit: int = 5,
        rest: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metric = metrics.BREAKER_OPEN.labels(caller)
        self._limit = limit
        self._rest = rest
        self._clock = clock
        self._failures = 0
        self._next_try = 0.0

    @property
    def is_open(self) -> bool:
        return self._failures >= self._limit

    def allows(self) -> bool:
        """Return whether to call; while open, true for one caller each `rest` seconds."""
        if not self.is_open:
            return True
        now = self._clock()
        if now < self._next_try:
            return False
        self._next_try = now + self._rest
        return True

    def succeeded(self) -> None:
        if self._failures:
            self._metric.set(0)
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1
        if self._failures == self._limit:
            self._next_try = self._clock() + self._rest
            self._metric.set(1)


def server_run_id(client: redis.Redis) -> str:
    """Return the run id of the server: a new one means that it restarted and may have lost writes."""
    return str(client.info("server")["run_id"])
