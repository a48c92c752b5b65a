"""Configuration of the app that takes events in and gives decisions out."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class DecisioningConfig(AppConfig):
    name = "decisioning"
    verbose_name = gettext_lazy("Decisions")

    def ready(self) -> None:
        from consent.channels import on_asking
        from decisioning.live_channels import live_channels
        from decisioning.rights.registering import register_all

        register_all()
        on_asking(live_channels)
