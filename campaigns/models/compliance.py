"""What compliance staff asked of everybody together, and what the daily opt-out found."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class CrowdReport(models.Model):
    """One answer about everybody together, with noise; what it revealed is paid for from a budget."""

    question = models.CharField(max_length=200)  # "standings:personalised_ads"
    month = models.DateField()  # first day of the month whose budget paid
    spent = models.FloatField()  # epsilon
    counts = (
        models.JSONField()
    )  # {"given": 1203, "withdrawn": 118}, as published: never the exact ones
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        permissions = [("ask_crowd", _("Can ask for reports about everybody together"))]
        indexes = [models.Index(fields=["month"], name="crowd_report_month")]

    def __str__(self) -> str:
        return self.question


class OptOutDrill(models.Model):
    """One run of somebody made up who gives consent, opts out and looks at what they are shown."""

    began_at = models.DateTimeField()
    took_ms = models.FloatField()
    steps = models.JSONField()  # [{"step": "withdraw", "ok": true, "told": "…"}], in order
    passed = models.BooleanField()

    class Meta:
        default_permissions = ("view",)
        indexes = [models.Index(fields=["-began_at"], name="opt_out_drill_began")]

    def __str__(self) -> str:
        return f"{self.began_at:%Y-%m-%d %H:%M}"
