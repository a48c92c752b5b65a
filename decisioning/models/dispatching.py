"""Whom the product sends to beside its API's clients, and what became of everything that it sent."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

USER = settings.AUTH_USER_MODEL


class Wanted(models.TextChoices):
    """What a destination can be told."""

    SEGMENTS = "segments", _("who enters and leaves segments")
    DECISIONS = "decisions", _("decisions")
    CONSENTS = "consents", _("changes of consent")
    TRIGGERS = "triggers", _("every trigger that fires")


class Destination(models.Model):
    """An address that is sent to; its secret is kept sealed."""

    class Kind(models.TextChoices):
        WEBHOOK = "webhook", _("webhook: signed requests")
        EMAIL = "email", _("e-mail: by SMTP")

    key = models.SlugField(_("key"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.WEBHOOK)
    url = models.URLField(_("address"), max_length=500, blank=True)
    wants: ArrayField[Any, Any] = ArrayField(
        models.CharField(max_length=12, choices=Wanted.choices), default=list, blank=True
    )
    # Keys; none: all.
    segments: ArrayField[Any, Any] = ArrayField(
        models.CharField(max_length=100), default=list, blank=True
    )
    # Who is told of has to permit all of them when it is sent; none: nobody is asked.
    purposes: ArrayField[Any, Any] = ArrayField(
        models.CharField(max_length=100), default=list, blank=True
    )
    share = models.FloatField(_("share of decisions"), default=1.0)  # (0, 1]
    sender = models.EmailField(_("sender"), blank=True)
    recipient = models.CharField(_("attribute with the address"), max_length=100, default="email")
    is_active = models.BooleanField(_("active"), default=True)
    sealed = models.BinaryField(default=bytes)  # the secret, encrypted under the product's
    former = models.BinaryField(null=True)  # signs too until `former_until`
    former_until = models.DateTimeField(null=True, blank=True)
    lost = models.BigIntegerField(default=0)  # not kept, as too many waited already
    created_by = models.ForeignKey(USER, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("destination")
        permissions = [("export_members", "Can export the members of a segment")]

    def __str__(self) -> str:
        return self.name

    @property
    def wants_said(self) -> list[str]:
        """What it is told, in words."""
        labels = dict(Wanted.choices)
        return [str(labels.get(one, one)) for one in self.wants]


class Sending(models.Model):
    """One thing on its way to one destination."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        HANDED = "handed", _("handed to the mail server")  # and not known whether it took it
        SENT = "sent", _("sent")
        DROPPED = "dropped", _("not sent")  # nothing to say, or no longer allowed
        DEAD = "dead", _("given up")

    destination = models.ForeignKey(Destination, models.CASCADE, related_name="sendings")
    message = models.CharField(max_length=80)  # the webhook-id: the same at each try
    kind = models.CharField(max_length=24)  # "segment.entered", "decision.made", "email"
    person = models.CharField(max_length=24, blank=True)
    body = models.TextField()  # JSON: what is sent; of an e-mail, what started it
    prepared = models.BinaryField(null=True)  # of an e-mail: sealed, until sent and counted
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)  # of the last answer
    trouble = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["destination", "message"], name="sending_once_per_destination"
            )
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=models.Q(state="waiting"), name="sending_due"
            ),
            models.Index(
                fields=["done_at"],
                condition=models.Q(state="sent", prepared__isnull=False),
                name="sending_uncounted",
            ),
            models.Index(fields=["destination", "-id"], name="sending_newest"),
            models.Index(fields=["person"], name="sending_person"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} > {self.destination_id}"


class ConsentsReached(models.Model):
    """Up to which change of consent destinations were told; one row."""

    recorded_at = models.DateTimeField()
    token = models.CharField(max_length=300, blank=True)  # the last one told of that moment

    def __str__(self) -> str:
        return f"{self.recorded_at:%Y-%m-%d %H:%M:%S}"


class MemberExport(models.Model):
    """One export of the members of a segment, and how far it is."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    OPEN = (State.WAITING, State.RUNNING)

    segment = models.CharField(max_length=100)
    namespaces: ArrayField[Any, Any] = ArrayField(models.CharField(max_length=20))
    purpose = models.CharField(max_length=100)
    channel = models.CharField(max_length=100, default="*")
    format = models.CharField(max_length=8)  # "csv", "jsonl"
    destination = models.ForeignKey(Destination, models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    release = models.CharField(
        max_length=71, blank=True
    )  # digest of the release that said who is in it
    partition = models.PositiveSmallIntegerField(default=0)  # the next one
    after = models.CharField(max_length=24, blank=True)  # the last person looked at in it
    looked_at = models.BigIntegerField(default=0)
    members = models.BigIntegerField(default=0)  # found in the segment
    rows = models.BigIntegerField(default=0)  # of them written: whose consent allows it
    size = models.BigIntegerField(default=0)  # bytes of the file that count
    pages = models.PositiveIntegerField(default=0)  # posted
    why = models.CharField(max_length=500)
    trouble = models.CharField(max_length=500, blank=True)
    user = models.ForeignKey(USER, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    held_until = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.segment} {self.format}"
