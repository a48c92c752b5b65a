"""The only place where staff let quarantined events in or discard them: as a job, with a reason, recorded."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns.publishing import NotPossible
from decisioning.models import QuarantineAct
from decisioning.observing.replaying import Outcome, discard, replay
from decisioning.observing.schemas import Schemas
from decisioning.releases import load_live
from rtts_site.foundation.jobs import Job
from rtts_site.foundation.redis_clients import redis_client
from rtts_site.foundation.texts import Filled

JOB_KIND: Final = "campaigns.quarantine"
PERMISSION: Final = "decisioning.handle_quarantine"
SAID: Final = gettext_noop(
    "{taken} let in, {known} known already, {refused} still refused, {dropped} discarded"
)

Clock = Callable[[], datetime]


def ask(
    verb: str, group: tuple[str, str], *, by: AbstractUser, why: str, now: datetime
) -> QuarantineAct:
    """Have a group, (event, pointer), let in again or discarded; a worker does it.

    Raises:
        PermissionDenied: the user may not.
        NotPossible: no reason, or no such act.
    """
    if not by.has_perm(PERMISSION):
        raise PermissionDenied(_("Your role does not allow this; ask an admin for it."))
    if not why.strip():
        raise NotPossible(_("Say why; it is recorded."))
    if verb not in QuarantineAct.Verb.values:
        raise NotPossible(_("There is no such act."))
    event, pointer = group
    with transaction.atomic():
        act = QuarantineAct.objects.create(
            verb=verb,
            event=event,
            pointer=pointer,
            why=why.strip()[:500],
            user=by.get_username(),
            asked_at=now,
        )
        job = Job.objects.create(kind=JOB_KIND, subject=str(act.pk))
        act.job = str(job.pk)
        act.save(update_fields=["job"])
    return act


def run(job: Job, *, now: Clock) -> None:
    """Do what was asked; doing it twice does no harm."""
    act = QuarantineAct.objects.get(pk=int(job.subject))
    client, group = redis_client(), (act.event, act.pointer)

    def report(looked: int) -> None:
        job.report(looked, 0)

    if act.verb == QuarantineAct.Verb.DISCARD:
        outcome = discard(client, group, report=report)
    else:
        live = load_live(client)
        schemas = Schemas(live.release.event_types if live is not None else ())
        now_ms = int(now().timestamp() * 1000)
        outcome = replay(client, group, schemas=schemas, now_ms=now_ms, report=report)
    _record(act, outcome, now=now())
    said = Filled(
        SAID,
        taken=outcome.taken,
        known=outcome.known,
        refused=outcome.refused,
        dropped=outcome.dropped,
    )
    job.report(outcome.looked, outcome.looked, said)


def _record(act: QuarantineAct, outcome: Outcome, *, now: datetime) -> None:
    # A second try after a crash adds to what the first had done.
    act.taken += outcome.taken
    act.known += outcome.known
    act.refused = outcome.refused
    act.dropped += outcome.dropped
    act.done_at = now
    act.save(update_fields=["taken", "known", "refused", "dropped", "done_at"])
