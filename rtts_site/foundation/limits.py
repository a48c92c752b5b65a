"""The published rates, and the only place that counts against them: a token bucket per key, in Redis or in the process."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import redis
import redis.asyncio


@dataclass(frozen=True, slots=True)
class Rate:
    """How many requests a key may make: `quota` in `window_s` seconds, all at once if it likes."""

    name: str  # of the policy in the RateLimit headers
    quota: int
    window_s: int


DECISIONS = Rate("decisions", 600_000, 60)
EVENTS = Rate("events", 600_000, 60)
CONSENTS = Rate("consents", 6_000, 60)
CONSENTS_OF_ONE = Rate("consents-of-one", 30, 60)  # of one visitor, said with a browser key
CONSENTS_OF_NEW = Rate("consents-of-new", 3_000, 60)  # of a browser key's visitors not known yet
MANAGEMENT = Rate("management", 1_200, 60)
BROWSER = Rate("browser", 60_000, 60)  # of one browser key, which all visitors of a site share
BATCH = Rate("batch", 1_200, 60)
HOOKS = Rate("hooks", 600, 60)  # proven calls of one source
PUBLISHED = (
    DECISIONS,
    EVENTS,
    CONSENTS,
    CONSENTS_OF_ONE,
    CONSENTS_OF_NEW,
    MANAGEMENT,
    BROWSER,
    BATCH,
    HOOKS,
)


@dataclass(frozen=True, slots=True)
class Allowance:
    """Whether a request may go on, and what its key has left."""

    rate: Rate
    allowed: bool
    remaining: int
    reset_s: int  # until the whole quota is there again
    retry_s: int = 0  # where it is not allowed

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers of the answer.

        Source: draft-ietf-httpapi-ratelimit-headers-09.
        """
        rate = self.rate
        found = [
            ("RateLimit-Policy", f'"{rate.name}";q={rate.quota};w={rate.window_s}'),
            ("RateLimit", f'"{rate.name}";r={self.remaining};t={self.reset_s}'),
        ]
        return found if self.allowed else [*found, ("Retry-After", str(self.retry_s))]


# Times are the server's, so that processes with different clocks share a bucket; kept as microseconds.
TAKE_LUA = """
local now = redis.call('TIME')
local at = now[1] * 1000000 + now[2]
local quota, cost = tonumber(ARGV[1]), tonumber(ARGV[3])
local each = ARGV[2] * 1000000 / quota
local bucket = redis.call('HMGET', KEYS[1], 'left', 'at')
local left = math.min(quota, (tonumber(bucket[1]) or quota) + (at - (tonumber(bucket[2]) or at)) / each)
local allowed = left >= cost
if allowed then left = left - cost end
redis.call('HSET', KEYS[1], 'left', tostring(left), 'at', string.format('%d', at))
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 1000)
local wait = allowed and 0 or math.ceil((cost - left) * each / 1000000)
return {allowed and 1 or 0, math.floor(left), math.ceil((quota - left) * each / 1000000), wait}
"""


def bucket_key(rate: Rate, key_id: str) -> str:
    """Return the Redis key of one API key's bucket."""
    return f"rate:{rate.name}:{key_id}"


def parse_allowance(rate: Rate, reply: Any) -> Allowance:
    """Return what a reply to `TAKE_LUA` says."""
    allowed, remaining, reset_s, retry_s = reply
    return Allowance(rate, bool(allowed), int(remaining), int(reset_s), int(retry_s))


@dataclass(slots=True)
class _LocalBucket:
    left: float
    at: float


class Limiter:
    """Counts requests of keys. Where Redis is away it counts in the process alone, so that nobody is refused for that."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._local: dict[tuple[str, str], _LocalBucket] = {}

    async def take(
        self, client: redis.asyncio.Redis, rate: Rate, key_id: str, *, cost: int = 1
    ) -> Allowance:
        """Take `cost` requests from a key's bucket; one round trip."""
        try:
            reply = await cast(
                "Any",
                client.eval(
                    TAKE_LUA,
                    1,
                    bucket_key(rate, key_id),
                    *map(str, (rate.quota, rate.window_s, cost)),
                ),
            )
        except (redis.RedisError, OSError):
            return self.take_locally(rate, key_id, cost=cost)
        return parse_allowance(rate, reply)

    def take_sync(
        self, client: redis.Redis, rate: Rate, key_id: str, *, cost: int = 1
    ) -> Allowance:
        """Take from a key's bucket, for synchronous callers."""
        try:
            reply = client.eval(
                TAKE_LUA, 1, bucket_key(rate, key_id), rate.quota, rate.window_s, cost
            )
        except (redis.RedisError, OSError):
            return self.take_locally(rate, key_id, cost=cost)
        return parse_allowance(rate, reply)

    def take_locally(self, rate: Rate, key_id: str, *, cost: int = 1) -> Allowance:
        """Take from this process's own bucket, for paths that have no time to ask: each process then grants the whole quota."""
        now, per_second = self._clock(), rate.quota / rate.window_s
        bucket = self._local.setdefault((rate.name, key_id), _LocalBucket(rate.quota, now))
        bucket.left = min(rate.quota, bucket.left + (now - bucket.at) * per_second)
        bucket.at = now
        allowed = bucket.left >= cost
        bucket.left -= cost if allowed else 0
        wait = 0 if allowed else -int((bucket.left - cost) / per_second // 1)
        reset = -int((bucket.left - rate.quota) / per_second // 1)
        return Allowance(rate, allowed, int(bucket.left), reset, wait)
