"""Named sets of edits that are reviewed and published as a whole."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models

USER = settings.AUTH_USER_MODEL


class Change(models.Model):
    """Draft revisions by one or more authors on their way to be live."""

    class State(models.TextChoices):
        DRAFT = "draft", "draft"
        IN_REVIEW = "in_review", "in review"
        APPROVED = "approved", "approved"
        PREPARING = "preparing", "preparing"
        LIVE = "live", "live"
        REJECTED = "rejected", "discarded"

    title = models.CharField(max_length=120)
    state = models.CharField(max_length=16, choices=State.choices, default=State.DRAFT)
    authors: models.ManyToManyField[User, Any] = models.ManyToManyField(
        USER, related_name="changes"
    )
    created_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    submitted_by = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="+")
    submitted_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="+")
    approved_at = models.DateTimeField(null=True, blank=True)
    # The digest over the revisions that were approved: a candidate rebuilt from others is refused.
    approved_content = models.CharField(max_length=80, blank=True)

    class Meta:
        permissions = [
            ("submit_change", "Can submit a change for review"),
            ("approve_change", "Can approve a change of others"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_editable(self) -> bool:
        """Say whether an edit may be saved into it; one in review or approved then loses its approval."""
        return self.state in (self.State.DRAFT, self.State.IN_REVIEW, self.State.APPROVED)


class OpenChange(models.Model):
    """The change that a user's next save goes into."""

    user = models.OneToOneField(USER, models.CASCADE, primary_key=True, related_name="+")
    change = models.ForeignKey(Change, models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"{self.user} in {self.change}"


class ReviewComment(models.Model):
    """One step of a change's story: who said or did what, and why."""

    class Verdict(models.TextChoices):
        COMMENT = "comment", "commented"
        SUBMITTED = "submitted", "submitted"
        APPROVED = "approved", "approved"
        SENT_BACK = "sent_back", "sent back"
        VOIDED = "voided", "edited, approval void"
        CONFLICT = "conflict", "met a conflict"
        PUBLISHED = "published", "published"
        FAILED = "failed", "could not publish"
        DISCARDED = "discarded", "discarded"

    change = models.ForeignKey(Change, models.PROTECT, related_name="comments")
    author = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="+")
    verdict = models.CharField(max_length=16, choices=Verdict.choices, default=Verdict.COMMENT)
    text = models.TextField(max_length=2000, blank=True)
    created_at = models.DateTimeField()
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="replies"
    )  # the first comment of its thread
    item = models.ForeignKey(
        "campaigns.Item", models.PROTECT, null=True, blank=True, related_name="+"
    )
    field = models.CharField(max_length=60, blank=True)  # of the item, e.g. "eligibility"
    resolved_by = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="+")
    resolved_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.verdict}: {self.text[:60]}"
