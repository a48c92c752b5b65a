"""The only door through which a change goes: submit, approve, send back, publish, and roll back a release."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, AbstractUser, AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import OuterRef, QuerySet, Subquery

from campaigns.candidates import (
    Candidate,
    candidate_from,
    candidate_of,
    changed_drafts,
    conflicts,
    content_digest,
    live_release,
    restored_revisions,
    review_digest,
)
from campaigns.checking import Finding
from campaigns.drafts import author_ids, drafts_of, is_author, void_approval
from campaigns.models import Change, Item, OpenChange, Release, ReviewComment, Revision
from consent.policy import decode_policy, encode_policy
from consent.policy_store import live_policy, record_policy
from decisioning.rules.canonical import canonical, digest_of
from rtts_site.foundation.jobs import Job

JOB_KIND = "campaigns.prepare"

Verdict = ReviewComment.Verdict


class NotPossible(Exception):
    """A step that the change or release does not allow now; the message says what to do."""


class NotPublishable(NotPossible):
    """A candidate with faults; `findings` has them all."""

    def __init__(self, findings: list[Finding]) -> None:
        first = "; ".join(str(finding) for finding in findings[:5])
        super().__init__(f"{first}{' …' if len(findings) > 5 else ''}")
        self.findings = findings


def _require(user: AbstractUser, permission: str) -> None:
    if not user.has_perm(f"campaigns.{permission}"):
        raise PermissionDenied("Your role does not allow this; ask an admin for it.")


def _locked(change: Change, *states: Change.State) -> Change:
    change = Change.objects.select_for_update().get(pk=change.pk)
    if change.state not in states:
        wanted = " or ".join(str(state.label) for state in states)
        raise NotPossible(
            f"“{change}” is {change.get_state_display()}; this needs it to be {wanted}."
        )
    return change


def _note(
    change: Change, verdict: Verdict, *, by: AbstractUser | None, now: datetime, text: str = ""
) -> None:
    ReviewComment.objects.create(
        change=change, author_id=by.pk if by else None, verdict=verdict, text=text, created_at=now
    )


@transaction.atomic
def submit(change: Change, *, by: AbstractUser, now: datetime) -> Release:
    """Freeze the candidate of a draft change and ask for review.

    Raises:
        NotPublishable: the candidate has faults.
        NotPossible: the change is empty, no draft, or written on what is no longer live.
    """
    _require(by, "submit_change")
    change = _locked(change, Change.State.DRAFT)
    if not changed_drafts(change):
        raise NotPossible("Nothing is changed: edit something first.")
    stale = conflicts(change)
    if stale:
        raise NotPossible(_conflict_words(stale))
    candidate = freeze(change, now=now)
    change.state = Change.State.IN_REVIEW
    change.submitted_by_id, change.submitted_at = by.pk, now
    change.save(update_fields=["state", "submitted_by", "submitted_at"])
    # The next save must not void this review by accident.
    OpenChange.objects.filter(change=change).delete()
    _note(change, Verdict.SUBMITTED, by=by, now=now)
    return candidate


def _conflict_words(stale: list[Revision]) -> str:
    names = ", ".join(f"“{draft.item}”" for draft in stale[:5])
    return f"{names} went live in another change meanwhile: open, compare and save again."


def freeze(change: Change, *, now: datetime) -> Release:
    """Write the candidate of a change as it is now, in place of earlier ones.

    Raises:
        NotPublishable: the candidate has faults.
    """
    candidate = candidate_of(change)
    check_candidate(candidate)
    change.candidates.filter(state=Release.State.CANDIDATE).update(state=Release.State.SUPERSEDED)
    spec, policy, in_force = canonical(candidate.spec), candidate.policy, live_policy()
    digest, content = digest_of(spec), content_digest(drafts_of(change))
    release = Release.objects.create(
        change=change,
        base=live_release(),
        digest=digest,
        spec=spec,
        policy=encode_policy(policy),
        policy_digest=policy.digest,
        base_policy=in_force.digest if in_force else "",
        review_digest=review_digest(digest, policy.digest, content),
        created_at=now,
    )
    release.revisions.set(candidate.revisions)
    return release


def check_candidate(candidate: Candidate) -> None:
    """Refuse a candidate that could not be published.

    Raises:
        NotPublishable: with every finding.
    """
    findings = candidate.findings()
    if findings:
        raise NotPublishable(findings)


def candidate_for(change: Change) -> Release | None:
    """Return the frozen candidate of a change in review, approved or preparing."""
    states = (Release.State.CANDIDATE, Release.State.PREPARING)
    return change.candidates.filter(state__in=states).order_by("-pk").first()


@transaction.atomic
def approve(
    change: Change, *, by: AbstractUser, digest: str, now: datetime, text: str = ""
) -> None:
    """Approve exactly what was reviewed; `digest` is the candidate's `review_digest`.

    Raises:
        PermissionDenied: the user had a hand in the change, or may not approve at all.
        NotPossible: not in review, or what there is to review is no longer what has this digest.
    """
    _require(by, "approve_change")
    change = _locked(change, Change.State.IN_REVIEW)
    if is_author(by, change):
        raise PermissionDenied("You wrote part of this change: a colleague has to approve it.")
    candidate = candidate_for(change)
    if candidate is None or candidate.review_digest != digest:
        raise NotPossible("The candidate changed while you reviewed it: read it again.")
    change.state = Change.State.APPROVED
    change.approved_by_id, change.approved_at = by.pk, now
    change.approved_content = content_digest(drafts_of(change))
    change.save(update_fields=["state", "approved_by", "approved_at", "approved_content"])
    _stamp(candidate, change)
    _note(change, Verdict.APPROVED, by=by, now=now, text=text)


def _stamp(candidate: Release, change: Change) -> None:
    candidate.approved_digest = candidate.digest
    candidate.approved_by, candidate.approved_at = change.approved_by, change.approved_at
    candidate.save(update_fields=["approved_digest", "approved_by", "approved_at"])


@transaction.atomic
def send_back(change: Change, *, by: AbstractUser, text: str, now: datetime) -> None:
    """Return a change to its authors with a comment.

    Raises:
        NotPossible: nothing to send back, or no word of why.
    """
    _require(by, "approve_change")
    change = _locked(change, Change.State.IN_REVIEW, Change.State.APPROVED)
    if not text.strip():
        raise NotPossible("Say what has to be different, so that the authors can go on.")
    void_approval(change)
    _note(change, Verdict.SENT_BACK, by=by, now=now, text=text)


@transaction.atomic
def comment(change: Change, *, by: AbstractUser, text: str, now: datetime) -> None:
    """Add a comment to a change's story."""
    _require(by, "view_change")
    if not text.strip():
        raise NotPossible("Write a comment first.")
    _note(change, Verdict.COMMENT, by=by, now=now, text=text)


