"""The only place that lets the names of models and columns follow the language of the page.

Django makes them of class and field names; set here, not in Meta, they ask for no migration.
"""

from collections.abc import Iterable
from typing import Final

from django.apps import AppConfig
from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_noop as _

# What lists and forms of the admin show, for the catalogue of messages.
MODELS: Final = (
    *(_("attribute"), _("attributes"), _("event type"), _("event types"), _("channel"), _("channels")),
    *(_("placement"), _("placements"), _("segment"), _("segments"), _("offer"), _("offers")),
    *(_("campaign"), _("campaigns"), _("experiment"), _("experiments"), _("trigger"), _("triggers"), _("purpose"), _("purposes")),
    *(_("jurisdiction"), _("jurisdictions"), _("privacy notice"), _("privacy notices")),
    *(_("change"), _("changes"), _("release"), _("releases"), _("policy version"), _("policy versions")),
    *(_("consent event"), _("consent events"), _("person"), _("API key"), _("API keys")),
    *(_("decision record"), _("decision records"), _("record read"), _("record reads")),
)  # fmt: skip
COLUMNS: Final = (
    *(_("approved at"), _("approved by"), _("authors"), _("base"), _("created at"), _("created by")),
    *(_("decided at"), _("digest"), _("event id"), _("key"), _("leaf hash"), _("merged into")),
    *(_("name"), _("policy"), _("published at"), _("published by"), _("read at"), _("reader")),
    *(_("recorded at"), _("restores"), _("restricted"), _("restriction asked"), _("state"), _("submitted at")),
    *(_("submitted by"), _("tags"), _("title"), _("version"), _("what"), _("why"), _("consent version")),
)  # fmt: skip


def follow_language(apps: Iterable[AppConfig]) -> None:
    """Make the names of all models of these apps, and of their fields, translated where they are shown."""
    for app in apps:
        for model in app.get_models():
            _follow(model)


def _follow(model: type[Model]) -> None:
    options = model._meta
    name = options.verbose_name
    if isinstance(name, str):
        options.verbose_name = gettext_lazy(name)
        if "verbose_name_plural" not in options.original_attrs:
            plural = f"{name}s"  # as Django makes it
            options.verbose_name_plural = gettext_lazy(plural)
    for field in options.local_fields:
        if not isinstance(field.verbose_name, Promise):
            field.verbose_name = gettext_lazy(field.verbose_name)
