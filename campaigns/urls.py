"""The addresses of authoring's own admin pages; the admin site mounts and guards them."""

from typing import Any

from django.urls import path

from campaigns import (
    compliance_urls,
    connection_urls,
    everyday_urls,
    incoming_urls,
    people_urls,
    sending_urls,
    simulation,
    workflow_urls,
)
from campaigns.audiences.urls import audience_urls
from campaigns.candidates import candidate_of
from campaigns.drafts import current_change
from campaigns.rights.urls import urlpatterns as rights_urls
from campaigns.rule_builder.urls import builder_urls
from campaigns.views import (
    attention,
    calendar,
    connect,
    content,
    first_steps,
    forms,
    pictures,
    reporting,
    signed_in,
)
from decisioning.rules.catalogue import Catalogue


def _catalogue(user: Any) -> Catalogue:
    return candidate_of(current_change(user)).catalogue


urlpatterns = [
    *people_urls.urlpatterns,
    *rights_urls,
    path("changes/<int:pk>/attention/", attention.of_change, name="rtts-change-attention"),
    path("changes/<int:pk>/attention/look/", attention.look, name="rtts-change-look"),
    *incoming_urls.urlpatterns,
    *sending_urls.urlpatterns,
    *workflow_urls.urlpatterns,
    *connection_urls.urlpatterns,
    *everyday_urls.urlpatterns,
    *compliance_urls.urlpatterns,
    path("rows/<slug:kind>/<slug:field>/", forms.new_row, name="rtts-row"),
    path("getting-started/", first_steps.start, name="rtts-start"),
    path("getting-started/packs/<slug:key>/", first_steps.take_pack, name="rtts-pack"),
    path("token/", signed_in.token, name="rtts-token"),
    path("content/preview/", content.content_preview, name="rtts-content-preview"),
    path("pictures/", pictures.pictures, name="rtts-pictures"),
    path("pictures/<int:pk>/remove/", pictures.remove_picture, name="rtts-picture-remove"),
    path("pictures/field/<slug:name>/", pictures.picture_field, name="rtts-picture-field"),
    path("attention/", attention.attention, name="rtts-attention"),
    path("attention/dismiss/", attention.dismiss, name="rtts-attention-dismiss"),
    path("attention/back/", attention.bring_back, name="rtts-attention-back"),
    path("calendar/", calendar.calendar_page, name="rtts-calendar"),
    path("reports/", reporting.overview, name="rtts-reports"),
    path("reports/<slug:kind>/<str:key>/", reporting.report, name="rtts-report"),
    path("connect/", connect.connect, name="rtts-connect"),
    path("connect/<uuid:pk>/rotate/", connect.rotate_key, name="rtts-key-rotate"),
    path("connect/<uuid:pk>/revoke/", connect.revoke_key, name="rtts-key-revoke"),
    *audience_urls(catalogue=_catalogue),
    *builder_urls(catalogue=_catalogue, audience=simulation.audience),
]
