"""Roles on installed systems: later versions add to them, and leave alone what admins did."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS

from campaigns.models import GivenPermission
from campaigns.roles import create_roles


def migrate():
    call_command("migrate", verbosity=0, interactive=False)


def permission(name):
    return Permission.objects.get(codename=name)


@pytest.fixture
def marketers(db):
    return Group.objects.get(name="Marketer")


def names(group):
    return set(group.permissions.values_list("codename", flat=True))


def of_a_later_version(name="change_offer"):
    """Let a permission be as one that this version is the first to have."""
    return Permission.objects.filter(codename=name).delete()


def test_installed_role_receives_what_a_version_adds(marketers):
    before = names(marketers)
    of_a_later_version()
    assert "change_offer" not in names(marketers)

    migrate()

    assert names(marketers) == before


def test_what_an_admin_did_by_hand_stays(marketers):
    marketers.permissions.add(permission("approve_change"))
    marketers.permissions.remove(permission("change_offer"))
    before = names(marketers)

    migrate()
    migrate()

    assert names(marketers) == before


def test_system_from_before_is_brought_forward_once(marketers):
    # As an installation that never remembered what it gave.
    GivenPermission.objects.all().delete()
    marketers.permissions.remove(permission("change_offer"))
    of_a_later_version("change_segment")

    migrate()

    assert "change_segment" in names(marketers)
    assert "change_offer" not in names(marketers)


def test_role_that_an_admin_removed_is_made_again_whole(marketers):
    before = names(marketers)
    marketers.delete()

    create_roles(using=DEFAULT_DB_ALIAS, apps=apps)

    assert names(Group.objects.get(name="Marketer")) == before


def test_an_installation_from_before_gets_auditors_who_only_look(db):
    Group.objects.filter(name="Auditor").delete()

    migrate()

    given = names(Group.objects.get(name="Auditor"))
    assert "view_person" in given
    assert {one for one in given if not one.startswith("view_")} == {"audit_compliance"}
