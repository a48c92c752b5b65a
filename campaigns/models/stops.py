"""What was stopped in an emergency, before any review."""

from django.conf import settings
from django.db import models

from campaigns.models.items import Item

USER = settings.AUTH_USER_MODEL


class Stop(models.Model):
    """One emergency stop of an offer or a campaign; it holds until it is lifted."""

    item = models.ForeignKey(Item, models.PROTECT, related_name="stops")
    why = models.CharField(max_length=500)
    stopped_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    stopped_at = models.DateTimeField()
    lifted_by = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="+")
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_why = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item"], condition=models.Q(lifted_at=None), name="one_stop_per_item"
            )
        ]

    def __str__(self) -> str:
        return f"{self.item}: {self.why}"
