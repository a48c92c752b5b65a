"""The only place that carries requests out: step by step, each noted when it is done, so that a worker may die anywhere."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from consent import ledger, policy_store
from consent.changes import Actor, ConsentChange, Evidence
from consent.models import RightsRequest
from consent.policy import Status
from consent.rights import clocks, erasing, exporting
from consent.rights.asking import NotPossible, asked, subject_of
from consent.rights.copies import COPIES, held_alone
from consent.rights.stores import NotYet

logger = logging.getLogger("consent")

Kind, State = RightsRequest.Kind, RightsRequest.State
Step = Callable[[RightsRequest, datetime], int]
HELD: Final = timedelta(minutes=5)  # by one worker; a dead one's request is taken up then
AGAIN: Final = timedelta(seconds=5)  # after a step that has to wait
AFTER_ERROR: Final = timedelta(minutes=1)

Corrector = Callable[[str, Mapping[str, Any], str, datetime], int]  # person, values, by, now
_correctors: list[Corrector] = []


def on_correcting(correct: Corrector) -> None:
    """Have `correct` set attributes of a person, as an event with its provenance."""
    _correctors.append(correct)


def _export(request: RightsRequest, now: datetime) -> int:
    name, rows = exporting.write_export(request, subject_of(request), now=now)
    request.file, request.file_expires_at = name, now + exporting.KEPT
    request.outcome = "a file was made"
    request.save(update_fields=["file", "file_expires_at", "outcome"])
    return rows


def _correct(request: RightsRequest, now: datetime) -> int:
    values = asked(request).details.get("attributes", {})
    if not values:
        raise NotPossible("Say which attributes are to be what.")
    person = subject_of(request).person
    done = sum(correct(person, values, f"rights:{request.pk}", now) for correct in _correctors)
    request.outcome = f"{len(values)} corrected"
    request.save(update_fields=["outcome"])
    return done


def _object(request: RightsRequest, now: datetime) -> int:
    live = policy_store.live_policy()
    named = asked(request).details.get("purposes") or [
        one.key for one in (live.purposes if live is not None else ()) if one.objectable
    ]
    changes = [
        ConsentChange(purpose=key, status=Status.OBJECTED, event_time=request.received_at)
        for key in named
    ]
    if changes:
        ledger.record_change(
            asked(request).person,
            changes,
            evidence=Evidence(collection_method=f"rights request ({request.intake})"),
            actor=Actor(kind="staff", id=f"request-{request.pk}"),
            now=now,
            idempotency_key=f"rights:{request.pk}",
        )
    request.outcome = f"objected to {len(changes)} purposes"
    request.save(update_fields=["outcome"])
    return len(changes)


def _restrict(request: RightsRequest, now: datetime) -> int:
    """Let nothing be done with a person's data but keep it, or lift that again."""
    what = asked(request)
    lifted = bool(what.details.get("lift"))
    recorded = ledger.record_restriction(
        what.person,
        not lifted,
        evidence=Evidence(collection_method=f"rights request ({request.intake})"),
        actor=Actor(kind="staff", id=f"request-{request.pk}"),
        now=now,
        idempotency_key=f"rights:{request.pk}",
    )
    if not recorded.events:
        raise NotPossible("This person was erased; they stay restricted for good.")
    if not recorded.in_force:
        raise NotYet("It is recorded, and Redis does not take it yet.")
    request.outcome = "restriction lifted" if lifted else "restricted"
    request.save(update_fields=["outcome"])
    return 1


def _tell(request: RightsRequest, now: datetime) -> int:
    kinds = {
        Kind.RECTIFICATION: "person.rectified",
        Kind.RESTRICTION: "person.restricted",
        Kind.OBJECTION: "person.objected",
    }
    person, what = subject_of(request).person, asked(request).details
    told = {"attributes": sorted(what["attributes"])} if "attributes" in what else dict(what)
    return erasing.tell_recipients(kinds[Kind(request.kind)], person, told, now=now)


