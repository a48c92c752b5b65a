"""The only door through which a change goes: submit, approve, send back, publish, and roll back a release."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from campaigns import approvals, house_facts, reach
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
from campaigns.drafts import drafts_of, is_author, void_approvals
from campaigns.models import (
    Approval,
    Change,
    Event,
    OpenChange,
    Release,
    ReviewComment,
    Revision,
)
from campaigns.notifying import telling
from consent.policy import encode_policy
from consent.policy_store import live_policy
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
        raise PermissionDenied(_("Your role does not allow this; ask an admin for it."))


def _locked(change: Change, *states: Change.State) -> Change:
    change = Change.objects.select_for_update().get(pk=change.pk)
    if change.state not in states:
        wanted = " or ".join(str(state.label) for state in states)
        raise NotPossible(
            _("“{change}” is {state}; this needs it to be {wanted}.").format(
                change=change, state=change.get_state_display(), wanted=wanted
            )
        )
    return change


def note(
    change: Change, verdict: Verdict, *, by: AbstractUser | None, now: datetime, text: str = ""
) -> None:
    """Add a step to a change's story."""
    ReviewComment.objects.create(
        change=change, author_id=by.pk if by else None, verdict=verdict, text=text, created_at=now
    )


def submit(change: Change, *, by: AbstractUser, now: datetime) -> Release:
    """Freeze the candidate of a draft change and ask for review.

    Raises:
        NotPublishable: the candidate has faults.
        NotPossible: the change is empty, no draft, or written on what is no longer live.
    """
    _require(by, "submit_change")
    measured = content_digest(drafts_of(change))
    reached = reach.measure(change, now=now)  # before anything is locked
    with transaction.atomic():
        change = _locked(change, Change.State.DRAFT)
        if content_digest(drafts_of(change)) != measured:
            reached = {}  # edited meanwhile: may reach everybody
        return _submit(change, by=by, reached=reached, now=now)


def _submit(change: Change, *, by: AbstractUser, reached: reach.Reach, now: datetime) -> Release:
    if not changed_drafts(change):
        raise NotPossible(_("Nothing is changed: edit something first."))
    stale = conflicts(change)
    if stale:
        raise NotPossible(conflict_words(stale))
    candidate = freeze(change, reached=reached, now=now)
    change.state = Change.State.IN_REVIEW
    change.submitted_by_id, change.submitted_at = by.pk, now
    change.save(update_fields=["state", "submitted_by", "submitted_at"])
    # The next save must not void this review by accident.
    OpenChange.objects.filter(change=change).delete()
    note(change, Verdict.SUBMITTED, by=by, now=now)
    _tell(Event.SUBMITTED, change, by=by, to=telling.approvers() - telling.authors(change), now=now)
    return candidate


def _tell(
    event: Event,
    change: Change,
    *,
    by: AbstractUser,
    to: Iterable[int],
    now: datetime,
    text: str = "",
) -> None:
    telling.tell(telling.Happening(event=event, actor=by, change=change, text=text), to=to, now=now)


def conflict_words(stale: list[Revision]) -> str:
    """Return what the authors have to do about drafts that were not written on what is live."""
    names = ", ".join(f"“{draft.item}”" for draft in stale[:5])
    return _("{names} went live in another change meanwhile: open, compare and save again.").format(
        names=names
    )


def freeze(change: Change, *, reached: reach.Reach, now: datetime) -> Release:
    """Write the candidate of a change as it is now, in place of earlier ones; `reached` is who it reaches.

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
        review_digest=review_digest(digest, policy.digest, content, title=change.title),
        reach=reached,
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
) -> approvals.Standing:
    """Approve exactly what was reviewed; `digest` is the candidate's `review_digest`.

    The change is approved once it has every approval that the rules ask for.

    Raises:
        PermissionDenied: the user had a hand in the change, or may not approve at all.
        NotPossible: not in review, approved by this user before, or what there is to review is no longer
            what has this digest.
    """
    _require(by, "approve_change")
    change = _locked(change, Change.State.IN_REVIEW)
    if is_author(by, change):
        raise PermissionDenied(_("You wrote part of this change: a colleague has to approve it."))
    candidate = candidate_for(change)
    if candidate is None or candidate.review_digest != digest:
        raise NotPossible(_("The candidate changed while you reviewed it: read it again."))
    refusal = approvals.why_not(by, approvals.standing_of(change))
    if refusal:
        raise NotPossible(refusal)
    _record_approval(change, candidate, by=by, now=now)
    note(change, Verdict.APPROVED, by=by, now=now, text=text)
    standing = approvals.standing_of(change)
    if standing.is_complete:
        complete(change, candidate, by=by, now=now)
    return standing


def _record_approval(
    change: Change, candidate: Release, *, by: AbstractUser, now: datetime
) -> None:
    # An earlier approval that no longer counts gives way.
    change.approvals.filter(user=by.pk, voided_at=None).update(voided_at=now)
    approval = Approval.objects.create(
        change=change,
        user_id=by.pk,
        candidate=candidate,
        digest=candidate.review_digest,
        content=content_digest(drafts_of(change)),
        roles=sorted(by.groups.values_list("name", flat=True)),
        given_at=now,
    )
    house_facts.tell_approval(approval, now=now)


def complete(change: Change, candidate: Release, *, by: AbstractUser, now: datetime) -> None:
    """Mark a change in review as approved; `by` gave the last approval that it needed."""
    change.state = Change.State.APPROVED
    change.approved_by_id, change.approved_at = by.pk, now
    change.approved_content = content_digest(drafts_of(change))
    change.save(update_fields=["state", "approved_by", "approved_at", "approved_content"])
    stamp(candidate, change)
    _tell(Event.APPROVED, change, by=by, to=telling.authors(change), now=now)


def stamp(candidate: Release, change: Change) -> None:
    """Mark a candidate as what was approved with its change."""
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
        raise NotPossible(_("Say what has to be different, so that the authors can go on."))
    void_approvals(change, now=now)
    note(change, Verdict.SENT_BACK, by=by, now=now, text=text)
    _tell(Event.SENT_BACK, change, by=by, to=telling.authors(change), now=now, text=text)


@transaction.atomic
def discard(change: Change, *, by: AbstractUser, now: datetime) -> None:
    """Close a change without publishing it; its revisions stay in the history."""
    _require(by, "submit_change")
    if not is_author(by, change):
        raise PermissionDenied(_("Only its authors may discard a change."))
    change = _locked(change, Change.State.DRAFT, Change.State.IN_REVIEW, Change.State.APPROVED)
    void_approvals(change, now=now)
    change.state = Change.State.REJECTED
    change.save(update_fields=["state"])
    note(change, Verdict.DISCARDED, by=by, now=now)


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
        raise NotPossible(_("There is no approved candidate: submit the change again."))
    if change.approved_content != content_digest(drafts_of(change)):
        raise NotPossible(_("The change is not what was approved: submit it again."))
    missing = approvals.standing_of(change).missing_words
    if missing:
        raise NotPossible(
            _("It needs %(missing)s more: send it back to review.") % {"missing": missing}
        )
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
        raise NotPossible(_("Another release is being prepared: wait until it is live.")) from error


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
        raise NotPossible(
            _("{release} is {state}; choose one that was live.").format(
                release=release, state=release.get_state_display()
            )
        )
    if not why.strip():
        raise NotPossible(_("Say why, for the history."))
    live = live_release()
    if live is None:
        raise NotPossible(_("Nothing is live."))
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
