"""What roles were given by the product, so that what admins take away is not given again."""

from django.contrib.auth.models import Group, Permission
from django.db import models


class GivenPermission(models.Model):
    """A permission that a version of the product gave a role once."""

    role = models.ForeignKey(Group, models.CASCADE, related_name="+")
    permission = models.ForeignKey(Permission, models.CASCADE, related_name="+")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["role", "permission"], name="permission_given_once")
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.permission}"
