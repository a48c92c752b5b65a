"""The addresses of the pages on who sees what: the simulator, one person, previews, the viewers of an offer."""

from django.urls import path

from campaigns.views import people, previews, simulator, viewers

urlpatterns = [
    path("simulator/", simulator.simulator, name="rtts-simulator"),
    path("simulator/fields/", simulator.simulator_fields, name="rtts-simulator-fields"),
    path("people/", people.people_page, name="rtts-people"),
    path("people/part/", people.part_people, name="rtts-people-part"),
    path("offers/<str:key>/viewers/", viewers.viewers, name="rtts-viewers"),
    path("changes/<int:pk>/previews/", previews.change_previews, name="rtts-previews"),
    path("previews/<int:pk>/<slug:step>/", previews.preview_step, name="rtts-preview-step"),
]
