"""The addresses of connections' pages; campaigns.urls includes them."""

from django.urls import path

from campaigns.views import connections, sources

urlpatterns = [
    path("connections/", connections.overview, name="rtts-connections"),
    path("connections/imports/new/", connections.new_import, name="rtts-import-new"),
    path("connections/imports/<int:pk>/", connections.import_page, name="rtts-events-import"),
    path(
        "connections/imports/<int:pk>/preview/",
        connections.import_preview,
        name="rtts-import-preview",
    ),
    path(
        "connections/imports/<int:pk>/progress/",
        connections.import_progress,
        name="rtts-events-import-progress",
    ),
    path(
        "connections/imports/<int:pk>/refused/",
        connections.import_refused,
        name="rtts-import-rows-refused",
    ),
    path(
        "connections/imports/<int:pk>/cancel/",
        connections.import_cancel,
        name="rtts-import-cancel",
    ),
    path("connections/sources/new/<slug:kind>/", sources.new_source, name="rtts-source-new"),
    path("connections/sources/<int:pk>/", sources.source_page, name="rtts-source"),
    path(
        "connections/sources/<int:pk>/preview/", sources.source_preview, name="rtts-source-preview"
    ),
    path("connections/sources/<int:pk>/<slug:step>/", sources.source_step, name="rtts-source-step"),
]
