"""The people of the demo. Their passwords are printed in the README: this never runs but for the demo."""

from typing import TypedDict

from django.contrib.auth.models import Group, User


class SignIn(TypedDict):
    """One line of what `make up` prints."""

    role: str  # "marketer"
    user: str
    password: str


ROLES = ("marketer", "approver", "compliance", "analyst", "admin")


def sign_in(role: str) -> SignIn:
    """Return how the demo's person of a role signs in."""
    return {"role": role, "user": role, "password": f"{role}-demo"}


def create_people() -> dict[str, User]:
    """Return the demo's people by role, those created who are not there yet.

    Raises:
        Group.DoesNotExist: the roles are made by `migrate`; run it first.
    """
    people = {}
    for role in ROLES:
        user, created = User.objects.get_or_create(username=role, defaults={"is_staff": True})
        if created:
            user.set_password(sign_in(role)["password"])
            user.is_superuser = role == "admin"
            user.save()
            user.groups.add(Group.objects.get(name=role.capitalize()))
        people[role] = user
    return people
