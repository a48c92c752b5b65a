"""The addresses of the pages about what comes in."""

from django.urls import path

from campaigns.views import debugging, enriching, incoming, quality

urlpatterns = [
    path("seen/", incoming.seen_page, name="rtts-seen"),
    path("seen/event/", incoming.add_event, name="rtts-seen-event"),
    path("seen/attribute/", incoming.add_attribute, name="rtts-seen-attribute"),
    path("quarantine/", incoming.quarantine_page, name="rtts-quarantine"),
    path("quality/", quality.overview, name="rtts-quality"),
    path("quality/reconcile/", quality.reconcile, name="rtts-quality-reconcile"),
    path("enrichment/", enriching.enrichment, name="rtts-enrichment"),
    path("enrichment/steps/", enriching.steps, name="rtts-enrichment-steps"),
    path("enrichment/fields/", enriching.fields, name="rtts-enrichment-fields"),
    path("enrichment/terms/", enriching.terms, name="rtts-enrichment-terms"),
    path("enrichment/products/", enriching.products, name="rtts-enrichment-products"),
    path("debugger/", debugging.debugger, name="rtts-debugger"),
    path("debugger/<str:source>/", debugging.debugger_rows, name="rtts-debugger-rows"),
    path("quarantine/act/", incoming.quarantine_act, name="rtts-quarantine-act"),
]
