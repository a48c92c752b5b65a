"""The addresses of what a builder asks the server."""

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from campaigns.rule_builder.views import CountAudience, make_views
from campaigns.views.thresholds import compare, make_threshold_view, measured
from campaigns.views.values import make_values_view
from decisioning.rules.catalogue import Catalogue


def builder_urls(
    *, catalogue: Callable[[Any], Catalogue], audience: CountAudience | None
) -> list[URLPattern]:
    """Return the patterns ``rule-builder-edit``, ``-preview``, ``-values`` and ``-threshold`` over a user's catalogue."""
    edit, preview = make_views(catalogue, audience)
    return [
        path("rule-builder/edit", edit, name="rule-builder-edit"),
        path("rule-builder/preview", preview, name="rule-builder-preview"),
        path("rule-builder/values", make_values_view(catalogue), name="rule-builder-values"),
        path(
            "rule-builder/threshold", make_threshold_view(catalogue), name="rule-builder-threshold"
        ),
        path("rule-builder/measured/<int:pk>/", measured, name="rule-builder-measured"),
        path("rule-builder/compare", compare, name="rule-builder-compare"),
    ]
