"""What people and other systems are told, and what became of the telling."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models.changes import Change
from campaigns.models.items import Item
from campaigns.models.releases import Release

USER = settings.AUTH_USER_MODEL


class Event(models.TextChoices):
    """What can be told."""

    SUBMITTED = "change.submitted", _("A change waits for review")
    APPROVED = "change.approved", _("A change was approved")
    SENT_BACK = "change.sent_back", _("A change was sent back")
    COMMENTED = "change.commented", _("Somebody commented")
    MENTIONED = "change.mentioned", _("Somebody mentioned you")
    PUBLISHED = "release.published", _("A release went live")
    FAILED = "release.failed", _("A release could not be published")
    ROLLED_BACK = "release.rolled_back", _("A release was rolled back")
    STOPPED = "thing.stopped", _("Something was stopped or resumed in an emergency")
    ALERT = "alert.raised", _("An experiment or check raised an alert")


class Notice(models.Model):
    """One thing told to one person in the app; its words are made when it is read."""

    user = models.ForeignKey(USER, models.CASCADE, related_name="notices")
    event = models.CharField(max_length=24, choices=Event.choices)
    actor = models.ForeignKey(USER, models.PROTECT, null=True, related_name="+")
    change = models.ForeignKey(Change, models.CASCADE, null=True, related_name="+")
    release = models.ForeignKey(Release, models.CASCADE, null=True, related_name="+")
    item = models.ForeignKey(Item, models.CASCADE, null=True, related_name="+")
    text = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["user"], condition=models.Q(read_at=None), name="notice_unread_by_user"
            )
        ]

    def __str__(self) -> str:
        return _("{event} to {user}").format(event=self.event, user=self.user)


class MutedEvent(models.Model):
    """An event that a person does not want to be told."""

    user = models.ForeignKey(USER, models.CASCADE, related_name="muted_events")
    event = models.CharField(max_length=24, choices=Event.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "event"], name="muted_event_once_per_person")
        ]

    def __str__(self) -> str:
        return _("{event} for {user}").format(event=self.event, user=self.user)


class Webhook(models.Model):
    """An address that is told events, signed with its secret."""

    name = models.CharField(_("name"), max_length=100)
    url = models.URLField(_("address"), max_length=500)
    events: ArrayField[Any, Any] = ArrayField(
        models.CharField(max_length=24, choices=Event.choices), verbose_name=_("events")
    )
    is_active = models.BooleanField(_("active"), default=True)
    sealed = models.BinaryField()  # the secret, encrypted under the product's
    former = models.BinaryField(null=True)  # signs too until `former_until`
    former_until = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(USER, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One message on its way to one webhook."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENT = "sent", _("sent")
        DEAD = "dead", _("given up")

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    message = models.CharField(max_length=40)  # the webhook-id: the same at each try
    event = models.CharField(max_length=24)
    body = models.TextField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)  # of the last answer
    trouble = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = _("deliveries")
        constraints = [
            models.UniqueConstraint(fields=["webhook", "message"], name="delivery_once_per_webhook")
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=models.Q(state="waiting"), name="delivery_due"
            )
        ]

    def __str__(self) -> str:
        return _("{event} to {webhook}").format(event=self.event, webhook=self.webhook)
