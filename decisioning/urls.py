"""Addresses of deciding that Django serves, under /v1/."""

from django.urls import path

from decisioning.api import hooks, imports, own_links, reading, unmerging, unsubscribe
from decisioning.api.graphql.view import GraphQLView
from decisioning.own_page import views

urlpatterns = [
    path("decisions/<str:decision>", reading.DecisionView.as_view(), name="rtts-decision-record"),
    path("graphql", GraphQLView.as_view(), name="rtts-graphql"),
    path("people/unmerge", unmerging.UnmergeView.as_view(), name="rtts-unmerge"),
    path("people/unmerge/<int:pk>", unmerging.UnmergedView.as_view(), name="rtts-unmerged"),
    path("profiles/<str:person>", reading.ProfileView.as_view(), name="rtts-profile"),
    path("imports", imports.ImportsView.as_view(), name="rtts-imports"),
    path("imports/<int:pk>", imports.ImportView.as_view(), name="rtts-import"),
    path(
        "imports/<int:pk>/refused",
        imports.RefusedRowsView.as_view(),
        name="rtts-import-refused",
    ),
    path("hooks/<slug:source>", hooks.HookView.as_view(), name="rtts-hook"),
    path("unsubscribe/<str:token>", unsubscribe.unsubscribe_page, name="rtts-unsubscribe"),
    path("me", own_links.OwnLinksView.as_view(), name="rtts-own-links"),
    path("me/<str:token>", views.own_page, name="rtts-own-page"),
]
