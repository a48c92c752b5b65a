"""Serves the sizes of pictures to anybody, for ever: an address never means anything else."""

import re

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from campaigns.images.library import preview_name, storage
from campaigns.models import Picture
from decisioning.content.pictures import DIGEST

TYPES = {"webp": "image/webp", "jpg": "image/jpeg", "png": "image/png"}
HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "cross-origin",  # shops on other origins show them
    "Content-Disposition": "inline",
    "X-Content-Type-Options": "nosniff",
}


NAME = re.compile(r"[0-9]{1,3}-[0-9]{1,5}\.(webp|jpg|png)")


@require_safe
def serve(request: HttpRequest, sha256: str, name: str) -> HttpResponse:
    """Return one size of a picture."""
    found = NAME.fullmatch(name)
    if found is None or not DIGEST.fullmatch(sha256):
        raise Http404("There is no such picture.")
    try:
        with storage().open(f"{sha256}/{name}") as file:
            data = file.read()
    except FileNotFoundError:
        raise Http404("There is no such picture.") from None
    return HttpResponse(data, content_type=TYPES[found[1]], headers=HEADERS)


def preview_url(picture: Picture) -> str:
    """Return the address of a picture's smallest size on this site, whatever stands in front of it for others."""
    return reverse("rtts-media", args=preview_name(picture).split("/"))


urlpatterns = [path("<slug:sha256>/<str:name>", serve, name="rtts-media")]
