"""The Django app of everything marketers author, review and publish."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy


class CampaignsConfig(AppConfig):
    name = "campaigns"
    verbose_name = gettext_lazy("Campaigns")

    def ready(self) -> None:
        from campaigns.house_facts import check_approvals
        from campaigns.rights.stores import register_stores
        from campaigns.roles import create_roles
        from consent.proof.checking import register

        register_stores()
        register(check_approvals)
        post_migrate.connect(create_roles, sender=self)
