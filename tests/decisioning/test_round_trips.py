"""The hot path's way to Redis: budgets, dead connections, error replies, held-up loops."""

import asyncio
import time

import pytest

from decisioning.round_trips import Budget, HotLine, Patience, RedisUnavailable
from rtts_site.foundation.redis_clients import Breaker, hot_client


@pytest.fixture
async def line(redis):
    made = HotLine(Breaker())
    yield made
    await made.close()
    await hot_client().aclose()


async def test_replies_come_in_order_and_errors_stand_in_their_place(line):
    replies = await line.ask([("SET", "a", "1"), ("INCRBY", "a", "x"), ("GET", "a")], seconds=1)

    assert (replies[0], replies[2]) == (b"OK", b"1")
    assert isinstance(replies[1], Exception)


async def test_concurrent_questions_get_their_own_answers(line):
    answers = await asyncio.gather(
        *(line.ask([("ECHO", str(number))], seconds=20) for number in range(30))
    )

    assert answers == [[str(number).encode()] for number in range(30)]


async def test_dead_pooled_connections_are_replaced(line, redis):
    await asyncio.gather(*(line.ask([("PING",)], seconds=2) for _ in range(5)))
    redis.client_kill_filter(_type="normal", skipme=True)

    answers = [await line.ask([("PING",)], seconds=2) for _ in range(5)]

    assert answers == [[b"PONG"]] * 5


async def test_a_budget_ends_all_waits_together(line):
    budget = Budget(line, timeout_ms=30)
    started = time.perf_counter()

    for _ in range(10):
        with pytest.raises(RedisUnavailable):
            await budget.ask([("BLPOP", "nothing", "5")])

    assert time.perf_counter() - started < 0.5


async def test_five_failures_open_the_breaker(line):
    for _ in range(5):
        with pytest.raises(RedisUnavailable):
            await line.ask([("BLPOP", "nothing", "5")], seconds=0.01)
    started = time.perf_counter()

    with pytest.raises(RedisUnavailable, match="breaker"):
        await line.ask([("PING",)], seconds=1)

    assert time.perf_counter() - started < 0.005


async def test_an_answer_that_is_already_here_counts_after_a_hold_up():
    loop = asyncio.get_running_loop()
    arrived = loop.create_future()

    def hold_up():
        time.sleep(0.05)
        arrived.set_result("here")

    loop.call_later(0.001, hold_up)
    async with Patience(0.02):
        assert await arrived == "here"


async def test_patience_ends():
    with pytest.raises(TimeoutError):
        async with Patience(0.01):
            await asyncio.sleep(5)
    await asyncio.sleep(0)  # nothing of the cancellation is left
