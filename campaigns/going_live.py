"""The only place that makes a prepared release the live one in PostgreSQL, or gives it up."""

from datetime import datetime

from django.contrib.auth.models import AbstractUser, User
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext as _

from campaigns import house_facts, mapping, reach, remeasuring, stopping
from campaigns.candidates import candidate_from, candidate_of, conflicts
from campaigns.drafts import author_ids, drafts_of, void_approvals
from campaigns.models import Change, Event, Item, Release
from campaigns.models.items import Kind
from campaigns.notifying import telling
from campaigns.publishing import (
    NotPossible,
    NotPublishable,
    Verdict,
    candidate_for,
    conflict_words,
    freeze,
    note,
    stamp,
)
from consent import notices
from consent.policy import decode_policy
from consent.policy_store import record_policy


def take_live(release: Release, *, now: datetime) -> Release:
    """Make a prepared release and its policy the live ones in PostgreSQL, both or neither; rebuild other candidates.

    Raises:
        NotPossible: it is not being prepared, or another release went live since it was frozen.
        PolicyRefused: its policy may not be published, or another was since it was frozen.
    """
    with transaction.atomic():
        live = Release.objects.select_for_update().filter(state=Release.State.LIVE).first()
        release = Release.objects.select_for_update().get(pk=release.pk)
        if release.state != Release.State.PREPARING:
            raise NotPossible(
                _("{release} is {state}, not being prepared.").format(
                    release=release, state=release.get_state_display()
                )
            )
        if release.base_id != (live.pk if live else None):
            raise NotPossible(_("Another release went live meanwhile."))
        _record_policy(release, now=now)
        _swap(live, release, now=now)
        _point_items(release, now=now)
        if release.change is not None:
            _close(release.change, by=release.published_by, now=now, version=release.version or 0)
        _lift_stops(release, now=now)
        _tell(release, now=now)
        _rebuild_others(now=now)
    return release


def _lift_stops(release: Release, *, now: datetime) -> None:
    before = release.base.revisions.values_list("pk", flat=True) if release.base else []
    changed = release.revisions.exclude(pk__in=list(before)).values_list("item_id", flat=True)
    stopping.lift_reviewed(release, list(changed), now=now)


def _tell(release: Release, *, now: datetime) -> None:
    rolled_back = release.change is None
    event = Event.ROLLED_BACK if rolled_back else Event.PUBLISHED
    happening = telling.Happening(
        event=event,
        actor=release.published_by,
        change=release.change,
        release=release,
        text=release.why,
    )
    to = telling.authors(release.change) if release.change else telling.everybody()
    telling.tell(happening, to=to, now=now)


def _record_policy(release: Release, *, now: datetime) -> None:
    if release.change is None or release.approved_by is None:
        return  # a roll back: policies only move forward
    rows = release.revisions.filter(item__kind=Kind.NOTICE)
    notices.keep_texts([mapping.parse(Kind.NOTICE, row.body) for row in rows], now=now)
    authors = User.objects.filter(pk__in=author_ids(release.change))
    record_policy(
        decode_policy(bytes(release.policy)),
        approved_by=release.approved_by.get_username(),
        authors=authors.values_list("username", flat=True),
        base=release.base_policy,
        now=now,
    )


def _swap(live: Release | None, release: Release, *, now: datetime) -> None:
    if live is not None:
        live.state = Release.State.RETIRED
        live.save(update_fields=["state"])
    newest = Release.objects.exclude(version=None).order_by("-version").first()
    release.version = (newest.version or 0) + 1 if newest else 1
    release.state = Release.State.LIVE
    release.published_at = now
    release.save(update_fields=["version", "state", "published_at"])
    house_facts.tell_publish(release, now=now)


def _point_items(release: Release, *, now: datetime) -> None:
    inside = Release.revisions.through.objects.filter(release_id=release.pk)
    mine = inside.filter(revision__item_id=OuterRef("pk")).values("revision_id")[:1]
    Item.objects.update(live_revision=Subquery(mine))
    Item.objects.filter(live_revision__isnull=False).update(archived_at=None)
    for row in release.revisions.select_related("item"):
        if row.item.name != row.body["name"]:
            Item.objects.filter(pk=row.item_id).update(name=row.body["name"])
    if release.change is not None:
        removed = [draft.item_id for draft in drafts_of(release.change) if draft.removed]
        Item.objects.filter(pk__in=removed).update(archived_at=now)


def _close(change: Change, *, by: AbstractUser | None, now: datetime, version: int) -> None:
    change.state = Change.State.LIVE
    change.save(update_fields=["state"])
    note(change, Verdict.PUBLISHED, by=by, now=now, text=f"Release {version}")


def _rebuild_others(*, now: datetime) -> None:
    states = (Change.State.IN_REVIEW, Change.State.APPROVED)
    for change in Change.objects.select_for_update().filter(state__in=states).order_by("pk"):
        _rebuild(change, now=now)


def _rebuild(change: Change, *, now: datetime) -> None:
    """Lay a change over what is live now; an approval of the same revisions holds for the new candidate."""
    stale = conflicts(change)
    if stale:
        _return(change, conflict_words(stale), now=now)
        return
    try:
        with transaction.atomic():
            candidate = freeze(change, reached=_reached(change), now=now)
    except NotPublishable as error:
        _return(change, _("It no longer fits what is live: {error}").format(error=error), now=now)
        return
    if change.state == Change.State.APPROVED:
        stamp(candidate, change)
    remeasuring.ask(candidate)


def _reached(change: Change) -> reach.Reach:
    # Measured when it was submitted: nobody waits here for a count of people.
    before = candidate_for(change)
    if before is None or not before.reach:
        return {}
    earlier = candidate_from(before.revisions.select_related("item"))
    return reach.kept(before.reach, earlier, candidate_of(change))


def _return(change: Change, why: str, *, now: datetime) -> None:
    void_approvals(change, now=now)
    note(change, Verdict.CONFLICT, by=None, now=now, text=why)
    _tell_authors(Event.SENT_BACK, change, why, now=now)


def _tell_authors(event: Event, change: Change, text: str, *, now: datetime) -> None:
    happening = telling.Happening(event=event, change=change, text=text)
    telling.tell(happening, to=telling.authors(change), now=now)


@transaction.atomic
def give_up(release: Release, *, why: str, now: datetime) -> None:
    """Mark a release that could not be prepared; its change goes back to its authors."""
    release = Release.objects.select_for_update().get(pk=release.pk)
    if release.state != Release.State.PREPARING:
        return
    release.state = Release.State.FAILED
    release.why = why[:500]
    release.save(update_fields=["state", "why"])
    if release.change is not None:
        void_approvals(release.change, now=now)
        note(release.change, Verdict.FAILED, by=None, now=now, text=why)
        _tell_authors(Event.FAILED, release.change, why, now=now)
