"""The addresses of the compliance workspace."""

from django.urls import path

from campaigns.compliance import views

urlpatterns = [
    path("compliance/", views.search, name="rtts-compliance"),
    path("compliance/person/<str:person>/", views.person_timeline, name="rtts-timeline"),
    path("compliance/decision/<str:decision>/", views.covered, name="rtts-covered"),
    path("compliance/lag/", views.lag_report, name="rtts-lag"),
    path("compliance/what-if/", views.withdrawal, name="rtts-what-if"),
    path("compliance/crowd/", views.crowd_report, name="rtts-crowd"),
    path("compliance/lineage/", views.lineage_page, name="rtts-lineage"),
    path("compliance/drills/", views.drills, name="rtts-drills"),
    path("compliance/drills/now/", views.drill_now, name="rtts-drill-now"),
]
