"""The addresses of authoring's own admin pages; the admin site mounts and guards them."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
