"""The Django app of what every app needs and none owns."""

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db import connections
from django.db.models.signals import pre_migrate
from django.utils.translation import gettext_lazy


class FoundationConfig(AppConfig):
    name = "rtts_site.foundation"
    label = "foundation"
    verbose_name = gettext_lazy("Foundation")

    def ready(self) -> None:
        pre_migrate.connect(grant_runtime_role, sender=self)


def grant_runtime_role(*, using: str, **_: Any) -> None:
    """Let the runtime role read and write what the owner is about to create; migrations take back the rest."""
    role = settings.RTTS_RUNTIME_DATABASE_USER
    with connections[using].cursor() as cursor:
        cursor.execute("select current_user <> %s and to_regrole(%s) is not null", [role, role])
        if not cursor.fetchone()[0]:
            return
        name = connections[using].ops.quote_name(role)
        cursor.execute(f"grant usage on schema public to {name}")
        for privileges in (
            "select, insert, update, delete on tables",
            "usage, select on sequences",
        ):
            cursor.execute(
                f"alter default privileges in schema public grant {privileges} to {name}"
            )
