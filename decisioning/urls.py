"""Addresses of deciding that Django serves, under /v1/."""

from django.urls import path

from decisioning.api import reading

urlpatterns = [
    path("decisions/<str:decision>", reading.DecisionView.as_view(), name="rtts-decision-record"),
    path("profiles/<str:person>", reading.ProfileView.as_view(), name="rtts-profile"),
]
