"""The tables of people's rights: requests with their clocks, whom not to contact again, proof under legal hold."""

import uuid

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


class RightsRequest(models.Model):
    """One request of a person; kept 24 months after its end and read for nothing else."""

    class Kind(models.TextChoices):
        ACCESS = "access", gettext_lazy("access: a copy of everything")
        PORTABILITY = "portability", gettext_lazy("portability: what they gave us, to take along")
        RECTIFICATION = "rectification", gettext_lazy("rectification: correct attributes")
        OBJECTION = "objection", gettext_lazy("objection to purposes")
        RESTRICTION = "restriction", gettext_lazy("restriction: keep, but do not use")
        ERASURE = "erasure", gettext_lazy("erasure")

    class State(models.TextChoices):
        RECEIVED = "received", gettext_lazy("received")
        VERIFIED = "verified", gettext_lazy("verified")
        RUNNING = "running", gettext_lazy("running")
        DONE = "done", gettext_lazy("done")
        DENIED = "denied", gettext_lazy("denied")
        FAILED = "failed", gettext_lazy("stuck")

    OPEN = (State.RECEIVED, State.VERIFIED, State.RUNNING, State.FAILED)

    # What programs and certificates call it: not to be guessed, nor counted.
    reference = models.UUIDField(default=uuid.uuid4, db_default=RandomUUID(), unique=True)
    kind = models.CharField(gettext_lazy("kind"), max_length=16, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RECEIVED)
    intake = models.CharField(max_length=40)  # "web", "post", "phone", "api"
    jurisdiction = models.CharField(max_length=10, default="*")  # ISO 3166-2
    named = models.CharField(max_length=64, db_index=True)  # keyed hash of the identifier named
    subject = models.BinaryField(
        default=bytes
    )  # sealed: who it is and what they ask; gone when done
    received_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True)
    acknowledge_by = models.DateTimeField(null=True)  # where the law has such a clock
    due_at = models.DateTimeField()
    extended_why = models.CharField(max_length=500, blank=True)
    reminded_at = models.DateTimeField(null=True)
    verified_how = models.CharField(max_length=200, blank=True)
    # The user who made sure who it is; empty where the program that asked vouches.
    verified_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    asked_by = models.CharField(max_length=150)  # who took it in
    programs = models.JSONField(default=list, db_default=[])  # the first keys of who asked by API
    run_by = models.CharField(max_length=150, blank=True)
    steps = models.JSONField(default=list)  # [{"name": "fence", "done_at": "…", "count": 3}]
    trouble = models.CharField(max_length=500, blank=True)
    held_until = models.DateTimeField(null=True)  # by the worker that runs it
    outcome = models.CharField(max_length=500, blank=True)
    denial = models.CharField(max_length=500, blank=True)  # the basis for it
    certificate = models.TextField(blank=True)  # a JWS
    hold_why = models.CharField(max_length=500, blank=True)  # "": no proof is kept under hold
    hold_until = models.DateField(null=True)
    hold_asked_by = models.CharField(max_length=150, blank=True)
    hold_agreed_by = models.CharField(max_length=150, blank=True)  # another than who asked
    file = models.CharField(max_length=80, blank=True)  # of an export, in var/rights
    file_expires_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        permissions = [
            ("handle_rights", "Can handle requests of people about their rights"),
            ("audit_compliance", "Can see all of the compliance pages and change nothing"),
            ("open_capsule", "Can open proof that is kept under legal hold"),
        ]
        verbose_name = gettext_lazy("rights request")
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=~models.Q(state__in=("done", "denied")),
                name="rights_request_open",
            )
        ]

    def __str__(self) -> str:
        return _("{kind} no. {number}").format(kind=self.kind, number=self.pk)

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN


class Suppression(models.Model):
    """A person id or identifier, as keyed hash, that was erased: closed until its person explicitly opts in again."""

    PERSON = "person"  # as `kind`: the digest is a person id, itself a keyed hash

    kind = models.CharField(max_length=20)  # PERSON, or the namespace of an identifier
    digest = models.CharField(max_length=64)
    reason = models.CharField(max_length=20, default="erasure")
    erased_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)
    again = models.CharField(max_length=24, blank=True)  # of a person: whom the id denotes since
    told_at = models.DateTimeField(null=True)  # when workers took up `again`

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["kind", "digest"], name="suppression_once")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.digest[:12]}…"


class LegalHold(models.Model):
    """Proof kept after an erasure, sealed, until the day on which it is destroyed."""

    request = models.ForeignKey(RightsRequest, models.PROTECT, related_name="holds")
    sealed = models.BinaryField(null=True)  # null: destroyed
    why = models.CharField(max_length=500)
    placed_by = models.CharField(max_length=150)
    agreed_by = models.CharField(max_length=150)
    placed_at = models.DateTimeField()
    destroy_on = models.DateField()
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(placed_by=models.F("agreed_by")),
                name="legal_hold_by_two_people",
            )
        ]

    def __str__(self) -> str:
        return _("capsule no. {number}").format(number=self.pk)


class CapsuleOpening(models.Model):
    """One opening of a capsule: asked for by one, agreed to by another."""

    hold = models.ForeignKey(LegalHold, models.PROTECT, related_name="openings")
    why = models.CharField(max_length=500)
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    agreed_by = models.CharField(max_length=150, blank=True)
    agreed_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(asked_by=models.F("agreed_by")),
                name="capsule_opened_by_two_people",
            )
        ]

    def __str__(self) -> str:
        return f"{self.hold_id}: {self.asked_by}"
