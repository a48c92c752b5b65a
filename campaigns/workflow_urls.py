"""The addresses of review, comments, releases and notifications; campaigns.urls includes them."""

from django.urls import path

from campaigns.views import comments, history, notices, releases, review, stops, webhooks

urlpatterns = [
    path("review/", review.inbox, name="rtts-review"),
    path("changes/new/", review.new_change, name="rtts-change-new"),
    path("changes/<int:pk>/", review.change_page, name="rtts-change"),
    path("changes/<int:pk>/effect/", review.effect, name="rtts-effect"),
    path("changes/<int:pk>/consent/", review.effect_on_consent, name="rtts-consent-effect"),
    path("changes/<int:pk>/say/", comments.say, name="rtts-say"),
    path("changes/<int:pk>/export/", review.export, name="rtts-change-export"),
    path("changes/<int:pk>/<slug:step>/", review.change_step, name="rtts-change-step"),
    path("comments/<int:pk>/resolve/", comments.resolve, name="rtts-resolve"),
    path("releases/<int:pk>/", releases.release_page, name="rtts-release"),
    path("releases/<int:pk>/roll-back/", releases.roll_back, name="rtts-roll-back"),
    path("jobs/<int:pk>/", releases.job, name="rtts-job"),
    path("items/<int:pk>/", review.item, name="rtts-item"),
    path("history/<slug:subject>/<str:pk>/", history.history, name="rtts-history"),
    path("notifications/", notices.notices, name="rtts-notices"),
    path("notifications/read/", notices.read, name="rtts-notices-read"),
    path("notifications/choose/", notices.choose, name="rtts-notices-choose"),
    path("webhooks/", webhooks.overview, name="rtts-webhooks"),
    path("webhooks/<int:pk>/", webhooks.edit, name="rtts-webhook"),
    path("webhooks/<int:pk>/rotate/", webhooks.rotate, name="rtts-webhook-rotate"),
    path("webhooks/<int:pk>/test/", webhooks.test, name="rtts-webhook-test"),
    path("webhooks/<int:pk>/remove/", webhooks.remove, name="rtts-webhook-remove"),
    path("deliveries/<int:pk>/again/", webhooks.again, name="rtts-delivery-again"),
    path("stops/", stops.overview, name="rtts-stops"),
    path("stops/<int:pk>/lift/", stops.lift, name="rtts-stop-lift"),
]
