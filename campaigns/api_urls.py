"""Addresses of the management API, under /v1/."""

from django.urls import path

from campaigns.api import changes, exchange, items, releases, stops

urlpatterns = [
    path("changes", changes.ChangesView.as_view(), name="rtts-api-changes"),
    path("changes/<int:pk>", changes.ChangeView.as_view(), name="rtts-api-change"),
    path("changes/<int:pk>/submit", changes.SubmitView.as_view(), name="rtts-api-submit"),
    path("changes/<int:pk>/approve", changes.ApproveView.as_view(), name="rtts-api-approve"),
    path("changes/<int:pk>/send-back", changes.SendBackView.as_view(), name="rtts-api-send-back"),
    path("changes/<int:pk>/discard", changes.DiscardView.as_view(), name="rtts-api-discard"),
    path("changes/<int:pk>/publish", changes.PublishView.as_view(), name="rtts-api-publish"),
    path("changes/<int:pk>/comments", changes.CommentsView.as_view(), name="rtts-api-comments"),
    path(
        "changes/<int:pk>/export",
        exchange.ChangeExportView.as_view(),
        name="rtts-api-change-export",
    ),
    path("comments/<int:pk>/resolve", changes.ResolveView.as_view(), name="rtts-api-resolve"),
    path("export", exchange.ExportView.as_view(), name="rtts-api-export"),
    path("import", exchange.ImportView.as_view(), name="rtts-api-import"),
    path("releases", releases.ReleasesView.as_view(), name="rtts-api-releases"),
    path("releases/<int:version>", releases.ReleaseView.as_view(), name="rtts-api-release"),
    path(
        "releases/<int:version>/roll-back",
        releases.RollBackView.as_view(),
        name="rtts-api-roll-back",
    ),
    path("reports/<slug:kind>/<str:key>", releases.ReportView.as_view(), name="rtts-api-report"),
    path("catalogue/<slug:kind>", items.ItemsView.as_view(), name="rtts-api-items"),
    path("catalogue/<slug:kind>/<str:key>", items.ItemView.as_view(), name="rtts-api-item"),
    path(
        "catalogue/<slug:kind>/<str:key>/withdraw",
        items.WithdrawView.as_view(),
        name="rtts-api-withdraw",
    ),
    path("catalogue/<slug:kind>/<str:key>/stop", stops.StopView.as_view(), name="rtts-api-stop"),
    path("catalogue/<slug:kind>/<str:key>/lift", stops.LiftView.as_view(), name="rtts-api-lift"),
]
