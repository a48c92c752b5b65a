"""The pages of the demo shop, and what its panel shows about the visitor; here only with the demo data."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from campaigns.demo.catalogue import OFFERS, PERSONALISATION
from campaigns.demo.shelf import BY_ID, BY_SLUG, SHELVES
from campaigns.demo.welcome import FILE
from consent.people import Identifier, person_id
from decisioning.api.process import this_process
from decisioning.profiles.somebody import Judge, all_reads, judges, load_somebody
from decisioning.rules.truth import Truth
from rtts_site.foundation import web_sdk
from rtts_site.foundation.redis_clients import Down, redis_client

PURPOSES: Final = (PERSONALISATION, OFFERS)  # that the banner asks about
ASK: Final = (
    "The demo shop comes with the demo data: run `manage.py rtts_demo` while the product is up."
)


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    return _page(request, "shop/front.html", "Welcome")


@require_safe
def department(request: HttpRequest, slug: str) -> HttpResponse:
    shelf = BY_SLUG.get(slug)
    if shelf is None:
        raise Http404("The shop has no such department.")
    return _page(request, "shop/department.html", shelf.name, shelf=shelf)


@require_safe
def product(request: HttpRequest, number: str) -> HttpResponse:
    found = BY_ID.get(number)
    if found is None:
        raise Http404("The shop has no such product.")
    return _page(request, "shop/product.html", found.name, product=found)


@require_safe
def basket(request: HttpRequest) -> HttpResponse:
    return _page(request, "shop/basket.html", "Your basket")


@require_safe
def checkout(request: HttpRequest) -> HttpResponse:
    return _page(request, "shop/checkout.html", "Checkout")


def _page(request: HttpRequest, template: str, title: str, **more: Any) -> HttpResponse:
    key = browser_key()
    sdk = {"sdk": web_sdk.address(), "integrity": web_sdk.load_script().integrity}
    context = {"title": title, "shelves": SHELVES, "key": key, "purposes": " ".join(PURPOSES)}
    return render(request, template, context | sdk | more)


def browser_key() -> str:
    """Return the shop's key, which every visitor may see.

    Raises:
        Http404: there is no demo here.
    """
    key = _left().get("browser_key")
    if key is None:
        raise Http404(ASK)
    return str(key)


def is_open() -> bool:
    """Return whether the shop is here to be visited."""
    return "browser_key" in _left()


def _left() -> dict[str, Any]:
    path = Path(settings.RTTS_VAR) / FILE
    return dict(json.loads(path.read_text())) if path.exists() else {}


@never_cache
@require_safe
def visitor(request: HttpRequest) -> HttpResponse:
    """Answer with the segments that a visitor is in; who it is stands in a header, for addresses are logged."""
    browser_key()
    anonymous = request.headers.get("X-Anonymous-Id", "")
    if not 0 < len(anonymous) <= 200:
        return JsonResponse({"detail": "Send X-Anonymous-Id."}, status=422)
    try:
        return JsonResponse({"segments": _segments_of(anonymous)})
    except Down:
        return JsonResponse({"detail": "The profile store does not answer."}, status=503)


def _segments_of(anonymous: str) -> list[str]:
    held, now = this_process().holder.current.held, timezone.now().timestamp()
    if held is None:
        return []
    person = person_id(Identifier("anonymous", anonymous), pepper=settings.RTTS_PEPPER)
    found = _segments(held.digest)
    one = load_somebody(redis_client(), person, all_reads(judge for _, judge in found))
    return [name for name, judge in found if judge.truth(one, now) is Truth.TRUE]


@lru_cache(maxsize=1)
def _segments(digest: str) -> tuple[tuple[str, Judge], ...]:
    """Return segments by name, ready to be judged."""
    held = this_process().holder.current.held
    if held is None or held.digest != digest:
        return ()
    found = judges(held.release.segments, held.catalogue)
    return tuple((one.name, found[one.key]) for one in held.release.segments if one.key in found)
