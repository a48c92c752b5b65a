"""What the analysis found, and what a user would not see again."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy

USER = settings.AUTH_USER_MODEL


class Analysis(models.Model):
    """The newest findings on what is live, or on a change; replaced as a whole."""

    subject = models.CharField(max_length=40, unique=True)  # "live", "change:12"
    digest = models.CharField(max_length=80)  # of the release that was looked at
    findings = models.JSONField(default=list)  # {"code", "kind", "key", "field", "args", "mark"}
    sampled = models.PositiveIntegerField(default=0)  # people; 0: nobody was looked at
    population = models.PositiveBigIntegerField(default=0)
    took_ms = models.PositiveIntegerField(default=0)
    analysed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = gettext_lazy("analyses")

    def __str__(self) -> str:
        return f"{self.subject} {self.analysed_at:%Y-%m-%d %H:%M}"


class Dismissal(models.Model):
    """A finding that a user would not see again while it stays what it is."""

    user = models.ForeignKey(USER, models.CASCADE, related_name="+")
    mark = models.CharField(max_length=64)  # of the finding; it changes with the thing
    reason = models.CharField(max_length=300)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "mark"], name="dismissed_once_by_user")
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.reason}"
