"""The Django app that holds the commands which run the product."""

from importlib import import_module

from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "rtts_site"
    label = "rtts_site"
    verbose_name = "Site"

    def ready(self) -> None:
        # Makes the Celery application current, so that tasks publish from every process.
        import_module("rtts_site.celery")
