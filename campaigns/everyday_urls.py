"""The addresses of everyday steps on things and lists; campaigns.urls includes them."""

from django.urls import path

from campaigns.views import bulk, everyday, files

urlpatterns = [
    path("bulk/<slug:kind>/<slug:act>/", bulk.bulk_act, name="rtts-bulk"),
    path("items/<int:pk>/copy/", everyday.clone, name="rtts-clone"),
    path("items/<int:pk>/tags/", everyday.tag, name="rtts-tags"),
    path("lists/<str:label>/keep/", everyday.keep_filter, name="rtts-filter-keep"),
    path("lists/<str:label>/columns/", everyday.choose_columns, name="rtts-columns"),
    path("lists/<str:label>/filters/<int:pk>/", everyday.edit_filter, name="rtts-filter-edit"),
    path("lists/<str:label>/export/", files.export, name="rtts-export"),
    path("imports/<int:pk>/", files.read, name="rtts-import-read"),
    path("imports/<int:pk>/accept/", files.accept, name="rtts-import-accept"),
    path("imports/<int:pk>/progress/", files.progress, name="rtts-import-progress"),
    path("import/<slug:kind>/", files.import_page, name="rtts-import"),
]
