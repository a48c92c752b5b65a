"""Authored things as stable keys; what each one says is in its revisions."""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy

TAG_LENGTH = 40


class Kind(models.TextChoices):
    """What an authored thing is; one proxy model each."""

    ATTRIBUTE = "attribute", gettext_lazy("attribute")
    EVENT_TYPE = "event_type", gettext_lazy("event type")
    CHANNEL = "channel", gettext_lazy("channel")
    PLACEMENT = "placement", gettext_lazy("placement")
    SEGMENT = "segment", gettext_lazy("segment")
    OFFER = "offer", gettext_lazy("offer")
    CAMPAIGN = "campaign", gettext_lazy("campaign")
    EXPERIMENT = "experiment", gettext_lazy("experiment")
    TRIGGER = "trigger", gettext_lazy("trigger")
    PURPOSE = "purpose", gettext_lazy("purpose")
    JURISDICTION = "jurisdiction", gettext_lazy("jurisdiction")
    NOTICE = "notice", gettext_lazy("privacy notice")
    SETTINGS = "settings", gettext_lazy("release settings")


# Their changes reach people through the consent policy, which only moves forward.
POLICY_KINDS = frozenset({Kind.PURPOSE, Kind.JURISDICTION, Kind.NOTICE})
# They say which purposes data may serve; going back to an earlier release never lets it serve more.
DATA_KINDS = frozenset({Kind.ATTRIBUTE, Kind.EVENT_TYPE})


class KindManager(models.Manager["Item"]):
    """Rows of the proxy's kind; all rows on Item itself."""

    def get_queryset(self) -> models.QuerySet["Item"]:
        rows = super().get_queryset()
        kind: str = getattr(self.model, "KIND", "")
        return rows.filter(kind=kind) if kind else rows


class Item(models.Model):
    """A stable key. `name` is that of the live revision, else of the newest, so that lists can be searched."""

    KIND: ClassVar[str] = ""

    kind = models.CharField(max_length=16, choices=Kind.choices)
    key = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    live_revision = models.ForeignKey(
        "campaigns.Revision", models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)
    # For finding things only: no release or decision knows them, so they need no review.
    tags = ArrayField(models.CharField(max_length=TAG_LENGTH), default=list, blank=True)

    objects = KindManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="item_key_per_kind")]
        indexes = [
            models.Index("kind", Lower("name"), name="item_by_name"),
            GinIndex(fields=["tags"], name="item_by_tag"),
        ]

    def __str__(self) -> str:
        return self.name or self.key

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.kind = self.kind or self.KIND
        super().save(*args, **kwargs)


class Attribute(Item):
    """A typed fact about people or the request."""

    KIND = Kind.ATTRIBUTE

    class Meta:
        proxy = True


class EventType(Item):
    """A kind of event and its properties."""

    KIND = Kind.EVENT_TYPE

    class Meta:
        proxy = True


class Channel(Item):
    """Where placements live."""

    KIND = Kind.CHANNEL

    class Meta:
        proxy = True


class Placement(Item):
    """A slot that asks for offers."""

    KIND = Kind.PLACEMENT

    class Meta:
        proxy = True


class Segment(Item):
    """A named condition tree."""

    KIND = Kind.SEGMENT

    class Meta:
        proxy = True


class Offer(Item):
    """What can be shown, to whom, when and how often."""

    KIND = Kind.OFFER

    class Meta:
        proxy = True


class Campaign(Item):
    """Offers with a goal, a schedule and weights."""

    KIND = Kind.CAMPAIGN

    class Meta:
        proxy = True


class Experiment(Item):
    """A randomised comparison inside a campaign."""

    KIND = Kind.EXPERIMENT

    class Meta:
        proxy = True


class Trigger(Item):
    """What starts an action for one person."""

    KIND = Kind.TRIGGER

    class Meta:
        proxy = True


class Purpose(Item):
    """Why data is used."""

    KIND = Kind.PURPOSE

    class Meta:
        proxy = True


class Jurisdiction(Item):
    """What the law of some places asks."""

    KIND = Kind.JURISDICTION

    class Meta:
        proxy = True


class PrivacyNotice(Item):
    """What people are shown when they are asked."""

    KIND = Kind.NOTICE

    class Meta:
        proxy = True
        verbose_name = gettext_lazy("privacy notice")
        verbose_name_plural = gettext_lazy("privacy notices")


class ReleaseSettings(Item):
    """What holds for the whole release."""

    KIND = Kind.SETTINGS

    class Meta:
        proxy = True
        verbose_name = gettext_lazy("release settings")
        verbose_name_plural = gettext_lazy("release settings")


PROXIES: dict[str, type[Item]] = {
    model.KIND: model
    for model in (
        *(Attribute, EventType, Channel, Placement, Segment, Offer),
        *(Campaign, Experiment, Trigger, Purpose, Jurisdiction, PrivacyNotice, ReleaseSettings),
    )
}
