"""Authored things as stable keys; what each one says is in its revisions."""

from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Lower


class Kind(models.TextChoices):
    """What an authored thing is; one proxy model each."""

    ATTRIBUTE = "attribute", "attribute"
    EVENT_TYPE = "event_type", "event type"
    CHANNEL = "channel", "channel"
    PLACEMENT = "placement", "placement"
    SEGMENT = "segment", "segment"
    OFFER = "offer", "offer"
    CAMPAIGN = "campaign", "campaign"
    EXPERIMENT = "experiment", "experiment"
    PURPOSE = "purpose", "purpose"
    POLICY = "policy", "consent policy"
    SETTINGS = "settings", "release settings"


# Their changes reach people through the consent policy, which only moves forward.
POLICY_KINDS = frozenset({Kind.PURPOSE, Kind.POLICY})


class KindManager(models.Manager["Item"]):
    """Rows of the proxy's kind; all rows on Item itself."""

    def get_queryset(self) -> models.QuerySet["Item"]:
        rows = super().get_queryset()
        kind: str = getattr(self.model, "KIND", "")
        return rows.filter(kind=kind) if kind else rows


class Item(models.Model):
    """A stable key. `name` follows the newest revision, so that lists can be searched and sorted."""

    KIND: ClassVar[str] = ""

    kind = models.CharField(max_length=16, choices=Kind.choices)
    key = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    live_revision = models.ForeignKey(
        "campaigns.Revision", models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = KindManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="item_key_per_kind")]
        indexes = [models.Index("kind", Lower("name"), name="item_by_name")]

    def __str__(self) -> str:
        return self.name or self.key

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.kind = self.kind or self.KIND
        super().save(*args, **kwargs)


class Attribute(Item):
    KIND = Kind.ATTRIBUTE

    class Meta:
        proxy = True


class EventType(Item):
    KIND = Kind.EVENT_TYPE

    class Meta:
        proxy = True


class Channel(Item):
    KIND = Kind.CHANNEL

    class Meta:
        proxy = True


class Placement(Item):
    KIND = Kind.PLACEMENT

    class Meta:
        proxy = True


class Segment(Item):
    KIND = Kind.SEGMENT

    class Meta:
        proxy = True


class Offer(Item):
    KIND = Kind.OFFER

    class Meta:
        proxy = True


class Campaign(Item):
    KIND = Kind.CAMPAIGN

    class Meta:
        proxy = True


class Experiment(Item):
    KIND = Kind.EXPERIMENT

    class Meta:
        proxy = True


class Purpose(Item):
    KIND = Kind.PURPOSE

    class Meta:
        proxy = True


class Policy(Item):
    KIND = Kind.POLICY

    class Meta:
        proxy = True
        verbose_name = "consent policy"
        verbose_name_plural = "consent policies"


class ReleaseSettings(Item):
    KIND = Kind.SETTINGS

    class Meta:
        proxy = True
        verbose_name = "release settings"
        verbose_name_plural = "release settings"


PROXIES: dict[str, type[Item]] = {
    model.KIND: model
    for model in (
        *(Attribute, EventType, Channel, Placement, Segment, Offer),
        *(Campaign, Experiment, Purpose, Policy, ReleaseSettings),
    )
}
