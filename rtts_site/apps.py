"""The Django app that holds the commands which run the product."""

from importlib import import_module

from django.apps import AppConfig, apps

from rtts_site.model_names import follow_language


class SiteConfig(AppConfig):
    name = "rtts_site"
    label = "rtts_site"
    verbose_name = "Site"

    def ready(self) -> None:
        # Makes the Celery application current, so that tasks publish from every process.
        import_module("rtts_site.celery")
        own = ("foundation", "consent", "decisioning", "campaigns")
        follow_language([apps.get_app_config(label) for label in own])
