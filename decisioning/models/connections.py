"""Where data comes in from beside the API's clients: files that are imported, and sources that poll or are called."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

USER = settings.AUTH_USER_MODEL


class Import(models.Model):
    """One file on its way in; how far it was read is kept with every chunk."""

    class State(models.TextChoices):
        DRAFT = "draft", _("not started")
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    OPEN = (State.WAITING, State.RUNNING)

    file_name = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)  # sha256 of the file as it was sent, hex
    size = models.BigIntegerField()  # bytes of the file as it was sent
    layout = models.JSONField(default=dict)  # layouts.Layout: format, gzip, delimiter, encoding
    mapping = models.JSONField(default=dict)  # mapping.Mapping
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    place = models.JSONField(default=dict)  # layouts.Place: where the next row begins
    total = models.BigIntegerField(default=0)  # in the unit of `place`: bytes as sent, or rows
    rows = models.BigIntegerField(default=0)  # read so far
    accepted = models.BigIntegerField(default=0)
    repeats = models.BigIntegerField(default=0)  # were there already
    refused = models.BigIntegerField(default=0)
    refused_bytes = models.BigIntegerField(default=0)  # of the file of refused rows that count
    spent_ms = models.BigIntegerField(default=0)  # working, without waiting
    holder = models.CharField(max_length=32, blank=True)  # whose turn it is, until `held_until`
    held_until = models.DateTimeField(null=True, blank=True)
    job = models.CharField(max_length=64, blank=True)
    user = models.ForeignKey(USER, models.PROTECT, null=True, related_name="+")
    key = models.CharField(max_length=64, blank=True)  # id of the API key that sent it
    trouble = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=models.Q(state__in=("waiting", "running")),
                name="import_open",
            )
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_over(self) -> bool:
        return self.state in (self.State.DONE, self.State.FAILED, self.State.CANCELLED)


class Source(models.Model):
    """A system that data comes from: one that is polled, or one that calls its own address here."""

    class Kind(models.TextChoices):
        POLL = "poll", _("polled by a schedule")
        HOOK = "hook", _("calls a webhook")

    key = models.SlugField(_("key"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    settings = models.JSONField(default=dict)  # polls.PollSpec or hooks.HookSpec
    mapping = models.JSONField(default=dict)  # mapping.Mapping
    is_active = models.BooleanField(_("active"), default=False)
    sealed = models.BinaryField(default=bytes)  # its secrets, encrypted under the product's
    token = models.BinaryField(default=bytes)  # an access token and its end, encrypted too
    progress = models.JSONField(default=dict)  # polls.Progress: where the next page begins
    run = models.ForeignKey(
        "SourceRun", models.SET_NULL, null=True, blank=True, related_name="+"
    )  # the run that is going on
    due_at = models.DateTimeField(null=True, blank=True)  # of the next page
    failures = models.PositiveSmallIntegerField(default=0)  # one after another
    created_by = models.ForeignKey(USER, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(kind="poll", is_active=True),
                name="source_due",
            )
        ]

    def __str__(self) -> str:
        return self.name


class SourceRun(models.Model):
    """One pass of a poll over what is new, page by page."""

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    source = models.ForeignKey(Source, models.CASCADE, related_name="runs")
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    pages = models.PositiveIntegerField(default=0)
    rows = models.PositiveBigIntegerField(default=0)
    accepted = models.PositiveBigIntegerField(default=0)
    repeats = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)
    refusals = models.JSONField(
        default=list
    )  # the first: [{"row": 3, "column": "…", "reason": "…"}]
    trouble = models.CharField(max_length=500, blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.source_id}: {self.state}"
