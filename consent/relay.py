"""The only finisher of what broke off: settles old fence tokens, brings late changes into force, restores trust in Redis."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import redis
from django.db import connection
from django.db.models import Min

from consent import people, policy_store, state
from consent.ledger import StoreUnavailableError, merge_people, settle_change
from consent.models import ConsentChange
from consent.projection import put_all_in_force, put_in_force
from rtts_site.foundation import key_issuing
from rtts_site.foundation.metrics import FENCES

logger = logging.getLogger("consent")

SETTLE_AFTER = timedelta(seconds=5)
MERGE_AFTER = timedelta(seconds=60)  # a merge's own job comes first
COMMIT_WITHIN = timedelta(
    seconds=60
)  # a change is visible in PostgreSQL this long after it was recorded, or never
RESTORE_LOCK = 7_201  # of PostgreSQL's advisory locks
MOST_NOTED = 50  # changes of each partition in one statement
WATERMARK_STEP_MS = 30_000
KEEP_CHANGES = timedelta(days=30)  # of settled ones: claims and idempotency keys


def settle(client: redis.Redis, *, now: datetime) -> int:
    """Finish what is older than 5 seconds; return how many tokens and changes it was. Safe to run in parallel."""
    try:
        _note_settled(client)
    except state.Unwritten:  # they are in force all the same, and settled once more
        logger.warning("consent.settled_not_noted", exc_info=True)
    return _settle_changes(client, now=now) + _settle_tokens(client, now=now)


def _note_settled(client: redis.Redis) -> None:
    """Note in PostgreSQL when changes came into force; what is lost on the way is settled once more."""
    while taken := state.take_settled(client, most=MOST_NOTED):
        tokens = [token for token, _ in taken]
        moments = [datetime.fromtimestamp(at_ms / 1000, UTC) for _, at_ms in taken]
        with connection.cursor() as cursor:
            cursor.execute(
                "update consent_consentchange c set settled_at = greatest(v.at, c.recorded_at) "
                "from unnest(%s::text[], %s::timestamptz[]) as v (token, at) "
                "where c.token = v.token and c.settled_at is null",
                [tokens, moments],
            )


def _settle_changes(client: redis.Redis, *, now: datetime) -> int:
    late = ConsentChange.objects.filter(settled_at=None, recorded_at__lt=now - SETTLE_AFTER)
    return sum(settle_change(client, row, now=now) for row in late.order_by("recorded_at")[:1000])


def _settle_tokens(client: redis.Redis, *, now: datetime) -> int:
    standing = state.standing_fences(client, before_ms=_ms(now - SETTLE_AFTER))
    FENCES.set(len(standing))
    return sum(_settle_token(client, person, token, now=now) for person, token in standing)


def _settle_token(client: redis.Redis, person: str, token: str, *, now: datetime) -> bool:
    if token.startswith(state.MERGE):
        return _settle_merge(client, person, token, now=now)
    if token.startswith(state.CHANGE):
        _claim(person, token, now=now)
    row = ConsentChange.objects.filter(token=token).first()
    if row is None:
        return False  # an event on its way: its worker records it
    try:
        put_in_force(client, row.person, tokens=[token])
        state.remove_fence(client, person, token)
    except state.Unwritten:  # the fence stands; the other tokens may lie where Redis takes writes
        logger.warning("consent.token_waits", exc_info=True)
        return False
    return True


def _claim(person: str, token: str, *, now: datetime) -> None:
    """Make sure that a change which has not committed by now never will."""
    claim = ConsentChange(token=token, person=person, recorded_at=now, settled_at=now)
    ConsentChange.objects.bulk_create([claim], ignore_conflicts=True)


def _settle_merge(client: redis.Redis, person: str, token: str, *, now: datetime) -> bool:
    set_at_ms = state.fence_set_at(client, person, token)
    if set_at_ms is None or set_at_ms > _ms(now - MERGE_AFTER):
        return False
    try:
        merge_people(token.removeprefix(state.MERGE), person, now=now)
    except StoreUnavailableError:
        logger.warning("consent.merge_waits", exc_info=True)
        return False
    return True


def restore_trust(client: redis.Redis, *, now: datetime) -> int:
    """Make consent in Redis certain again after the server process was exchanged; else move the watermark on.

    The watermark lies in Redis itself: whatever copy or log the new process started from, it holds every change up to
    the watermark that it has, so writing again all since then (less the time a commit may take) completes it.
    Return how many people were written.
    """
    with _alone() as alone:
        return _restore_trust(client, now=now) if alone else 0


def _restore_trust(client: redis.Redis, *, now: datetime) -> int:
    run_id, partitions = state.trusted_runs(client)
    stale = [number for number, (trusted, _) in enumerate(partitions) if trusted != run_id]
    watermark_ms = _watermark_ms(now)
    if not stale:
        if watermark_ms - min(known for _, known in partitions) > WATERMARK_STEP_MS:
            state.trust(client, run_id, range(people.PARTITIONS), watermark_ms=watermark_ms)
        return 0
    oldest = min(partitions[number][1] for number in stale)
    written = reapply(client, stale, since_ms=oldest)
    _restore_the_rest(client)
    state.trust(client, run_id, stale, watermark_ms=watermark_ms)
    logger.info("consent.trust_restored", extra={"partitions": len(stale), "people": written})
    return written


def rebuild(client: redis.Redis, *, now: datetime) -> Iterator[int]:
    """Write everybody again from PostgreSQL, whatever Redis has; consent is unknown meanwhile. Yield how many so far."""
    with _alone(wait=True):  # else the relay would trust a half-written Redis
        everywhere = range(people.PARTITIONS)
        watermark_ms = _watermark_ms(now)
        state.distrust(client)
        run_id, _ = state.trusted_runs(client)
        yield from accumulate(put_all_in_force(client, everywhere, afresh=True))
        _restore_the_rest(client)
        state.trust(client, run_id, everywhere, watermark_ms=watermark_ms)


@contextmanager
def _alone(*, wait: bool = False) -> Iterator[bool]:
    """Yield whether this is the only process that restores trust now."""
    lock = "pg_advisory_lock" if wait else "pg_try_advisory_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"select {lock}(%s)", [RESTORE_LOCK])
        held = cursor.fetchone()[0] is not False
        try:
            yield held
        finally:
            if held:
                cursor.execute("select pg_advisory_unlock(%s)", [RESTORE_LOCK])


def _restore_the_rest(client: redis.Redis) -> None:
    key_issuing.project_keys(client)
    policy_store.put_live(client)


def reapply(client: redis.Redis, partitions: list[int], *, since_ms: int) -> int:
    """Write again everybody who changed since a watermark, epoch ms; 0 is everybody there is."""
    since = datetime.fromtimestamp(since_ms / 1000, UTC) - COMMIT_WITHIN if since_ms else None
    return sum(put_all_in_force(client, partitions, since=since))


def forget_settled(*, now: datetime) -> int:
    """Delete settled changes that are past their use; return how many."""
    old = ConsentChange.objects.filter(settled_at__lt=now - KEEP_CHANGES)
    return old.delete()[0]


def _watermark_ms(now: datetime) -> int:
    """Return a time up to which every recorded change is in Redis."""
    waiting = ConsentChange.objects.filter(settled_at=None).aggregate(oldest=Min("recorded_at"))
    return _ms(min(waiting["oldest"] or now, now - COMMIT_WITHIN))


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
