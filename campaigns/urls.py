"""The addresses of authoring's own admin pages; the admin site mounts and guards them."""

from typing import Any

from django.urls import path

from campaigns import simulation
from campaigns.candidates import candidate_of
from campaigns.drafts import current_change
from campaigns.rule_builder.urls import builder_urls
from campaigns.views import connect, forms, people, reporting, review, simulator
from decisioning.rules.catalogue import Catalogue


def _catalogue(user: Any) -> Catalogue:
    return candidate_of(current_change(user)).catalogue


urlpatterns = [
    path("review/", review.inbox, name="rtts-review"),
    path("changes/new/", review.new_change, name="rtts-change-new"),
    path("changes/<int:pk>/", review.change_page, name="rtts-change"),
    path("changes/<int:pk>/effect/", review.effect, name="rtts-effect"),
    path("changes/<int:pk>/<slug:step>/", review.change_step, name="rtts-change-step"),
    path("releases/<int:pk>/", review.release_page, name="rtts-release"),
    path("releases/<int:pk>/roll-back/", review.roll_back, name="rtts-roll-back"),
    path("jobs/<int:pk>/", review.job, name="rtts-job"),
    path("items/<int:pk>/", review.item, name="rtts-item"),
    path("rows/<slug:kind>/<slug:field>/", forms.new_row, name="rtts-row"),
    path("simulator/", simulator.simulator, name="rtts-simulator"),
    path("simulator/fields/", simulator.simulator_fields, name="rtts-simulator-fields"),
    path("people/", people.people_page, name="rtts-people"),
    path("reports/", reporting.overview, name="rtts-reports"),
    path("reports/<slug:kind>/<str:key>/", reporting.report, name="rtts-report"),
    path("connect/", connect.connect, name="rtts-connect"),
    path("connect/<uuid:pk>/rotate/", connect.rotate_key, name="rtts-key-rotate"),
    path("connect/<uuid:pk>/revoke/", connect.revoke_key, name="rtts-key-revoke"),
    *builder_urls(catalogue=_catalogue, audience=simulation.audience),
]
