"""Serves the sizes of pictures to anybody, for ever: an address never means anything else."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import re_path
from django.views.decorators.http import require_safe

from campaigns.images.library import storage

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


urlpatterns = [
    re_path(
        r"^(?P<name>[0-9a-f]{64}/[0-9]{1,3}-[0-9]{1,5})\.(?P<ending>webp|jpg|png)$",
        serve,
        name="rtts-media",
    ),
]
