"""The roles that people sign in with, as groups with permissions."""

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db.models import Max, Q, QuerySet

AUTHORED = (
    *("attribute", "eventtype", "channel", "placement", "picture", "segment", "offer"),
    *("campaign", "experiment", "trigger", "purpose", "jurisdiction", "privacynotice"),
    "releasesettings",
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
) | Q(content_type__app_label="decisioning", codename="handle_quarantine")
PEOPLE = Q(codename__startswith="view_", content_type__app_label__in=("decisioning", "consent"))

AUDITED = ("attribute", "purpose", "jurisdiction", "privacynotice", "release", "optoutdrill")

ROLES: dict[str, Q] = {
    "Marketer": VIEW
    | EDIT
    | Q(codename__startswith="view_", content_type__app_label="decisioning"),
    "Approver": VIEW | APPROVE | PEOPLE,
    "Analyst": VIEW | Q(codename__startswith="view_", content_type__app_label="decisioning"),
    "Compliance": VIEW
    | PEOPLE
    | Q(content_type__app_label="decisioning", codename="change_intake")
    | Q(content_type__app_label="campaigns", codename="ask_crowd")
    | Q(
        content_type__app_label="consent",
        codename__in=["add_parting", "handle_rights", "open_capsule"],
    ),
    "Auditor": PEOPLE
    | Q(content_type__app_label="consent", codename="audit_compliance")
    | Q(content_type__app_label="campaigns", codename__in=[f"view_{name}" for name in AUDITED]),
    "Admin": Q(
        content_type__app_label__in=("campaigns", "foundation", "decisioning", "consent", "auth")
    ),
}


def create_roles(*, using: str, apps: Apps = installed, **_: Any) -> None:
    """Give each role what this version adds to it; what admins added or took away by hand stays so.

    Runs after each migrate. What a role was given once is remembered, and never given again.
    """
    try:
        remembered = apps.get_model("campaigns", "GivenPermission")
    except LookupError:  # migrated back to before it
        return
    # Permissions of the other apps may be created only after this runs.
    for label in ("auth", "foundation", "consent", "decisioning", "campaigns"):
        config: AppConfig = installed.get_app_config(label)
        create_permissions(config, verbosity=0, using=using)
    groups = apps.get_model("auth", "Group")._default_manager.using(using)
    known = _newest_known(groups.filter(name__in=ROLES))
    for name, rule in ROLES.items():
        group, created = groups.get_or_create(name=name)
        given = remembered._default_manager.using(using).filter(role=group)
        _give(group, rule, given, newer_than=0 if created or given.exists() else known)


def _newest_known(roles: QuerySet[Any]) -> int:
    """Return the newest permission that any role has: what came later no admin can have taken away."""
    return roles.aggregate(newest=Max("permissions"))["newest"] or 0


def _give(group: Any, rule: Q, given: QuerySet[Any], *, newer_than: int) -> None:
    every = group.permissions.model._default_manager.using(given.db).filter(rule)
    new = list(every.exclude(pk__in=given.values("permission")))
    group.permissions.add(*(one for one in new if one.pk > newer_than))
    given.model._default_manager.using(given.db).bulk_create(
        given.model(role=group, permission=one) for one in new
    )