STEPS: Final[Mapping[str, Sequence[tuple[str, Step]]]] = {
    Kind.ACCESS: (("seal", erasing.seal), ("write the file", _export)),
    Kind.PORTABILITY: (("seal", erasing.seal), ("write the file", _export)),
    Kind.RECTIFICATION: (("correct", _correct), ("tell", _tell)),
    Kind.OBJECTION: (("object", _object), ("tell", _tell)),
    Kind.RESTRICTION: (("restrict", _restrict), ("tell", _tell)),
    Kind.ERASURE: erasing.STEPS,
}
KEEPS_SUBJECT: Final = COPIES  # until the file is gone


def go_on(*, now: Callable[[], datetime]) -> int:
    """Take up every request that runs and is not held; return how many steps were done."""
    return sum(run(request, now=now) for request in iter(lambda: _claim(now()), None))


def _claim(now: datetime) -> RightsRequest | None:
    with transaction.atomic():
        rows = RightsRequest.objects.select_for_update(skip_locked=True)
        found = (
            rows.filter(state=State.RUNNING).exclude(held_until__gt=now).order_by("due_at").first()
        )
        if found is not None:
            found.held_until = now + HELD
            found.save(update_fields=["held_until"])
    return found


def run(request: RightsRequest, *, now: Callable[[], datetime]) -> int:
    """Do the steps that are left, until one has to wait or the request is done; return how many were done.

    0 where another process is at it, however long that takes.
    """
    with held_alone(request) as is_held:
        if not is_held:
            return 0
        request.refresh_from_db()
        return _run(request, now=now) if request.state == State.RUNNING else 0


def _run(request: RightsRequest, *, now: Callable[[], datetime]) -> int:
    number = 0
    for name, step in steps_left(request):
        try:
            count = step(request, now())
        except NotYet as wait:
            _put_off(request, str(wait), until=now() + AGAIN)
            return number
        except NotPossible as error:
            _fail(request, str(error))
            return number
        except Exception as error:
            logger.exception("rights.step_failed request=%s step=%s", request.pk, name)
            _put_off(request, f"{name}: {type(error).__name__}", until=now() + AFTER_ERROR)
            return number
        request.steps.append({"name": name, "done_at": now().isoformat(), "count": count})
        request.trouble = ""
        request.save(update_fields=["steps", "trouble"])
        number += 1
    _finish(request, now())
    return number


def steps_left(request: RightsRequest) -> list[tuple[str, Step]]:
    """Return the steps of a request that are not done."""
    done = {one.get("name") for one in request.steps}
    return [(name, step) for name, step in STEPS[request.kind] if name not in done]


def _put_off(request: RightsRequest, why: str, *, until: datetime) -> None:
    request.trouble, request.held_until = why[:500], until
    request.save(update_fields=["trouble", "held_until"])


def _fail(request: RightsRequest, why: str) -> None:
    request.state, request.trouble, request.held_until = State.FAILED, why[:500], None
    request.save(update_fields=["state", "trouble", "held_until"])


def _finish(request: RightsRequest, now: datetime) -> None:
    request.state, request.done_at, request.held_until = State.DONE, now, None
    if request.kind not in KEEPS_SUBJECT:
        request.subject = b""
    request.save(update_fields=["state", "done_at", "held_until", "subject"])


def fetched(request: RightsRequest, *, by: str, now: datetime) -> None:
    """Note that the file of a request was fetched."""
    request.steps.append({"name": "fetched", "done_at": now.isoformat(), "count": 1, "by": by})
    request.save(update_fields=["steps"])


def forget(*, now: datetime) -> int:
    """Delete expired files and requests whose 24 months are over; return how many of both."""
    gone = exporting.forget_expired(now=now)
    RightsRequest.objects.filter(
        kind__in=KEEPS_SUBJECT, state=State.DONE, file="", subject__isnull=False
    ).exclude(subject=b"").update(subject=b"")
    old = RightsRequest.objects.filter(done_at__lt=now - clocks.KEEP, holds=None)
    return gone + old.delete()[0]


def reminders(*, now: datetime) -> list[RightsRequest]:
    """Return the open requests that staff are to be reminded of now, and note that they are."""
    due = [
        one
        for one in RightsRequest.objects.filter(state__in=RightsRequest.OPEN).order_by("due_at")
        if clocks.is_to_be_reminded(one.due_at, one.reminded_at, now=now)
    ]
    RightsRequest.objects.filter(pk__in=[one.pk for one in due]).update(reminded_at=now)
    return due
