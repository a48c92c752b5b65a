"""The only keeper of Idempotency-Keys: the answer to a request is kept 24 hours and given again to its repeat.

Kept in PostgreSQL, beside what the requests record, so a key and its effect are lost together or not at all.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from rtts_site.foundation.models import IdempotentRequest
from rtts_site.foundation.problems import Problem, invalid_field

KEEP = timedelta(hours=24)
GIVE_UP = timedelta(seconds=60)  # a request that has run longer than this was killed
MAX_KEY = 200  # characters


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer as it is kept."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Repeatable:
    """A request that may come again."""

    caller: str  # id of the API key
    key: str  # the Idempotency-Key header
    body: bytes


def answer_once(
    request: Repeatable, perform: Callable[[], Answer], *, now: datetime
) -> tuple[Answer, bool]:
    """Return what `perform` answers, or what it answered the first time, and whether this was a repeat.

    Only answers below 500 are kept: after a passing failure the repeat is performed again.

    Raises:
        Problem: 409 while the first is running or where the key came with another body, 400 where it is too long.

    Source: draft-ietf-httpapi-idempotency-key-header.
    """
    if not request.key:
        return perform(), False
    if len(request.key) > MAX_KEY or not request.key.isprintable():
        raise invalid_field(
            "", f"Idempotency-Key must have at most {MAX_KEY} printable characters.", status=400
        )
    kept = _begin(request, now=now)
    if kept is not None:
        return kept, True
    try:
        answer = perform()
    except BaseException:
        _rows(request).delete()
        raise
    _keep(request, answer)
    return answer, False


def forget_old_answers(*, now: datetime) -> int:
    """Delete answers that are older than 24 hours; return how many."""
    return IdempotentRequest.objects.filter(started_at__lt=now - KEEP).delete()[0]


def _begin(request: Repeatable, *, now: datetime) -> Answer | None:
    """Return the kept answer, or None where this request is now the one that runs."""
    digest = hashlib.sha256(request.body).hexdigest()
    try:
        with transaction.atomic():
            IdempotentRequest.objects.create(
                caller=request.caller, key=request.key, request_digest=digest, started_at=now
            )
    except IntegrityError:
        return _meet(request, digest, now=now)
    return None


def _meet(request: Repeatable, digest: str, *, now: datetime) -> Answer | None:
    with transaction.atomic():
        row = _rows(request).select_for_update().first()
        if row is None:
            raise _running()
        over = row.started_at < now - (KEEP if row.status is not None else GIVE_UP)
        if over:
            row.request_digest, row.started_at, row.status = digest, now, None
            row.save()
            return None
    if row.request_digest != digest:
        raise Problem(
            409,
            "Idempotency-Key used before",
            "This Idempotency-Key came with another body; use a new key for a new request.",
        )
    if row.status is None:
        raise _running()
    return Answer(row.status, bytes(row.body or b""))


def _keep(request: Repeatable, answer: Answer) -> None:
    if answer.status < 500:
        _rows(request).update(status=answer.status, body=answer.body)
    else:
        _rows(request).delete()


def _rows(request: Repeatable) -> QuerySet[IdempotentRequest]:
    return IdempotentRequest.objects.filter(caller=request.caller, key=request.key)


def _running() -> Problem:
    return Problem(
        409,
        "Still running",
        "The first request with this Idempotency-Key has not ended; repeat it in a moment.",
        headers=[("Retry-After", "1")],
    )
