"""Publishes the demo's release by the doors of production: the marketer submits, the approver approves and publishes."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime

from django.contrib.auth.models import User

from campaigns import drafts, jobs, publishing
from campaigns.candidates import live_release
from campaigns.drafts import Draft
from campaigns.models import Change, Release
from rtts_site.foundation.jobs import Job

TITLE = "The demo: catalogue, segments, offers and campaigns"
PATIENCE_S = 120.0
Progress = Callable[[str, int, int], None]


class NotPublished(RuntimeError):
    """The demo's release did not go live."""


def launch(
    wanted: list[Draft], people: Mapping[str, User], *, now: datetime, progress: Progress
) -> Release:
    """Return the live release; where there is none, author and publish one, going on where an earlier try stopped.

    Raises:
        NotPublished: preparing failed, or no worker does it.
    """
    live = live_release()
    if live is not None:
        return live
    marketer, approver = people["marketer"], people["approver"]
    change = _open(marketer, now=now)
    if change.state == Change.State.DRAFT:
        for done, draft in enumerate(wanted, start=1):
            drafts.save_draft(change, draft, author=marketer, now=now)
            progress("authoring", done, len(wanted))
        publishing.submit(change, by=marketer, now=now)
        change.refresh_from_db()
    if change.state == Change.State.IN_REVIEW:
        candidate = publishing.candidate_for(change)
        publishing.approve(
            change,
            by=approver,
            digest=candidate.review_digest if candidate else "",
            now=now,
            text="The demo approves itself; nothing else does.",
        )
        change.refresh_from_db()
    if change.state == Change.State.APPROVED:
        candidate = publishing.publish(change, by=approver, now=now)
        # Done here or by the worker that was first to claim it.
        jobs.do(Job.objects.get(pk=int(candidate.job)), now=lambda: now)
    return _wait_until_live(change, progress)


def _open(marketer: User, *, now: datetime) -> Change:
    over = (Change.State.LIVE, Change.State.REJECTED)
    unfinished = Change.objects.filter(title=TITLE).exclude(state__in=over).order_by("-pk").first()
    return unfinished or drafts.open_change(marketer, now=now, title=TITLE)


def _wait_until_live(change: Change, progress: Progress) -> Release:
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        live = live_release()
        if live is not None:
            progress("publishing", 1, 1)
            return live
        failed = change.candidates.filter(state=Release.State.FAILED).order_by("-pk").first()
        if failed is not None:
            raise NotPublished(f"The demo's release could not be prepared: {failed.why}")
        progress("publishing", 0, 1)
        time.sleep(0.2)
    raise NotPublished("No worker prepares the release: start `manage.py up`, then run this again.")
