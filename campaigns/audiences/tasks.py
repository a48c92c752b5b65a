"""What Celery runs to count people; each task is idempotent."""

from typing import Any

from celery import group, shared_task
from django.utils import timezone

from campaigns.audiences import exact, history, stock
from campaigns.candidates import candidate_of
from campaigns.models import Release
from consent.policy_store import PolicyRefused, load_live_policy
from decisioning.profiles import roster
from rtts_site.foundation import due
from rtts_site.foundation.redis_clients import redis_client


@shared_task(name="campaigns.enrol_people")
def enrol_people(**_: Any) -> None:
    """Run by beat: completes the roster once where profiles are older than it."""
    roster.complete(redis_client())


@shared_task(name="campaigns.take_stock")
def take_stock(**_: Any) -> None:
    """Run by beat: counts live segments for overlaps, and records what is live by day and release."""
    live = Release.objects.filter(state=Release.State.LIVE).values_list("digest", flat=True).first()
    if live is None:
        return
    now = timezone.now()
    stock.take_stock(redis_client(), digest=live, now=now)
    history.record_due(redis_client(), now=now)


@shared_task(name="campaigns.send_counts")
def send_counts(**_: Any) -> None:
    """Send out what a request left in a row, as it may not publish tasks."""
    for count, ranges in exact.ranges_to_send(now=timezone.now()):
        group(count_range.s(count=count, first=first) for first in ranges).apply_async()


@shared_task(name="campaigns.count_range")
def count_range(*, count: int, first: int, **_: Any) -> None:
    client = redis_client()
    try:
        policy = load_live_policy(client, known=None)
    except PolicyRefused:
        policy = None
    channels = {one.key: one.name for one in candidate_of(None).spec.channels}
    done = exact.count_range(
        client, count, first, policy=policy, channels=channels, now=timezone.now()
    )
    if done is not None:
        history.record_exact(done, now=done.counted_at)


due.send_when("campaigns.send_counts", exact.is_due)