@transaction.atomic
def discard(change: Change, *, by: AbstractUser, now: datetime) -> None:
    """Close a change without publishing it; its revisions stay in the history."""
    _require(by, "submit_change")
    if not is_author(by, change):
        raise PermissionDenied("Only its authors may discard a change.")
    change = _locked(change, Change.State.DRAFT, Change.State.IN_REVIEW, Change.State.APPROVED)
    void_approval(change)
    change.state = Change.State.REJECTED
    change.save(update_fields=["state"])
    _note(change, Verdict.DISCARDED, by=by, now=now)


@transaction.atomic
def publish(change: Change, *, by: AbstractUser, now: datetime) -> Release:
    """Start preparing an approved change; a worker takes it live.

    Raises:
        NotPossible: not approved, another release is being prepared, or what was approved has changed.
    """
    _require(by, "publish_release")
    change = _locked(change, Change.State.APPROVED)
    candidate = candidate_for(change)
    if candidate is None or candidate.approved_digest != candidate.digest:
        raise NotPossible("There is no approved candidate: submit the change again.")
    if change.approved_content != content_digest(drafts_of(change)):
        raise NotPossible("The change is not what was approved: submit it again.")
    _start(candidate, by=by)
    change.state = Change.State.PREPARING
    change.save(update_fields=["state"])
    return candidate


