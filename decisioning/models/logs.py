"""The tables that decisions, outcomes and events are archived in, partitioned by month.

Rows are written by COPY in `decision_log` and `ingestion`, never by the ORM. The database's primary keys
also hold the time (a partitioned table needs that); the first column alone is unique by construction.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy


class DecisionRecord(models.Model):
    """One answer with all that it took to make it; `body` is encrypted under the person's key."""

    class State(models.TextChoices):
        RECORDED = "recorded", gettext_lazy("recorded")
        AMENDED = "amended", gettext_lazy("shown without a confirmed record")
        NOT_SHOWN = "not_shown", gettext_lazy("recorded, but the fallback was shown")
        PREVIEW = "preview", gettext_lazy("a preview: nothing was reserved or counted")

    decision_id = models.TextField(primary_key=True)
    nonce = models.TextField()  # 16 hex digits, the end of decision_id; finds an unconfirmed record
    decided_at = models.DateTimeField()
    person_id = models.TextField()
    release_version = models.IntegerField(null=True)
    release_digest = models.TextField()
    canary = models.BooleanField()
    policy_version = models.IntegerField(null=True)
    policy_digest = models.TextField()
    consent_version = models.BigIntegerField(null=True)
    degraded = ArrayField(models.TextField())
    state = models.TextField(choices=State.choices)
    took_ms = models.FloatField()
    body = models.BinaryField()
    preview = models.TextField(default="")  # id of the preview that was decided under

    class Meta:
        managed = False
        db_table = "decisioning_decision"

    def __str__(self) -> str:
        return self.decision_id


class ShownRecord(models.Model):
    """One place of an answer, for reports: what a placement showed at a rank; says nothing personal."""

    shown_id = models.TextField(primary_key=True)  # decision_id/placement/rank
    decision_id = models.TextField()
    decided_at = models.DateTimeField()
    person_id = models.TextField()
    release_version = models.IntegerField(null=True)
    placement = models.TextField()
    channel = models.TextField()
    status = models.TextField()  # offers, fallback, suppressed, error
    reason = models.TextField()
    rank = models.IntegerField()  # 1.. ; 0 where nothing was shown
    offer = models.TextField()
    variant = models.TextField()
    campaign = models.TextField()
    experiment = models.TextField()
    arm = models.TextField()
    score = models.FloatField(null=True)
    propensity = models.FloatField(null=True)  # null: a fallback, which no estimator may use

    class Meta:
        managed = False
        db_table = "decisioning_shown"

    def __str__(self) -> str:
        return self.shown_id


class OutcomeRecord(models.Model):
    """What came of one shown offer, told by a channel or attributed to it from a goal event."""

    class Kind(models.TextChoices):
        IMPRESSION = "impression", gettext_lazy("impression")
        CLICK = "click", gettext_lazy("click")
        CONVERSION = "conversion", gettext_lazy("conversion")
        DISMISSAL = "dismissal", gettext_lazy("dismissal")

    outcome_id = models.TextField(primary_key=True)  # partition and stream id: "042-1763…-0"
    recorded_at = models.DateTimeField()
    occurred_at = models.DateTimeField()
    kind = models.TextField(choices=Kind.choices)
    attribution = models.TextField()  # token, goal
    decision_id = models.TextField()
    person_id = models.TextField()
    placement = models.TextField()
    offer = models.TextField()
    variant = models.TextField()
    campaign = models.TextField()
    experiment = models.TextField()
    arm = models.TextField()
    message_id = models.TextField()
    value = models.FloatField(null=True)  # of a conversion, in the sender's unit
    late = models.BooleanField()  # came after its reservation had expired

    class Meta:
        managed = False
        db_table = "decisioning_outcome"

    def __str__(self) -> str:
        return self.outcome_id


class EventRecord(models.Model):
    """One accepted record of a partition's stream: the history that profiles are rebuilt from."""

    event_id = models.TextField(primary_key=True)  # partition and stream id: "042-1763…-0"
    received_at = models.DateTimeField()
    event_time = models.DateTimeField()
    partition = models.SmallIntegerField()
    person_id = models.TextField()
    kind = models.TextField()  # event, merge_out, merge_in, backfill, erase
    type = models.TextField()  # track, identify, page, …
    name = models.TextField()
    message_id = models.TextField()
    source = models.TextField()
    body = models.BinaryField()  # the record as accepted, msgpack

    class Meta:
        managed = False
        db_table = "decisioning_event"

    def __str__(self) -> str:
        return self.event_id


class GoalCursor(models.Model):
    """How far goal events have been attributed to decisions, so that each is attributed once."""

    key = models.TextField(primary_key=True)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return self.key
