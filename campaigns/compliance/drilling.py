"""The only place that has the opt-out drill run, daily or when somebody asks, and tells who must know that it failed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.models import AbstractUser
from django.utils.translation import gettext as _

from campaigns.candidates import live_release
from campaigns.compliance.drill import run_drill
from campaigns.models import OptOutDrill
from campaigns.notifying.telling import raise_alert
from rtts_site.foundation.jobs import Job
from rtts_site.foundation.redis_clients import redis_client

JOB_KIND: Final = "campaigns.opt_out_drill"
EVERY: Final = timedelta(days=1)
KEPT: Final = timedelta(days=400)

Clock = Callable[[], datetime]


def ask_for_drill(*, by: AbstractUser, now: datetime) -> Job:
    """Have a drill run now; one that waits already is enough."""
    waiting = Job.objects.filter(kind=JOB_KIND, state__in=Job.OPEN).first()
    return waiting or Job.objects.create(kind=JOB_KIND, subject=by.get_username())


def run(job: Job, *, now: Clock) -> None:
    """Do a drill that was asked for."""
    _drill(now)


def daily(*, now: Clock) -> None:
    """Run the drill where a day has passed since the last and something is live; one or two queries."""
    is_new = OptOutDrill.objects.filter(began_at__gt=now() - EVERY).exists()
    if not is_new and live_release() is not None:
        _drill(now)
        OptOutDrill.objects.filter(began_at__lt=now() - KEPT).delete()


def _drill(now: Clock) -> None:
    found = run_drill(redis_client(), now=now)
    if not found.passed:
        failed = next(one for one in found.steps if not one["ok"])
        words = _("The opt-out drill failed at “{step}”: {told}")
        raise_alert(words.format(step=failed["step"], told=failed["told"]), now=now())