def _start(release: Release, *, by: AbstractUser) -> None:
    job = Job.objects.create(kind=JOB_KIND, subject=f"release:{release.pk}")
    release.state = Release.State.PREPARING
    release.published_by_id = by.pk
    release.job = str(job.pk)
    try:
        with transaction.atomic():
            release.save(update_fields=["state", "published_by", "job"])
    except (
        IntegrityError
    ) as error:  # one_release_being_prepared: true of publishes at the same time too
        raise NotPossible("Another release is being prepared: wait until it is live.") from error


@transaction.atomic
def roll_back(release: Release, *, by: AbstractUser, why: str, now: datetime) -> Release:
    """Start restoring what an earlier release said, as a new version; changes and consent policy stay.

    An attribute or event type that might serve more purposes than it does by now stays as it is.

    Raises:
        NotPossible: it never was live, or is live now.
    """
    _require(by, "roll_back_release")
    release = Release.objects.select_for_update().get(pk=release.pk)
    if release.state != Release.State.RETIRED:
        raise NotPossible(f"{release} is {release.get_state_display()}; choose one that was live.")
    if not why.strip():
        raise NotPossible("Say why, for the history.")
    live = live_release()
    if live is None:
        raise NotPossible("Nothing is live.")
    revisions = restored_revisions(release, live)
    spec = canonical(candidate_from(revisions).spec)
    digest = digest_of(spec)
    restored = Release.objects.create(
        restores=release,
        base=live,
        digest=digest,
        spec=spec,
        policy=live.policy,
        policy_digest=live.policy_digest,
        approved_digest=digest,  # of revisions that were all approved
        approved_by=release.approved_by,
        approved_at=release.approved_at,
        created_at=now,
        why=why,
    )
    restored.revisions.set(revisions)
    _start(restored, by=by)
    return restored


def waiting_for(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Change]:
    """Return the changes in review that this user may approve, oldest submission first; one query."""
    may = isinstance(user, AbstractUser) and user.has_perm("campaigns.approve_change")
    waiting = Change.objects.filter(state=Change.State.IN_REVIEW) if may else Change.objects.none()
    return (
        waiting.exclude(authors=user.pk)
        .exclude(created_by=user.pk)
        .select_related("submitted_by")
        .order_by("submitted_at")
    )


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
            raise NotPossible(f"{release} is {release.get_state_display()}, not being prepared.")
        if release.base_id != (live.pk if live else None):
            raise NotPossible("Another release went live meanwhile.")
        _record_policy(release, now=now)
        _swap(live, release, now=now)
        _point_items(release, now=now)
        if release.change is not None:
            _close(release.change, by=release.published_by, now=now, version=release.version or 0)
        _rebuild_others(now=now)
    return release


def _record_policy(release: Release, *, now: datetime) -> None:
    if release.change is None or release.approved_by is None:
        return  # a roll back: policies only move forward
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
    _note(change, Verdict.PUBLISHED, by=by, now=now, text=f"Release {version}")


def _rebuild_others(*, now: datetime) -> None:
    states = (Change.State.IN_REVIEW, Change.State.APPROVED)
    for change in Change.objects.select_for_update().filter(state__in=states).order_by("pk"):
        _rebuild(change, now=now)


def _rebuild(change: Change, *, now: datetime) -> None:
    """Lay a change over what is live now; an approval of the same revisions holds for the new candidate."""
    stale = conflicts(change)
    if stale:
        _return(change, _conflict_words(stale), now=now)
        return
    try:
        with transaction.atomic():
            candidate = freeze(change, now=now)
    except NotPublishable as error:
        _return(change, f"It no longer fits what is live: {error}", now=now)
        return
    if change.state == Change.State.APPROVED:
        _stamp(candidate, change)


def _return(change: Change, why: str, *, now: datetime) -> None:
    void_approval(change)
    _note(change, Verdict.CONFLICT, by=None, now=now, text=why)


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
        void_approval(release.change)
        _note(release.change, Verdict.FAILED, by=None, now=now, text=why)
