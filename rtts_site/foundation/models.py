"""The tables of what every app needs and none owns."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy

from rtts_site.foundation.jobs import Job

__all__ = ["ApiKey", "IdempotentRequest", "Job"]


class ApiKey(models.Model):
    """A key by which a program signs in; its secret is not kept, only the SHA-256."""

    class Kind(models.TextChoices):
        SECRET = "secret", gettext_lazy("secret: for servers")
        BROWSER = "browser", gettext_lazy("browser: visible to visitors")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    digest = models.CharField(max_length=64, unique=True)
    shown = models.CharField(max_length=20)  # the first characters of the secret
    scopes = ArrayField(models.CharField(max_length=30))
    origins = ArrayField(models.CharField(max_length=200), default=list)
    placements = ArrayField(models.CharField(max_length=100), default=list)
    # Who saw the secret: what a program writes with the key is theirs too.
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    successor = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        verbose_name = gettext_lazy("API key")

    def __str__(self) -> str:
        return f"{self.name} ({self.shown}…)"


class IdempotentRequest(models.Model):
    """One use of an Idempotency-Key by a caller; `status` is null while the request runs."""

    caller = models.CharField(max_length=64)
    key = models.CharField(max_length=200)
    request_digest = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    body = models.BinaryField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["caller", "key"], name="idempotent_request_once")
        ]
        indexes = [models.Index(fields=["started_at"], name="idempotent_request_age")]

    def __str__(self) -> str:
        return f"{self.caller}: {self.key}"
