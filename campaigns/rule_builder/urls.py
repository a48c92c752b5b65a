"""The addresses of the builder's two views."""

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from campaigns.rule_builder.views import CountAudience, make_views
from decisioning.rules.catalogue import Catalogue


def builder_urls(
    *, catalogue: Callable[[Any], Catalogue], audience: CountAudience | None
) -> list[URLPattern]:
    """Return the patterns ``rule-builder-edit`` and ``rule-builder-preview`` over a user's catalogue."""
    edit, preview = make_views(catalogue, audience)
    return [
        path("rule-builder/edit", edit, name="rule-builder-edit"),
        path("rule-builder/preview", preview, name="rule-builder-preview"),
    ]
