import asyncio

import pytest
import redis as redis_py
import redis.asyncio
from django.conf import settings

from rtts_site.foundation.limits import Limiter, Rate

RATE = Rate("test", 3, 60)


def take(client, limiter=None):
    return (limiter or Limiter()).take_sync(client, RATE, "key-1")


def test_the_quota_may_be_used_at_once_and_then_waits(redis):
    allowances = [take(redis) for _ in range(4)]

    assert [a.allowed for a in allowances] == [True, True, True, False]
    assert [a.remaining for a in allowances] == [2, 1, 0, 0]
    assert dict(allowances[-1].headers()) == {
        "RateLimit-Policy": '"test";q=3;w=60',
        "RateLimit": '"test";r=0;t=60',
        "Retry-After": "20",
    }


def test_keys_have_buckets_of_their_own(redis):
    for _ in range(3):
        take(redis)

    assert Limiter().take_sync(redis, RATE, "key-2").allowed


def test_the_async_side_counts_in_the_same_bucket(redis):
    async def run():
        client = redis_py.asyncio.Redis.from_url(settings.REDIS_URL)
        try:
            return await Limiter().take(client, RATE, "key-1")
        finally:
            await client.aclose()

    take(redis)

    assert asyncio.run(run()).remaining == 1


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def away():
    return redis_py.Redis(unix_socket_path="/nonexistent/redis.sock", retry=None)


def test_without_redis_the_process_counts_alone(away):
    clock = Clock()
    limiter = Limiter(clock=clock)

    spent = [take(away, limiter).allowed for _ in range(4)]
    clock.seconds = 20.0

    assert spent == [True, True, True, False]
    assert take(away, limiter).allowed
