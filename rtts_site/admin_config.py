"""The only place that puts our admin site in place of the stock one."""

from django.contrib.admin.apps import AdminConfig


class TargetingAdminConfig(AdminConfig):
    """The admin with our site as its default."""

    default_site = "rtts_site.admin_site.TargetingAdminSite"
