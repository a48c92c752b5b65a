"""How many people conditions found: exact counts that somebody asked for, and the history of live ones."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models.items import Item
from rtts_site.foundation.jobs import Job


class ExactCount(models.Model):
    """One condition counted over everybody, by ranges of partitions; `counted_at` is the moment it is true of."""

    text = models.TextField()  # the condition as plain JSON, segments put in place
    digest = models.CharField(max_length=64, db_index=True)  # SHA-256 of the text
    aggregates = models.JSONField(default=list)  # what the text reads of events
    job = models.OneToOneField(Job, models.CASCADE, related_name="+")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    counted_at = models.DateTimeField()
    people = models.PositiveBigIntegerField(null=True)  # null until all ranges are counted
    population = models.PositiveBigIntegerField(null=True)
    reach = models.JSONField(default=list)  # [[purpose, [[channel, people], …]], …] by name

    def __str__(self) -> str:
        return (
            _("{people} of {population}").format(people=self.people, population=self.population)
            if self.is_done
            else str(self.job)
        )

    @property
    def is_done(self) -> bool:
        return self.people is not None

    @property
    def lines(self) -> list[tuple[str, str, int]]:
        """Return (purpose, channel, people), one line without a channel where all channels are alike."""
        found = []
        for purpose, channels in self.reach:
            alike = len({people for _name, people in channels}) == 1
            shown = [("", channels[0][1])] if alike else channels
            found += [(purpose, channel, people) for channel, people in shown]
        return found


class ExactRange(models.Model):
    """What one range of partitions had; written once, so that a task may be delivered twice."""

    count = models.ForeignKey(ExactCount, models.CASCADE, related_name="ranges")
    first = models.PositiveSmallIntegerField()  # partition
    people = models.PositiveBigIntegerField()
    population = models.PositiveBigIntegerField()
    reach = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["count", "first"], name="exact_range_once")]

    def __str__(self) -> str:
        return _("{people} of {population} from partition {first}").format(
            people=self.people, population=self.population, first=self.first
        )


class AudienceRecord(models.Model):
    """How many people a live segment or offer found at a moment."""

    class How(models.TextChoices):
        DAILY = "daily", _("daily")
        PUBLISHED = "published", _("at publishing")
        EXACT = "exact", _("counted exactly")

    item = models.ForeignKey(Item, models.CASCADE, related_name="audiences")
    how = models.CharField(max_length=10, choices=How.choices)
    counted_at = models.DateTimeField()
    release = models.PositiveIntegerField()  # version
    people = models.PositiveBigIntegerField()
    low = models.PositiveBigIntegerField()  # 95 times in 100 the true count is from here …
    high = models.PositiveBigIntegerField()  # … to here
    sampled = models.PositiveBigIntegerField()
    population = models.PositiveBigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["item", "counted_at"], name="audience_by_item")]

    def __str__(self) -> str:
        return _("{item}: {people} of {population}").format(
            item=self.item, people=self.people, population=self.population
        )
