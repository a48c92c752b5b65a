"""The Django app of people and what they allow."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class ConsentConfig(AppConfig):
    name = "consent"
    verbose_name = gettext_lazy("Consent")

    def ready(self) -> None:
        from consent.proof.fsck import register_checks
        from consent.rights.own_stores import register_stores

        register_checks()
        register_stores()
