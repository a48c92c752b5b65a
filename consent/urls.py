"""Addresses of consent, under /v1/."""

from django.urls import path

from consent import api
from consent.proof import api as proof_api
from consent.rights import api as rights
from consent.signals import api as signals

urlpatterns = [
    path("rights", rights.RightsView.as_view(), name="rtts-rights-api"),
    path("rights/<str:reference>", rights.OneRightsView.as_view(), name="rtts-rights-api-one"),
    path(
        "rights/<str:reference>/file",
        rights.RightsFileView.as_view(),
        name="rtts-rights-api-file",
    ),
    path("consents", api.ConsentsView.as_view(), name="rtts-consents"),
    path("consents/messages", signals.InboundMessagesView.as_view(), name="rtts-inbound-messages"),
    path("consents/<str:person>", api.PersonConsentsView.as_view(), name="rtts-person-consents"),
    path("notices/<str:reference>/<str:language>", api.NoticeView.as_view(), name="rtts-notice"),
    path(
        "consents/<str:person>/receipts/<uuid:receipt>",
        api.ReceiptView.as_view(),
        name="rtts-consent-receipt",
    ),
    path(
        "consents/<str:person>/receipts/<uuid:receipt>/proof",
        proof_api.ReceiptProofView.as_view(),
        name="rtts-consent-proof",
    ),
    path(
        "ledger/checkpoints/latest",
        proof_api.LatestCheckpointView.as_view(),
        name="rtts-ledger-checkpoint",
    ),
    path("ledger/consistency", proof_api.ConsistencyView.as_view(), name="rtts-ledger-consistency"),
    path("ledger/keys", proof_api.LedgerKeysView.as_view(), name="rtts-ledger-keys"),
]
