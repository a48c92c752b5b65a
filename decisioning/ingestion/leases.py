"""The only place that knows who drains which group; it saves work, correctness rests on positions alone."""

import secrets
from typing import Final

import redis

from consent import people

LEASE_MS: Final = 4_000
RENEW_MS: Final = 1_000
SEED_MS: Final = 3_000  # a seeded drain has this long to take its lease before another is seeded

_RENEW: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_RELEASE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


def partitions_of(group: int, *, groups: int) -> list[int]:
    """Return the partitions of a group, in order."""
    return list(range(group, people.PARTITIONS, groups))


class Lease:
    """The right to drain a group, for LEASE_MS after each renewal."""

    def __init__(self, client: "redis.Redis", group: int) -> None:
        self._client = client
        self._key = people.lease_key(group)
        self._token = secrets.token_hex(8)

    def take(self) -> bool:
        """Return whether the lease was free and is ours now."""
        return bool(self._client.set(self._key, self._token, nx=True, px=LEASE_MS))

    def renew(self) -> bool:
        """Return whether the lease is still ours, prolonged."""
        return bool(self._client.eval(_RENEW, 1, self._key, self._token, LEASE_MS))

    def release(self) -> None:
        """Let the next one take it; nothing where it is not ours any more."""
        self._client.eval(_RELEASE, 1, self._key, self._token)


def missing(client: "redis.Redis", groups: int) -> list[int]:
    """Return the groups that nobody drains and that were not just seeded; marks them as seeded."""
    return [
        group
        for group in range(groups)
        if not client.exists(people.lease_key(group))
        and client.set(f"{people.lease_key(group)}:seeded", 1, nx=True, px=SEED_MS)
    ]
