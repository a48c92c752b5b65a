"""Addresses of consent, under /v1/."""

from django.urls import path

from consent import api

urlpatterns = [
    path("consents", api.ConsentsView.as_view(), name="rtts-consents"),
    path("consents/<str:person>", api.PersonConsentsView.as_view(), name="rtts-person-consents"),
    path("notices/<str:reference>/<str:language>", api.NoticeView.as_view(), name="rtts-notice"),
    path(
        "consents/<str:person>/receipts/<uuid:receipt>",
        api.ReceiptView.as_view(),
        name="rtts-consent-receipt",
    ),
]
