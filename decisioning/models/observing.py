"""The tables of what was observed of events: counts by the hour, what was seen, what was done about it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy


class IntakeHour(models.Model):
    """What came from a source under an event's name within an hour."""

    hour = models.PositiveIntegerField()  # of the epoch
    source = models.TextField()  # id of the API key
    event = models.TextField(blank=True)  # "" for identify calls, and for what cannot be read
    events = models.PositiveBigIntegerField(default=0)
    duplicates = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)
    watched = models.PositiveBigIntegerField(default=0)  # taken though their schema forbids them
    late_ms = models.PositiveBigIntegerField(default=0)  # sum of received_at less event time
    newest_ms = models.PositiveBigIntegerField(default=0)  # the newest event time

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hour", "source", "event"], name="intake_hour_once")
        ]

    def __str__(self) -> str:
        return f"{self.hour} {self.event}"


class ValueHour(models.Model):
    """What a sample of an hour's values of one property or attribute looked like."""

    hour = models.PositiveIntegerField()
    source = models.TextField()
    event = models.TextField(blank=True)  # "" for traits of identify calls
    key = models.TextField()
    looked = models.PositiveBigIntegerField(default=0)  # events looked at
    present = models.PositiveBigIntegerField(default=0)  # of them, that had it and not null
    types = models.JSONField(default=dict)  # type -> number of values
    shapes = ArrayField(models.TextField(), default=list)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "source", "event", "key"], name="value_hour_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.hour} {self.event}/{self.key}"


class Sighting(models.Model):
    """An event's name (`key` is ""), one of its properties, or a trait (`event` is "") that was seen."""

    event = models.TextField(blank=True)
    key = models.TextField(blank=True)
    count = models.PositiveBigIntegerField(default=0)  # of events
    looked = models.PositiveBigIntegerField(default=0)
    present = models.PositiveBigIntegerField(default=0)
    types = models.JSONField(default=dict)
    shapes = ArrayField(models.TextField(), default=list)  # e.g. "aaa-9999", never a value
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        verbose_name = gettext_lazy("seen in traffic")
        verbose_name_plural = gettext_lazy("seen in traffic")
        constraints = [models.UniqueConstraint(fields=["event", "key"], name="sighting_once")]

    def __str__(self) -> str:
        return f"{self.event}/{self.key}"


class QuarantineAct(models.Model):
    """What somebody did with quarantined events."""

    class Verb(models.TextChoices):
        REPLAY = "replay", gettext_lazy("let in again")
        DISCARD = "discard", gettext_lazy("discarded")

    verb = models.CharField(max_length=10, choices=Verb.choices)
    event = models.TextField(blank=True)
    pointer = models.TextField(blank=True)
    why = models.CharField(max_length=500)
    user = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    taken = models.PositiveIntegerField(default=0)
    known = models.PositiveIntegerField(default=0)  # had been taken before
    refused = models.PositiveIntegerField(default=0)  # are still wrong, and stay
    dropped = models.PositiveIntegerField(default=0)
    job = models.CharField(max_length=20, blank=True)

    class Meta:
        verbose_name = gettext_lazy("act on quarantined events")
        verbose_name_plural = gettext_lazy("acts on quarantined events")
        permissions = [("handle_quarantine", "Can let quarantined events in or discard them")]

    def __str__(self) -> str:
        return f"{self.verb} {self.event} {self.pointer}"


class QualityFault(models.Model):
    """Something that is wrong with what comes in, from when it was noticed until it was over."""

    fault = models.CharField(max_length=20)  # "silent", "missing", "types" …
    source = models.TextField(blank=True)
    event = models.TextField(blank=True)
    key = models.TextField(blank=True)
    seen = models.FloatField()  # e.g. the share that is missing now
    usual = models.FloatField()
    began_at = models.DateTimeField()
    looked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["fault", "source", "event", "key"],
                condition=models.Q(ended_at=None),
                name="quality_fault_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.fault} {self.event}/{self.key}"


class Reconciliation(models.Model):
    """One comparison of stored profiles with what history says."""

    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    looked = models.PositiveIntegerField(default=0)
    drifted = models.PositiveIntegerField(default=0)  # and were corrected
    skipped = models.PositiveIntegerField(default=0)  # whose partition did not stand still
    parts = models.JSONField(default=dict)  # part of the profile -> people in whom it drifted
    people = ArrayField(models.TextField(), default=list)  # the first who drifted

    class Meta:
        verbose_name = gettext_lazy("reconciliation")

    def __str__(self) -> str:
        return f"{self.began_at} {self.drifted}/{self.looked}"
