"""Addresses of the management API, under /v1/."""

from django.urls import path

from campaigns import api

urlpatterns = [
    path("changes", api.ChangesView.as_view(), name="rtts-api-changes"),
    path("changes/<int:pk>", api.ChangeView.as_view(), name="rtts-api-change"),
    path("changes/<int:pk>/submit", api.SubmitView.as_view(), name="rtts-api-submit"),
    path("changes/<int:pk>/approve", api.ApproveView.as_view(), name="rtts-api-approve"),
    path("changes/<int:pk>/send-back", api.SendBackView.as_view(), name="rtts-api-send-back"),
    path("changes/<int:pk>/publish", api.PublishView.as_view(), name="rtts-api-publish"),
    path("releases", api.ReleasesView.as_view(), name="rtts-api-releases"),
    path("releases/<int:version>", api.ReleaseView.as_view(), name="rtts-api-release"),
    path("releases/<int:version>/roll-back", api.RollBackView.as_view(), name="rtts-api-roll-back"),
    path("reports/<slug:kind>/<str:key>", api.ReportView.as_view(), name="rtts-api-report"),
    path("catalogue/<slug:kind>", api.ItemsView.as_view(), name="rtts-api-items"),
    path("catalogue/<slug:kind>/<str:key>", api.ItemView.as_view(), name="rtts-api-item"),
]
