"""Immutable revisions: what an item said, who wrote it, when and why."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext as _

from campaigns.models.items import Item


class Revision(models.Model):
    """One saved state of an item inside a change. The newest of a change is its draft; none is ever edited.

    The database refuses UPDATE and DELETE (migration 0002).
    """

    item = models.ForeignKey(Item, models.PROTECT, related_name="revisions")
    change = models.ForeignKey("campaigns.Change", models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField()  # 1, 2, … within the item
    body = models.JSONField()  # the spec's JSON; {} where `removed`
    details = models.JSONField(default=dict)  # authoring only: {"description": "", "time_zone": ""}
    removed = models.BooleanField(default=False)  # the item is archived once this is live
    base = models.ForeignKey(  # what was live when this was written; null: nothing
        "self", models.PROTECT, null=True, blank=True, related_name="+"
    )
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    why = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "number"], name="revision_number_per_item")
        ]
        indexes = [models.Index(fields=["change", "item", "-number"], name="revision_newest")]

    def __str__(self) -> str:
        return _("{item_id} revision {number}").format(item_id=self.item_id, number=self.number)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise RevisionFrozen(_("A revision is never edited: save a new one."))
        super().save(*args, **kwargs)


class RevisionFrozen(Exception):
    """An attempt to edit a saved revision."""
