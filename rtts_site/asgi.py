"""What the web server calls: the fast paths first, Django for everything else."""

import os
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rtts_site.settings")
django.setup(set_prefix=False)

from decisioning.api.app import app as fast_paths  # noqa: E402 - needs the apps

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
NOT_FOUND = (
    b'{"type":"about:blank","title":"Not Found","status":404,'
    b'"detail":"This process serves the decision and event paths only."}'
)


def _load_pages() -> Any:
    import_module(settings.ROOT_URLCONF)  # now, so that no page's first request holds up a decision
    return get_asgi_application()


_pages = _load_pages() if settings.RTTS_ROLE == "all" else None


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] in ("http", "lifespan") and not await fast_paths(scope, receive, send):
        await (_pages or _refuse)(scope, receive, send)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"application/problem+json")]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": NOT_FOUND})
