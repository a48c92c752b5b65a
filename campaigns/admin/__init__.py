"""Authoring in the admin: one list and one form for each kind, and the lists of changes and releases."""

from django.contrib import admin

from campaigns.admin.items import ItemAdmin
from campaigns.admin.rules import RuleAdmin
from campaigns.admin.workflow import ChangeAdmin, ReleaseAdmin
from campaigns.models import PROXIES, ApprovalRule, Change, Release

for model in PROXIES.values():
    admin.site.register(model, ItemAdmin)
admin.site.register(Change, ChangeAdmin)
admin.site.register(Release, ReleaseAdmin)
admin.site.register(ApprovalRule, RuleAdmin)
