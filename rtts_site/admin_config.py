"""The only place that puts our admin site in place of the stock one, and says when its pages are imported."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class TargetingAdminConfig(SimpleAdminConfig):
    """The admin with our site; `rtts_site.urls` imports its pages, so that workers and commands need not."""

    default_site = "rtts_site.admin_site.TargetingAdminSite"

    def ready(self) -> None:
        checks.register(check_pages, checks.Tags.admin)


def check_pages(
    app_configs: Sequence[AppConfig] | None, **options: Any
) -> list[checks.CheckMessage]:
    """Import the admin's pages and check them as Django would."""
    admin.autodiscover()
    found = (check_dependencies, check_admin_app)
    return [message for check in found for message in check(app_configs=app_configs, **options)]
