"""The roles that people sign in with, as groups with permissions."""

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions
from django.db.models import Q

AUTHORED = (
    *("attribute", "eventtype", "channel", "placement", "picture", "segment", "offer"),
    *("campaign", "experiment", "purpose", "releasesettings"),
)

VIEW = Q(codename__startswith="view_", content_type__app_label__in=("campaigns", "foundation"))
EDIT = Q(
    content_type__app_label="campaigns",
    codename__in=[f"{verb}_{name}" for verb in ("add", "change", "delete") for name in AUTHORED]
    + ["add_change", "change_change", "submit_change", "add_reviewcomment"],
)
APPROVE = Q(
    content_type__app_label="campaigns",
    codename__in=["approve_change", "publish_release", "roll_back_release", "add_reviewcomment"],
)
PEOPLE = Q(codename__startswith="view_", content_type__app_label__in=("decisioning", "consent"))

ROLES: dict[str, Q] = {
    "Marketer": VIEW
    | EDIT
    | Q(codename__startswith="view_", content_type__app_label="decisioning"),
    "Approver": VIEW | APPROVE | PEOPLE,
    "Analyst": VIEW | Q(codename__startswith="view_", content_type__app_label="decisioning"),
    "Compliance": VIEW | PEOPLE,
    "Admin": Q(
        content_type__app_label__in=("campaigns", "foundation", "decisioning", "consent", "auth")
    ),
}


def create_roles(*, using: str, **_: Any) -> None:
    """Create the groups that are missing; one that exists is left as its admins made it."""
    from django.contrib.auth.models import Group, Permission

    # Permissions of the other apps may be created only after this runs.
    for label in ("auth", "foundation", "consent", "decisioning", "campaigns"):
        config: AppConfig = apps.get_app_config(label)
        create_permissions(config, verbosity=0, using=using)
    for name, rule in ROLES.items():
        group, created = Group.objects.using(using).get_or_create(name=name)
        if created:
            group.permissions.set(Permission.objects.using(using).filter(rule))
