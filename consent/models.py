"""The tables of consent: the append-only ledger, what is derived from it, people's keys and identities, policies.

Ledger rows are opaque: random ids, ciphertext under the person's key, a hash. Who they are about is told by
`PersonKey`, so destroying a key makes them silent without altering one.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent.policy import AGES, EVENT_TYPES, Status
from consent.proof import tables  # noqa: F401 - Django looks for tables here
from consent.rights.models import CapsuleOpening, LegalHold, RightsRequest, Suppression

STATUSES = [(str(status), str(status)) for status in Status]
BRACKETS = [(bracket, bracket) for bracket in AGES]

__all__ = [
    "CapsuleOpening",
    "ConsentChange",
    "ConsentEvent",
    "ConsentState",
    "Identity",
    "LegalHold",
    "OptOutSeen",
    "Parting",
    "Person",
    "PersonKey",
    "PolicyVersion",
    "RecordRead",
    "RightsRequest",
    "Suppression",
]


class PolicyVersion(models.Model):
    """A published consent policy; never altered."""

    version = models.PositiveIntegerField(primary_key=True)
    digest = models.CharField(max_length=71, unique=True)
    body = models.BinaryField()  # JSON of PolicySpec
    authors = ArrayField(models.CharField(max_length=150))
    approved_by = models.CharField(max_length=150)
    published_at = models.DateTimeField()

    class Meta:
        verbose_name = gettext_lazy("policy version")

    def __str__(self) -> str:
        return _("policy {version}").format(version=self.version)


class NoticeText(models.Model):
    """A notice in one version and language, as the bytes that people are shown; never altered."""

    notice = models.CharField(max_length=100)
    version = models.PositiveIntegerField()
    language = models.CharField(max_length=35)  # BCP 47
    media_type = models.CharField(max_length=100)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=71)  # "sha256:…" of the content
    recorded_at = models.DateTimeField()

    class Meta:
        verbose_name = gettext_lazy("text of a notice")
        verbose_name_plural = gettext_lazy("texts of notices")
        constraints = [
            models.UniqueConstraint(
                fields=["notice", "version", "language"], name="notice_text_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.notice}@{self.version} ({self.language})"


class Person(models.Model):
    """A person as consent knows them."""

    id = models.CharField(primary_key=True, max_length=24)
    partition = models.PositiveSmallIntegerField()
    version = models.PositiveBigIntegerField(default=0)  # one more with every change
    merged_into = models.CharField(max_length=24, blank=True, default="")
    restriction_asked = models.BooleanField(default=False)
    erased_at = models.DateTimeField(null=True, blank=True)
    age_bracket = models.CharField(max_length=8, choices=BRACKETS, default="unknown")
    age_known_by = models.CharField(max_length=20, blank=True, default="")  # "stated", "staff"
    age_turns_at = models.DateTimeField(null=True, blank=True)  # they enter the next bracket
    # ISO 3166-2; several, sorted, while it is not known for certain: the strictest holds.
    jurisdiction = models.CharField(max_length=80, blank=True, default="")
    jurisdiction_known_by = models.CharField(max_length=20, blank=True, default="")  # "residence"
    suppressed = ArrayField(models.CharField(max_length=100), default=list, blank=True)  # channels
    # Links of their own page that were made until then show nothing any more.
    links_closed_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField()  # by the database's clock, when the transaction began

    class Meta:
        verbose_name_plural = gettext_lazy("people")
        indexes = [
            models.Index(fields=["partition", "changed_at"], name="person_changed"),
            models.Index(
                fields=["merged_into"], name="person_merged", condition=~Q(merged_into="")
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def restricted(self) -> bool:
        """Return whether nothing may be done with their data but keep it."""
        return self.restriction_asked or bool(self.merged_into) or self.erased_at is not None


class Identity(models.Model):
    """An identifier, keyed hash only, that denotes a person."""

    kind = models.CharField(max_length=20)  # "user", "anonymous"
    digest = models.CharField(max_length=64)
    person = models.CharField(max_length=24, db_index=True)
    linked_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = gettext_lazy("identities")
        constraints = [models.UniqueConstraint(fields=["kind", "digest"], name="identity_once")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.digest[:12]}…"


class Parting(models.Model):
    """Two people whose merge was undone; the same evidence does not join them again."""

    source = models.CharField(max_length=24)
    target = models.CharField(max_length=24, db_index=True)
    parted_at = models.DateTimeField()
    parted_by = models.CharField(max_length=150, blank=True, default="")  # "" where a rule did
    why = models.CharField(max_length=500, blank=True, default="")
    finished_at = models.DateTimeField(null=True)  # when both were told anew

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "target"], name="parting_once"),
        ]

    def __str__(self) -> str:
        return _("{source} apart from {target}").format(source=self.source, target=self.target)


class PersonKey(models.Model):
    """A person's data key, wrapped; destroying it erases whatever it encrypts."""

    class KeyClass(models.TextChoices):
        NORMAL = "normal", gettext_lazy("normal")
        LEGAL_HOLD = "legal_hold", gettext_lazy("legal hold")

    key_id = models.UUIDField(primary_key=True)
    person = models.CharField(max_length=24)
    key_class = models.CharField(max_length=10, choices=KeyClass.choices, default="normal")
    wrapped = models.BinaryField(null=True)
    created_at = models.DateTimeField()
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["person"], name="person_key_person")]
        constraints = [
            models.UniqueConstraint(
                fields=["person", "key_class"],
                condition=Q(destroyed_at=None),
                name="person_key_one_in_use",
            ),
            models.CheckConstraint(
                condition=Q(destroyed_at=None, wrapped__isnull=False)
                | Q(destroyed_at__isnull=False, wrapped=None),
                name="person_key_destroyed_is_gone",
            ),
        ]

    def __str__(self) -> str:
        return str(self.key_id)


