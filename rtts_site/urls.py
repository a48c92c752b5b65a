"""Every address that Django serves; the fast paths are answered before Django is asked."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from django.views.i18n import set_language
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from decisioning.own_page.views import gpc_support
from rtts_site.foundation import web_sdk

admin.autodiscover()

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="rtts-home"),
    path(".well-known/gpc.json", gpc_support, name="rtts-gpc"),
    path("language", set_language, name="rtts-language"),
    path("sdk/rtts.js", web_sdk.serve, name="rtts-sdk"),
    path("shop/", include("campaigns.demo.urls")),
    path("admin/", admin.site.urls),
    path("media/", include("campaigns.images.serving")),
    path("v1/", include("consent.urls")),
    path("v1/", include("decisioning.urls")),
    path("v1/", include("campaigns.api_urls")),
    path("api/schema", SpectacularAPIView.as_view(), name="rtts-api-schema"),
    path(
        "api/docs",
        SpectacularSwaggerSplitView.as_view(url_name="rtts-api-schema"),
        name="rtts-api-docs",
    ),
]
