"""What the owner decided about events on their way in: every version of it, the newest in force."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class IntakeDocument(models.Model):
    """One version of the terms of the intake or of its product table."""

    class Kind(models.TextChoices):
        TERMS = "terms", _("terms of the intake")
        PRODUCTS = "products", _("product table")

    kind = models.CharField(max_length=10, choices=Kind.choices)
    body = models.JSONField()
    changed_by = models.CharField(max_length=150)
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("version of the intake's terms")
        verbose_name_plural = _("versions of the intake's terms")
        permissions = [("change_intake", "Can change what happens to events on their way in")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
