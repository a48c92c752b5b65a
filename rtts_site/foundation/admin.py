"""Users and roles in the admin: Django's forms, with controls that work by keyboard and for screen readers."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Field, ManyToManyField

# In place of two lists to move things between.
PLAIN_LISTS: Mapping[type[Field[Any, Any]], Mapping[str, Any]] = {
    ManyToManyField: {"widget": forms.SelectMultiple(attrs={"size": 14})}
}


class Users(UserAdmin[User]):
    filter_horizontal = ()
    formfield_overrides = PLAIN_LISTS
    readonly_fields = ("last_login", "date_joined")


class Roles(GroupAdmin):
    filter_horizontal = ()
    formfield_overrides = PLAIN_LISTS


admin.site.unregister(User)
admin.site.unregister(Group)
admin.site.register(User, Users)
admin.site.register(Group, Roles)
