"""The only place that has profiles compared with history, off-peak or when somebody asks, and tells of drift."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns.notifying.telling import raise_alert
from campaigns.publishing import NotPossible
from decisioning.models import Reconciliation
from decisioning.observing.reconciling import is_off_peak, reconcile
from rtts_site.foundation.jobs import Job
from rtts_site.foundation.redis_clients import redis_client
from rtts_site.foundation.texts import Filled

JOB_KIND: Final = "campaigns.reconcile"
PERMISSION: Final = "decisioning.add_reconciliation"
SAID: Final = gettext_noop("{looked} people compared, {drifted} corrected")

Clock = Callable[[], datetime]


def ask() -> Job:
    """Have a run begin now.

    Raises:
        NotPossible: one is going on.
    """
    if Job.objects.filter(kind=JOB_KIND, state__in=Job.OPEN).exists():
        raise NotPossible(_("A comparison is going on; see what it finds."))
    return Job.objects.create(kind=JOB_KIND)


def run(job: Job, *, now: Clock) -> None:
    """Do a run that was asked for."""
    found = reconcile(redis_client(), now=now(), report=lambda looked: job.report(looked, 0))
    tell(found, now=now())
    job.report(found.looked, found.looked, Filled(SAID, looked=found.looked, drifted=found.drifted))


def off_peak(*, now: datetime) -> None:
    """Begin a run by itself where the hour is a quiet one."""
    if is_off_peak(now):
        tell(reconcile(redis_client(), now=now), now=now)


def tell(found: Reconciliation, *, now: datetime) -> None:
    """Alert people where profiles were not as history has them."""
    if found.drifted:
        words = _(
            "{drifted} of {looked} profiles were not as history has them; they are corrected."
        )
        raise_alert(words.format(drifted=found.drifted, looked=found.looked), now=now)
