"""What each person keeps for themselves about lists, and the files that they import."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy

from campaigns.models.changes import Change
from campaigns.models.items import Kind

USER = settings.AUTH_USER_MODEL


class SavedFilter(models.Model):
    """A list as somebody filtered, searched and sorted it, under a name of their own."""

    user = models.ForeignKey(USER, models.CASCADE, related_name="saved_filters")
    model = models.CharField(max_length=60)  # "campaigns.offer"
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000, blank=True)  # "state=live&q=winter"
    on_home = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["user", "model", "name"], name="saved_filter_name_once_per_list"
            )
        ]

    def __str__(self) -> str:
        return self.name


class ListColumns(models.Model):
    """The columns that somebody chose for a list."""

    user = models.ForeignKey(USER, models.CASCADE, related_name="list_columns")
    model = models.CharField(max_length=60)  # "campaigns.offer"
    columns = ArrayField(models.CharField(max_length=40), default=list)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["user", "model"], name="columns_once_per_list")
        ]

    def __str__(self) -> str:
        return f"{self.model}: {', '.join(self.columns)}"


class CsvImport(models.Model):
    """One file on its way into a change: read first, then saved as drafts when its sender says so."""

    class State(models.TextChoices):
        READING = "reading", gettext_lazy("being read")
        READ = "read", gettext_lazy("read")
        SAVING = "saving", gettext_lazy("being saved")
        SAVED = "saved", gettext_lazy("saved")
        FAILED = "failed", gettext_lazy("failed")

    user = models.ForeignKey(USER, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    file_name = models.CharField(max_length=200)
    text = models.TextField()  # decoded; emptied once it is saved
    state = models.CharField(max_length=10, choices=State.choices, default=State.READING)
    outcome = models.JSONField(default=dict)  # {"new": 3, "changed": 1, "same": 0, "errors": […]}
    change = models.ForeignKey(Change, models.PROTECT, null=True, blank=True, related_name="+")
    job = models.CharField(max_length=64, blank=True)  # id of the row that shows the progress
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.file_name} ({self.kind})"
