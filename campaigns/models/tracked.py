"""Whose every edit the database itself records: rows that are edited in place, as event rows that nobody edits."""

from typing import Any

import pghistory
from django.contrib.auth.models import User

from campaigns.models.approvals import ApprovalRule
from campaigns.models.changes import Change
from campaigns.models.items import Item
from campaigns.models.notices import Webhook
from decisioning.models import Destination, Source
from rtts_site.foundation.models import ApiKey


def tracked(*trackers: pghistory.Tracker, **chosen: Any) -> Any:
    """Return a class decorator that records inserts, updates and deletes by triggers, with who and which request."""
    kinds = trackers or (
        pghistory.InsertEvent(),
        pghistory.UpdateEvent(),
        pghistory.DeleteEvent(),
    )
    return pghistory.track(
        *kinds,
        context_field=pghistory.ContextJSONField(),
        append_only=True,
        **{"obj_field": pghistory.ObjForeignKey(related_name="+", related_query_name="+")} | chosen,
    )


CHANGE_FIELDS = ["id", "title", "state", "submitted_by", "approved_by"]
WEBHOOK_FIELDS = ["id", "name", "url", "events", "is_active", "former_until"]
KEY_FIELDS = ["id", "name", "kind", "scopes", "origins", "placements", "issued_by", "expires_at"]
SOURCE_FIELDS = ["id", "key", "name", "kind", "settings", "mapping", "is_active"]
DESTINATION_FIELDS = [
    *("id", "key", "name", "kind", "url", "wants", "segments", "purposes", "share"),
    *("sender", "recipient", "is_active", "former_until"),
]
USER_FIELDS = ["id", "username", "is_active", "is_staff", "is_superuser"]


@tracked(fields=CHANGE_FIELDS, model_name="ChangeEvent")
class TrackedChange(Change):
    """A change."""

    class Meta:
        proxy = True
        default_permissions = ()


# The tags before each edit: what was tagged before its history began is known too.
@tracked(
    pghistory.UpdateEvent("tagged", row=pghistory.Old, condition=pghistory.AnyChange("tags")),
    fields=["id", "tags"],
    model_name="TagsEvent",
)
class TrackedTags(Item):
    """The tags of a thing."""

    class Meta:
        proxy = True
        default_permissions = ()


@tracked(model_name="ApprovalRuleEvent")
class TrackedApprovalRule(ApprovalRule):
    """An approval rule."""

    class Meta:
        proxy = True
        default_permissions = ()


@tracked(fields=WEBHOOK_FIELDS, model_name="WebhookEvent")
class TrackedWebhook(Webhook):
    """A webhook, without its secrets."""

    class Meta:
        proxy = True
        default_permissions = ()


@tracked(fields=[*KEY_FIELDS, "revoked_at"], model_name="ApiKeyEvent", app_label="campaigns")
class TrackedApiKey(ApiKey):
    """An API key, without the digest of its secret."""

    class Meta:
        proxy = True
        default_permissions = ()


@tracked(fields=SOURCE_FIELDS, model_name="SourceEvent", app_label="campaigns")
class TrackedSource(Source):
    """A source, without its secrets."""

    class Meta:
        proxy = True
        default_permissions = ()


@tracked(fields=DESTINATION_FIELDS, model_name="DestinationEvent", app_label="campaigns")
class TrackedDestination(Destination):
    """A destination, without its secrets; a new one is seen by when the former ends."""

    class Meta:
        proxy = True
        default_permissions = ()


@tracked(fields=USER_FIELDS, model_name="UserEvent", app_label="campaigns")
class TrackedUser(User):
    """Who may sign in."""

    class Meta:
        proxy = True
        default_permissions = ()


@tracked(
    pghistory.InsertEvent("given"),
    pghistory.DeleteEvent("taken"),
    model_name="RoleEvent",
    app_label="campaigns",
    obj_field=None,
)
class TrackedRole(User.groups.through):  # type: ignore[name-defined,misc]  # made by Django
    """Who is in which role."""

    class Meta:
        proxy = True
        default_permissions = ()
