"""The only place that asks every part of a running product whether it is well, and says so in words."""

import http.client
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection

from consent import people
from consent.proof import sealing
from decisioning.ingestion.setting_aside import count_set_aside
from rtts_site import stack
from rtts_site.foundation.redis_clients import redis_client

BEAT_KEY = "beat:seen"  # seconds, written by a job that beat publishes
BEAT_LATE_S = 45
LAG_LIMIT_S = 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one part."""

    is_well: bool
    words: str


def note_beat(client: "redis.Redis", *, now: float) -> None:
    """Record that beat published and a worker of queue `jobs` ran."""
    client.set(BEAT_KEY, str(now))


def check_everything(*, now: float) -> Iterator[Finding]:
    """Yield a finding for each part; a part whose store is away is not asked further."""
    yield from _ask("PostgreSQL", check_database, DatabaseError)
    yield from _ask("Redis", lambda: check_redis(redis_client(), now=now), redis.RedisError)
    yield check_web("/healthz", "The web process answers.")
    yield check_web("/readyz", "It has a verified release and policy.")


def _ask(
    part: str, check: Callable[[], Iterator[Finding]], away: type[Exception]
) -> Iterator[Finding]:
    try:
        yield from check()
    except away as error:
        yield Finding(False, f"{part} does not answer: {str(error).strip()}")


def check_database() -> Iterator[Finding]:
    """Yield what can be said about PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute("select current_setting('server_version')")
        yield Finding(True, f"PostgreSQL {cursor.fetchone()[0]} answers.")
        if stack.needs_migration():
            yield Finding(False, "Migrations are missing: run `manage.py migrate`.")
            return
        yield Finding(True, "All migrations are applied.")
    yield check_roles()
    yield check_ledger(now=datetime.now(UTC))


def check_ledger(*, now: datetime) -> Finding:
    """Return whether entries of the consent ledger get their leaves as receipts promise."""
    waits = sealing.lag(now=now)
    words = f"The oldest consent entry without a leaf waits for {waits.total_seconds():.0f} s."
    return Finding(waits < sealing.LATE_AFTER, words)


def check_roles() -> Finding:
    """Return whether the application may only do what its role is for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_tables where schemaname = 'public' and tableowner = current_user"
        )
        owned = cursor.fetchone()[0]
    if owned:
        words = "roles not separated: the application owns its tables and could change the ledger."
        return Finding(settings.DEBUG, words[0].upper() + words[1:])
    if settings.RTTS_EMBEDDED_POSTGRES:
        return Finding(
            True,
            "Roles are separated in name only: the embedded server asks nobody for a password.",
        )
    return Finding(True, "Roles are separated: the application does not own its tables.")


def check_redis(client: "redis.Redis", *, now: float) -> Iterator[Finding]:
    """Yield what can be said about Redis and what lies in it."""
    version: Any = client.info("server")
    yield Finding(True, f"Redis {version['redis_version']} answers.")
    policy: Any = client.info("memory")
    keeps = policy.get("maxmemory_policy") == "noeviction"
    yield Finding(keeps, f"It {'never evicts' if keeps else 'EVICTS'} keys.")
    yield check_release(client)
    has_policy = bool(client.exists("policy:live"))
    yield Finding(has_policy, f"{'A' if has_policy else 'NO'} consent policy is live.")
    yield check_lag(client, now=now)
    yield check_set_aside(client)
    yield check_beat(client, now=now)


def check_release(client: "redis.Redis") -> Finding:
    """Return whether the live release is the approved one."""
    live: Any = client.hgetall("release:live")
    if not live:
        return Finding(False, "No release is live: publish one, or load the demo (`rtts_demo`).")
    digest, approved = live.get(b"digest", b""), live.get(b"approved_digest", b"")
    words = f"Release {live.get(b'version', b'?').decode()} is live, {digest.decode()[:19]}…"
    if digest != approved:
        return Finding(False, f"{words} and is NOT the approved one.")
    return Finding(True, f"{words}, and approved.")


def check_lag(client: "redis.Redis", *, now: float) -> Finding:
    """Return how long the oldest accepted record waits to be folded; one pipeline."""
    waiting = oldest_unfolded(client)
    lag = max(0.0, now - waiting) if waiting else 0.0
    return Finding(
        lag < LAG_LIMIT_S, f"The oldest event not yet in a profile waits for {lag:.1f} s."
    )


def check_set_aside(client: "redis.Redis") -> Finding:
    """Return whether everything that was logged could be archived."""
    count = count_set_aside(client)
    if not count:
        return Finding(True, "Everything logged could be archived.")
    return Finding(
        False,
        f"{count} log entries could not be archived and are set aside for 30 days: "
        f"look at the hashes {people.unarchived_key(0)} to {people.unarchived_key(people.PARTITIONS - 1)}, "
        "then delete them.",
    )


def oldest_unfolded(client: "redis.Redis") -> float | None:
    """Return the time, in seconds, of the oldest record that no worker has folded."""
    pipeline = client.pipeline(transaction=False)
    for partition in range(people.PARTITIONS):
        pipeline.hget(people.position_key(partition), "folded")
    positions = pipeline.execute()
    for partition, folded in enumerate(positions):
        after = f"({folded.decode()}" if folded else "-"
        pipeline.xrange(people.stream_key(partition), after, "+", count=1)
    first = [entries[0][0] for entries in pipeline.execute() if entries]
    return min((int(entry.split(b"-")[0]) / 1000 for entry in first), default=None)


def check_beat(client: "redis.Redis", *, now: float) -> Finding:
    """Return whether beat and the worker of queue `jobs` are alive."""
    seen: Any = client.get(BEAT_KEY)
    if seen is None:
        return Finding(False, "Beat or the jobs worker has never run.")
    age = now - float(seen)
    return Finding(age < BEAT_LATE_S, f"Beat and the jobs worker were seen {age:.0f} s ago.")


def check_web(path: str, words: str) -> Finding:
    """Return whether the web process answers 200 to `path`."""
    probe = http.client.HTTPConnection("127.0.0.1", settings.RTTS_PORT, timeout=2)
    try:
        probe.request("GET", path)
        status = probe.getresponse().status
    except OSError as error:
        return Finding(False, f"Nothing answers at {stack.base_url()}{path}: {error}")
    finally:
        probe.close()
    if status == http.client.OK:
        return Finding(True, words)
    return Finding(False, f"{stack.base_url()}{path} answers {status}.")
