"""Everything live together, frozen with its digests."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models.changes import Change
from campaigns.models.revisions import Revision

USER = settings.AUTH_USER_MODEL


class Release(models.Model):
    """A candidate or published release: canonical specs, compiled artifact, approval.

    One is live. `version` is given when it goes live; a roll back is a new version with an old digest.
    """

    class State(models.TextChoices):
        CANDIDATE = "candidate", gettext_lazy("candidate")
        PREPARING = "preparing", gettext_lazy("preparing")
        LIVE = "live", gettext_lazy("live")
        RETIRED = "retired", gettext_lazy("retired")
        SUPERSEDED = "superseded", gettext_lazy("superseded")
        FAILED = "failed", gettext_lazy("failed")

    version = models.PositiveIntegerField(null=True, blank=True, unique=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.CANDIDATE)
    change = models.ForeignKey(
        Change, models.PROTECT, null=True, blank=True, related_name="candidates"
    )
    restores = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    base = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    revisions = models.ManyToManyField(Revision, related_name="releases")
    digest = models.CharField(max_length=80)  # "sha256:…" over `spec`
    spec = models.BinaryField()  # canonical JSON
    artifact = models.BinaryField(null=True, blank=True)  # compiled while preparing
    artifact_digest = models.CharField(max_length=80, blank=True)
    policy = models.BinaryField()  # canonical JSON of the purposes and the policy
    policy_digest = models.CharField(max_length=80)
    base_policy = models.CharField(max_length=80, blank=True)  # digest of what was in force then
    review_digest = models.CharField(max_length=80, blank=True)  # what an approver names
    effect = models.JSONField(default=dict)  # audience before and after, as the reviewer saw it
    # People reached by each thing that is changed, e.g. {"offer:winter-sale": 1200}; null: unknown.
    reach = models.JSONField(default=dict)
    approved_digest = models.CharField(max_length=80, blank=True)
    approved_by = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="+")
    approved_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    published_by = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="+")
    published_at = models.DateTimeField(null=True, blank=True)
    job = models.CharField(max_length=64, blank=True)  # id of the row that shows the progress
    why = models.CharField(max_length=500, blank=True)

    class Meta:
        permissions = [
            ("publish_release", gettext_lazy("Can publish an approved release")),
            ("roll_back_release", gettext_lazy("Can roll back to an earlier release")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="live"), name="one_live_release"
            ),
            models.UniqueConstraint(
                fields=["state"],
                condition=models.Q(state="preparing"),
                name="one_release_being_prepared",
            ),
        ]

    def __str__(self) -> str:
        return (
            _("Release {version}").format(version=self.version)
            if self.version
            else _("Candidate {pk}").format(pk=self.pk)
        )
