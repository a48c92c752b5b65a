import asyncio
import time

import psutil
import pytest
from redis.exceptions import RedisError

from rtts_site import embedded
from rtts_site.foundation import redis_clients
from rtts_site.foundation.redis_clients import Breaker, hot_client, redis_client


def test_the_breaker_opens_lets_one_try_and_closes():
    now = [0.0]
    breaker = Breaker(limit=2, rest=1.0, clock=lambda: now[0])
    breaker.failed()
    assert breaker.allows()
    breaker.failed()
    assert breaker.is_open
    assert not breaker.allows()

    now[0] = 1.1
    tries = [breaker.allows(), breaker.allows()]
    breaker.succeeded()

    assert tries == [True, False]
    assert breaker.allows()


def test_a_failed_try_keeps_the_breaker_open():
    now = [0.0]
    breaker = Breaker(limit=1, rest=1.0, clock=lambda: now[0])
    breaker.failed()
    now[0] = 1.1
    assert breaker.allows()

    breaker.failed()

    assert breaker.is_open
    assert not breaker.allows()


async def test_the_hot_client_belongs_to_its_loop(redis_server):
    client = hot_client()

    await client.set("a", b"1")

    assert hot_client() is client
    assert await client.get("a") == b"1"
    await client.aclose()


async def test_the_hot_client_gives_up_in_time(redis_server, settings):
    settings.RTTS_REDIS_TIMEOUT_MS = 20
    process = psutil.Process(redis_client().info("server")["process_id"])
    client = redis_clients.hot_client()
    await client.ping()

    process.suspend()
    try:
        started = time.perf_counter()
        with pytest.raises((RedisError, asyncio.TimeoutError)):
            await client.ping()
        waited = time.perf_counter() - started
    finally:
        process.resume()
    await client.aclose()

    assert waited < 0.5  # 20 ms and what a busy machine adds; a retry would take seconds


def test_the_patient_client_survives_a_restart(redis_server, settings):
    client = redis_client()
    client.set("a", b"1")

    embedded.stop(embedded.REDIS, settings.RTTS_VAR)
    embedded.start(embedded.REDIS, settings.RTTS_VAR, dies_with_parent=True)

    assert client.get("a") == b"1"
