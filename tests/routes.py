"""The only place that lists every route and fills its arguments in."""

import re
import uuid

from django.urls import URLPattern, get_resolver

SAMPLES = {"int": "1", "uuid": str(uuid.UUID(int=1)), "slug": "offer", "str": "winter", "path": "1"}
STEP = "submit"
ARGUMENT = re.compile(r"<(?:(\w+):)?(\w+)>")
PICTURE = f"{'0' * 64}/0-320.webp"
BY_REGEX = {
    "(?P<url>.*)$": "no-such-page/",  # the admin's catch-all
    r"^(?P<name>[0-9a-f]{64}/[0-9]{1,3}-[0-9]{1,5})\.(?P<ending>webp|jpg|png)$": PICTURE,
    r"^(?P<app_label>auth|consent|decisioning|campaigns)/$": "campaigns/",
}


def routes(resolver=None, prefix=""):
    """Yield route, e.g. ``"admin/items/<int:pk>/"``, and address, its arguments filled in, of all that Django serves."""
    for pattern in (resolver or get_resolver()).url_patterns:
        part = str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            # As Django joins them in what it resolves.
            route = prefix + part.removeprefix("^") if prefix else part
            yield route, f"/{_filled(prefix)}{_filled(part)}"
        else:
            yield from routes(pattern, prefix + part)


def _filled(route):
    if "(?P<" in route:
        return BY_REGEX[route]
    return ARGUMENT.sub(
        lambda found: STEP if found[2] == "step" else SAMPLES[found[1] or "str"], route
    )
