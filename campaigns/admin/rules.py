"""The list and form of approval rules."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.models import ApprovalRule


class RuleForm(ModelForm[ApprovalRule]):
    class Meta:
        model = ApprovalRule
        fields = ("kind", "approvers", "role", "above_people")

    def clean_role(self) -> Group | None:
        role: Group | None = self.cleaned_data["role"]
        if role is None or role.permissions.filter(codename="approve_change").exists():
            return role
        raise forms.ValidationError(
            _("The role “%(role)s” may not approve: give it the permission first.")
            % {"role": role.name}
        )


class RuleAdmin(admin.ModelAdmin[ApprovalRule]):
    form = RuleForm
    list_display = ("what", "approvers", "role", "above_people")
    list_select_related = ("role",)
    change_list_template = "campaigns/change_list.html"

    @admin.display(description=ApprovalRule._meta.get_field("kind").verbose_name)
    def what(self, rule: ApprovalRule) -> str:
        return str(rule.get_kind_display())

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:rtts-history", args=["rule", object_id]))
