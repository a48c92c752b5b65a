"""The addresses of requests about rights and of the register of processing, inside the admin."""

from django.urls import path

from campaigns.rights import views

urlpatterns = [
    path("rights/", views.overview, name="rtts-rights"),
    path("rights/<int:pk>/", views.one, name="rtts-rights-one"),
    path("rights/<int:pk>/act/", views.act, name="rtts-rights-act"),
    path("rights/<int:pk>/file/", views.file, name="rtts-rights-file"),
    path("rights/capsules/<int:pk>/", views.capsule, name="rtts-capsule"),
    path("rights/register/", views.register, name="rtts-register"),
]
