"""The only place that measures again whom a change reaches, once another release went live under it."""

from datetime import datetime
from typing import Final

from django.db import transaction

from campaigns import approvals, publishing, reach
from campaigns.models import Change, Release
from rtts_site.foundation.jobs import Job

JOB_KIND: Final = "campaigns.remeasure"


def ask(candidate: Release) -> None:
    """Leave a job where a rebuilt candidate has things of which it is no longer known whom they reach."""
    subject = f"change:{candidate.change_id}"
    waiting = Job.objects.filter(kind=JOB_KIND, subject=subject, state=Job.State.WAITING)
    if None in candidate.reach.values() and not waiting.exists():
        Job.objects.create(kind=JOB_KIND, subject=subject)


def measure_again(subject: str, *, now: datetime) -> None:
    """Measure whom a change in review reaches now, and approve it where it has every approval by that.

    What was rebuilt or edited meanwhile keeps what it says: a rebuild asks for itself.
    """
    change = Change.objects.get(pk=int(subject.removeprefix("change:")))
    seen = publishing.candidate_for(change)
    if seen is None or not change.is_editable:
        return
    reached = reach.measure(change, now=now)  # before anything is locked
    with transaction.atomic():
        change = Change.objects.select_for_update().get(pk=change.pk)
        candidate = publishing.candidate_for(change)
        if candidate is None or candidate.pk != seen.pk or not change.is_editable:
            return
        known = {name: people for name, people in reached.items() if people is not None}
        candidate.reach = {**candidate.reach, **known}
        candidate.save(update_fields=["reach"])
        _settle(change, candidate, now=now)


def _settle(change: Change, candidate: Release, *, now: datetime) -> None:
    standing = approvals.standing_of(change)
    if change.state == Change.State.IN_REVIEW and standing.is_complete:
        publishing.complete(change, candidate, by=standing.approvals[-1].user, now=now)
