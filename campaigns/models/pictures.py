"""Uploaded pictures, and the files of their sizes where PostgreSQL keeps them."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy

USER = settings.AUTH_USER_MODEL


class Picture(models.Model):
    """A picture by the digest of its file; what is shown are its sizes, made by a job."""

    class State(models.TextChoices):
        WAITING = "waiting", gettext_lazy("being prepared")
        READY = "ready", gettext_lazy("ready")
        FAILED = "failed", gettext_lazy("failed")

    sha256 = models.CharField(max_length=64, unique=True)  # of the file as it was uploaded
    name = models.CharField(max_length=200)  # the file's name; only colleagues read it
    type = models.CharField(max_length=8)  # "jpeg", or "png" where it is see-through
    width = models.PositiveIntegerField()  # pixels, turned upright
    height = models.PositiveIntegerField()
    widths = models.JSONField()  # pixels, ascending: the sizes that are made
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    job = models.CharField(max_length=64, blank=True)
    uploaded_by = models.ForeignKey(USER, models.SET_NULL, null=True, related_name="+")
    uploaded_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class StoredFile(models.Model):
    """One file that is never changed; read by its name only."""

    name = models.CharField(max_length=200, unique=True)
    content = models.BinaryField()
    size = models.PositiveIntegerField()  # bytes
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
