"""Serves the sizes of pictures to anybody, for ever: an address never means anything else."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import re_path, reverse
from django.views.decorators.http import require_safe

from campaigns.images.library import preview_name, storage
from campaigns.models import Picture

TYPES = {"webp": "image/webp", "jpg": "image/jpeg", "png": "image/png"}
HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "cross-origin",  # shops on other origins show them
    "Content-Disposition": "inline",
    "X-Content-Type-Options": "nosniff",
}


@require_safe
def serve(request: HttpRequest, name: str, ending: str) -> HttpResponse:
    """Return one size of a picture."""
    try:
        with storage().open(f"{name}.{ending}") as file:
            data = file.read()
    except FileNotFoundError:
        raise Http404("There is no such picture.") from None
    return HttpResponse(data, content_type=TYPES[ending], headers=HEADERS)


def preview_url(picture: Picture) -> str:
    """Return the address of a picture's smallest size on this site, whatever stands in front of it for others."""
    name, _, ending = preview_name(picture).rpartition(".")
    return reverse("rtts-media", args=[name, ending])


urlpatterns = [
    re_path(
        r"^(?P<name>[0-9a-f]{64}/[0-9]{1,3}-[0-9]{1,5})\.(?P<ending>webp|jpg|png)$",
        serve,
        name="rtts-media",
    ),
]
