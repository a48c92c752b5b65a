"""The only place that serves the web SDK: its text, its hash, and the lines that put it into a page."""

import base64
import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

MAX_BYTES: Final = 8 * 1024  # of the script as it is served, gzipped
SOURCE: Final = settings.BASE_DIR / "static/rtts/sdk.js"
FOREVER: Final = "public, max-age=31536000, immutable"
SHORTLY: Final = "public, max-age=300"


@dataclass(frozen=True, slots=True)
class Script:
    """The SDK of this version of the product."""

    text: bytes
    gzipped: bytes
    integrity: str  # "sha384-…", what a page pins
    version: str  # start of its hash, part of the address


@cache
def load_script(path: Path = SOURCE) -> Script:
    """Return the SDK; read once, a few milliseconds."""
    text = path.read_bytes()
    digest = hashlib.sha384(text).digest()
    return Script(
        text=text,
        gzipped=gzip.compress(text, 9, mtime=0),
        integrity=f"sha384-{base64.b64encode(digest).decode()}",
        version=digest.hex()[:12],
    )


def address(base: str = "") -> str:
    """Return where a page loads the SDK from, e.g. ``https://targeting.example/sdk/rtts.js?v=0f3a…``."""
    return f"{base}{reverse('rtts-sdk')}?v={load_script().version}"


def tag(base: str, key: str) -> SafeString:
    """Return the element that a page puts into its head."""
    return format_html(
        '<script src="{}" data-key="{}" integrity="{}" crossorigin defer></script>',
        address(base),
        key,
        load_script().integrity,
    )


@require_safe
def serve(request: HttpRequest) -> HttpResponse:
    """Answer with the SDK, to pages of every origin, gzipped where the browser takes that."""
    script = load_script()
    etag = f'"{script.version}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponseNotModified(headers={"ETag": etag, "Access-Control-Allow-Origin": "*"})
    is_gzipped = "gzip" in request.headers.get("Accept-Encoding", "")
    response = HttpResponse(
        script.gzipped if is_gzipped else script.text,
        content_type="text/javascript; charset=utf-8",
        headers={
            "Access-Control-Allow-Origin": "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Cache-Control": FOREVER if request.GET.get("v") == script.version else SHORTLY,
            "ETag": etag,
            "Vary": "Accept-Encoding",
        },
    )
    if is_gzipped:
        response.headers["Content-Encoding"] = "gzip"
    return response
