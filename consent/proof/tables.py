"""The tables that prove the ledger: what waits to be sealed, leaves, complete subtrees, checkpoints, keys, anchorings.

None of them holds anything of a person. Bodies are `consent.models.ConsentEvent`; they may go, the leaves stay.
"""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

LEDGER_TABLES = ("ledgerleaf", "ledgernode", "ledgercheckpoint", "signingkey")


class LedgerPending(models.Model):
    """A body that has no leaf yet; a trigger on the bodies puts it here, the sealer takes it away."""

    event_id = models.UUIDField(unique=True)
    added_at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "consent"

    def __str__(self) -> str:
        return str(self.event_id)


class LedgerLeaf(models.Model):
    """One leaf of the tree; never altered."""

    seq = models.PositiveBigIntegerField(primary_key=True)  # from 0, without gaps
    event_id = models.UUIDField(unique=True)
    key_id = models.UUIDField()
    schema_version = models.PositiveSmallIntegerField()
    recorded_at = models.DateTimeField()
    body_hash = models.BinaryField()  # SHA-256 of the stored body
    leaf_hash = models.BinaryField()  # over all of these: see `consent.proof.leaves`
    sealed_at = models.DateTimeField()

    class Meta:
        app_label = "consent"
        verbose_name = gettext_lazy("ledger leaf")
        verbose_name_plural = gettext_lazy("ledger leaves")

    def __str__(self) -> str:
        return str(self.seq)


class LedgerNode(models.Model):
    """The root over a complete run of 256, 65,536, … leaves, so that a proof reads few of them."""

    level = models.PositiveSmallIntegerField()  # 1: 256 leaves, 2: 65,536
    index = models.PositiveBigIntegerField()  # of the run, from 0
    root = models.BinaryField()

    class Meta:
        app_label = "consent"
        constraints = [models.UniqueConstraint(fields=["level", "index"], name="ledger_node_once")]

    def __str__(self) -> str:
        return f"{self.level}/{self.index}"


class LedgerCheckpoint(models.Model):
    """The tree at one size, signed; never altered."""

    size = models.PositiveBigIntegerField(primary_key=True)
    root = models.BinaryField()
    frontier = models.BinaryField()  # to grow on; see `tree.Frontier.pack`
    note = models.TextField()  # as it is signed and anchored
    key_id = models.CharField(max_length=16)
    signed_at = models.DateTimeField()

    class Meta:
        app_label = "consent"
        verbose_name = gettext_lazy("ledger checkpoint")

    def __str__(self) -> str:
        return _("checkpoint of {size} leaves").format(size=self.size)


class SigningKey(models.Model):
    """A public key that checkpoints and receipts verify with, from when on; the fact of it is in the ledger."""

    key_id = models.CharField(primary_key=True, max_length=16)
    public = models.BinaryField()  # Ed25519, 32 bytes
    since_size = models.PositiveBigIntegerField()  # it signs checkpoints of more leaves than this
    since = models.DateTimeField()

    class Meta:
        app_label = "consent"
        verbose_name = gettext_lazy("signing key")

    def __str__(self) -> str:
        return self.key_id


class LogPart(models.Model):
    """What a log had on one day under one key; the fact of the day is over all of them."""

    log = models.CharField(max_length=40)  # kind of the fact
    day = models.DateField()
    key_id = models.UUIDField()  # the house's where rows are of nobody's key
    rows = models.PositiveBigIntegerField()
    digest = models.BinaryField()

    class Meta:
        app_label = "consent"
        constraints = [
            models.UniqueConstraint(fields=["log", "day", "key_id"], name="log_part_once")
        ]

    def __str__(self) -> str:
        return f"{self.log}: {self.day}"


class Anchoring(models.Model):
    """One checkpoint brought out of the database."""

    size = models.PositiveBigIntegerField()
    place = models.CharField(max_length=200)  # "folder", "webhook", "e-mail"
    trouble = models.CharField(max_length=300, blank=True, default="")  # "" where it arrived
    tried_at = models.DateTimeField()

    class Meta:
        app_label = "consent"
        indexes = [models.Index(fields=["place", "tried_at"], name="anchoring_latest")]

    def __str__(self) -> str:
        return f"{self.size}: {self.place}"
