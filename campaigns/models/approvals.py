"""Who has to approve what, and who did."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models.changes import Change
from campaigns.models.items import Kind
from campaigns.models.releases import Release

USER = settings.AUTH_USER_MODEL
MOST = 10


class ApprovalRule(models.Model):
    """What a change that touches a kind of thing needs before it may be published.

    Without any rule a change needs one approver who did not write it; rules only ask for more.
    """

    kind = models.CharField(
        _("what is changed"),
        max_length=16,
        choices=[("", _("anything")), *Kind.choices],
        blank=True,
    )
    approvers = models.PositiveSmallIntegerField(
        _("approvers"), default=1, validators=[MinValueValidator(1), MaxValueValidator(MOST)]
    )
    role = models.ForeignKey(
        Group,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("of the role"),
        help_text=_("None: everybody who may approve."),
    )
    above_people = models.PositiveIntegerField(
        _("where it reaches more people than"),
        null=True,
        blank=True,
        help_text=_("Empty: always. What has no audience of its own reaches everybody."),
    )

    class Meta:
        verbose_name = _("approval rule")
        verbose_name_plural = _("approval rules")

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.approvers}"


class Approval(models.Model):
    """One person's approval of exactly the revisions with this digest."""

    change = models.ForeignKey(Change, models.PROTECT, related_name="approvals")
    user = models.ForeignKey(USER, models.PROTECT, related_name="+")
    candidate = models.ForeignKey(Release, models.PROTECT, null=True, related_name="+")
    digest = models.CharField(max_length=80)  # the review digest that was read
    content = models.CharField(max_length=80)  # over the revisions; outlives a rebuilt candidate
    roles = models.JSONField(default=list)  # names of the groups that the user was in
    given_at = models.DateTimeField()
    voided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["change", "user"],
                condition=models.Q(voided_at=None),
                name="approval_once_per_person",
            )
        ]

    def __str__(self) -> str:
        return _("{change} by {user}").format(change=self.change, user=self.user)
