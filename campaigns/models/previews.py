"""Changes that somebody may see on a real channel before they are published."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils.translation import gettext as _

from campaigns.models.changes import Change

USER = settings.AUTH_USER_MODEL


class Preview(models.Model):
    """One token for one change: made, prepared by a job, ended by its time or revoked."""

    code = models.CharField(max_length=16, unique=True)  # hexadecimal; the token names it
    change = models.ForeignKey(Change, models.PROTECT, related_name="previews")
    note = models.CharField(max_length=80, blank=True)  # who it is for, as its maker says
    person = models.CharField(max_length=24, blank=True)  # the only test person; "" is any browser
    address = models.URLField(max_length=500, blank=True)  # page of the channel to look at
    created_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    digest = models.CharField(max_length=80, blank=True)  # of what it shows, once prepared
    content = models.CharField(max_length=80, blank=True)  # digest over the drafts it was made of
    prepared_at = models.DateTimeField(null=True, blank=True)
    job = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return _("Preview {code} of {change}").format(code=self.code[:6], change=self.change)

    def has_ended(self, now: datetime) -> bool:
        """Return whether it shows nothing any more."""
        return self.revoked_at is not None or self.expires_at <= now
