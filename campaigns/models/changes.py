"""Named sets of edits that are reviewed and published as a whole."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

USER = settings.AUTH_USER_MODEL


class Change(models.Model):
    """Draft revisions by one or more authors on their way to be live."""

    class State(models.TextChoices):
        DRAFT = "draft", gettext_lazy("draft")
        IN_REVIEW = "in_review", gettext_lazy("in review")
        APPROVED = "approved", gettext_lazy("approved")
        PREPARING = "preparing", gettext_lazy("preparing")
        LIVE = "live", gettext_lazy("live")
        REJECTED = "rejected", gettext_lazy("discarded")

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
            ("submit_change", gettext_lazy("Can submit a change for review")),
            ("approve_change", gettext_lazy("Can approve a change of others")),
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
        return _("{user} in {change}").format(user=self.user, change=self.change)


class ReviewComment(models.Model):
    """One step of a change's story: who said or did what, and why."""

    class Verdict(models.TextChoices):
        COMMENT = "comment", gettext_lazy("commented")
        SUBMITTED = "submitted", gettext_lazy("submitted")
        APPROVED = "approved", gettext_lazy("approved")
        SENT_BACK = "sent_back", gettext_lazy("sent back")
        VOIDED = "voided", gettext_lazy("edited, approval void")
        CONFLICT = "conflict", gettext_lazy("met a conflict")
        PUBLISHED = "published", gettext_lazy("published")
        FAILED = "failed", gettext_lazy("could not publish")
        DISCARDED = "discarded", gettext_lazy("discarded")

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
