"""The only place that counts how often segments are entered and left, and says which flap."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import redis

from decisioning.watching.dispatches import Dispatch

BOUND: Final = 6.0  # transitions per person and day; more is flapping
LEAST: Final = 20  # people, before a share of them says anything
KEPT_S: Final = 3 * 86_400


def count(client: redis.Redis, dispatches: Iterable[Dispatch], *, now: datetime) -> None:
    """Count transitions by segment and day (UTC); one round trip."""
    moves: Counter[str] = Counter()
    people: dict[str, set[str]] = {}
    for one in dispatches:
        if one.kind != "trigger.fired":
            moves[one.key] += 1
            people.setdefault(one.key, set()).add(one.person)
    if not moves:
        return
    with client.pipeline(transaction=False) as pipe:
        for key, number in moves.items():
            pipe.hincrby(_moves_key(now), key, number)
            pipe.pfadd(_people_key(now, key), *people[key])
            pipe.expire(_people_key(now, key), KEPT_S)
        pipe.expire(_moves_key(now), KEPT_S)
        pipe.execute()


def flapping(client: redis.Redis, *, now: datetime) -> list[tuple[str, float]]:
    """Return segments that people enter and leave too often, with the moves of each who moved, per day.

    The fuller of today and yesterday counts; two round trips.
    """
    found: dict[str, float] = {}
    for day in (now, now - timedelta(days=1)):
        moves: Any = client.hgetall(_moves_key(day))
        keys = [key.decode() for key in moves]
        with client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.pfcount(_people_key(day, key))
            sizes = pipe.execute()
        for key, people in zip(keys, sizes, strict=True):
            if people >= LEAST:
                each = int(moves[key.encode()]) / people
                found[key] = max(found.get(key, 0.0), each)
    return sorted((key, each) for key, each in found.items() if each > BOUND)


def _moves_key(day: datetime) -> str:
    return f"watch:moves:{day:%Y%m%d}"


def _people_key(day: datetime, segment: str) -> str:
    return f"watch:moved:{day:%Y%m%d}:{segment}"