class ConsentEvent(models.Model):
    """The body of one entry of the ledger: a change of a person's will, or a fact of the house.

    The database refuses to update or truncate, and to delete but where the key was destroyed (migration 0005).
    """

    event_id = models.UUIDField(primary_key=True)  # version 7
    key_id = models.UUIDField(db_index=True)
    schema_version = models.PositiveSmallIntegerField()
    recorded_at = models.DateTimeField()
    body = models.BinaryField()  # nonce + AES-256-GCM of the event's JSON
    leaf_hash = models.BinaryField()  # see `consent.proof.leaves`

    class Meta:
        verbose_name = gettext_lazy("consent event")

    def __str__(self) -> str:
        return str(self.event_id)


class ConsentState(models.Model):
    """What a person last said about a purpose on a channel; derived from events, may be rebuilt or deleted."""

    person = models.CharField(max_length=24)
    purpose = models.CharField(max_length=100)
    channel = models.CharField(max_length=100)  # "*": all that have no row of their own
    status = models.CharField(max_length=12, choices=STATUSES)
    since = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    event_id = models.UUIDField()
    event_type = models.CharField(
        max_length=9, choices=[(kind, kind) for kind in EVENT_TYPES], default="expressed"
    )
    by_guardian = models.BooleanField(default=False)
    over_gpc = models.BooleanField(default=False)
    notice = models.CharField(max_length=100, blank=True, default="")  # "privacy@3"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "purpose", "channel"], name="consent_state_once"
            )
        ]

    def __str__(self) -> str:
        return _("{person}: {purpose} on {channel} is {status}").format(
            person=self.person, purpose=self.purpose, channel=self.channel, status=self.status
        )


class ConsentChange(models.Model):
    """What one fence token stands for: the outbox of changes on their way into force, and their idempotency.

    The relay claims the token of a change that did not come by inserting it with `version` null; a commit that
    comes later then fails.
    """

    token = models.CharField(primary_key=True, max_length=300)
    person = models.CharField(max_length=24)
    version = models.PositiveBigIntegerField(null=True)
    events = ArrayField(models.UUIDField(), default=list)
    idempotency_key = models.CharField(max_length=300, null=True, unique=True)  # noqa: DJ001 - null is none
    recorded_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)  # when Redis had it

    class Meta:
        indexes = [
            models.Index(
                fields=["recorded_at"],
                name="consent_change_unsettled",
                condition=Q(settled_at=None),
            )
        ]

    def __str__(self) -> str:
        return self.token


class OptOutSeen(models.Model):
    """A browser that said no in a decision, until the ledger has it; written with the decision, so that none is lost."""

    person = models.CharField(max_length=24)  # as the decision named them
    place = models.CharField(max_length=10, blank=True, default="")  # ISO 3166-2 of the request

    class Meta:
        verbose_name = gettext_lazy("opt-out seen")
        verbose_name_plural = gettext_lazy("opt-outs seen")

    def __str__(self) -> str:
        return self.person


class RecordRead(models.Model):
    """One reading of a person's record by staff."""

    person = models.CharField(max_length=24, db_index=True)
    reader = models.CharField(max_length=150)
    what = models.CharField(max_length=100)
    read_at = models.DateTimeField()

    def __str__(self) -> str:
        return _("{reader} read {what} of {person}").format(
            reader=self.reader, what=self.what, person=self.person
        )
