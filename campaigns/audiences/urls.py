"""The addresses of counts of people."""

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from campaigns.audiences import views
from decisioning.rules.catalogue import Catalogue


def audience_urls(*, catalogue: Callable[[Any], Catalogue]) -> list[URLPattern]:
    """Return the patterns of exact counts and of histories, over a user's catalogue."""
    return [
        path("counts/", views.make_ask_view(catalogue), name="rtts-count"),
        path("counts/<int:pk>/", views.progress, name="rtts-count-progress"),
        path("counts/<int:pk>/cancel/", views.cancel, name="rtts-count-cancel"),
        path("audiences/<int:pk>/", views.history, name="rtts-audience"),
    ]
