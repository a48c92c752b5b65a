"""The addresses of what is sent to other systems."""

from django.urls import path

from campaigns.views import destinations, members

urlpatterns = [
    path("destinations/", destinations.overview, name="rtts-destinations"),
    path("destinations/<int:pk>/", destinations.edit, name="rtts-destination"),
    path("destinations/<int:pk>/rotate/", destinations.rotate, name="rtts-destination-rotate"),
    path("destinations/<int:pk>/test/", destinations.test, name="rtts-destination-test"),
    path("destinations/<int:pk>/remove/", destinations.remove, name="rtts-destination-remove"),
    path("destinations/sendings/<int:pk>/again/", destinations.again, name="rtts-sending-again"),
    path("destinations/members/", members.overview, name="rtts-member-exports"),
    path("destinations/members/<int:pk>/cancel/", members.cancel, name="rtts-member-cancel"),
    path("destinations/members/<int:pk>/file/", members.take, name="rtts-member-file"),
]
