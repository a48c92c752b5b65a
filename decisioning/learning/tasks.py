"""What Celery runs of learning: attributing goal events, learning and publishing rates."""

from datetime import datetime, timedelta
from typing import Any, Final

from celery import shared_task
from django.utils import timezone

from decisioning.learning.publishing import publish_rates
from decisioning.learning.rates import learn_rates
from decisioning.learning.tallies import attribute_goals, count_outcomes
from decisioning.models import GoalCursor
from decisioning.releases import ReleaseRefused, load_live
from rtts_site.foundation.redis_clients import redis_client

SETTLED: Final = timedelta(seconds=5)  # history this old is complete for our purpose
OVERLAP: Final = timedelta(minutes=10)  # looked at again, for partitions that lagged
CURSOR: Final = "goals"


@shared_task(name="decisioning.learn")
def learn(**_: Any) -> None:
    now = timezone.now()
    attribute(now=now)
    rates = learn_rates(count_outcomes(now=now))
    if rates:
        publish_rates(redis_client(), rates)


def attribute(*, now: datetime) -> int:
    """Attribute what was received since last time and return how many conversions that made."""
    try:
        live = load_live(redis_client())
    except ReleaseRefused:
        return 0
    if live is None:
        return 0
    goals = {one.key: one.goal_event for one in live.release.campaigns if one.goal_event}
    cursor, _ = GoalCursor.objects.get_or_create(key=CURSOR, defaults={"until": now - OVERLAP})
    until = now - SETTLED
    made = attribute_goals(goals, after=cursor.until - OVERLAP, until=until)
    GoalCursor.objects.filter(key=CURSOR, until__lt=until).update(until=until)
    return made
