"""What a page asks while a value is chosen: the values that people have been seen with."""

import re
from collections.abc import Callable
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from campaigns.rule_builder.suggestions import Seen, may_suggest, seen_in_events, seen_in_profiles
from campaigns.views.pages import needs
from decisioning.rules.catalogue import Catalogue
from rtts_site.foundation.redis_clients import Down, redis_client

_INPUT: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,90}", re.ASCII)


def make_values_view(
    catalogue: Callable[[Any], Catalogue],
) -> Callable[[HttpRequest], HttpResponse]:
    """Return the view of values seen so far, as options of a list or as buttons."""

    def values(request: HttpRequest) -> HttpResponse:
        into = request.GET.get("into", "")
        as_buttons = request.GET.get("as") == "buttons"
        if as_buttons and not _INPUT.fullmatch(into):
            raise Http404(_("There is no such input."))
        seen, trouble = _seen(request, catalogue(request.user))
        context = {"seen": seen, "trouble": trouble, "into": into, "as_buttons": as_buttons}
        return render(request, "rule_builder/values.html", context)

    return require_GET(needs("view_change")(values))


def _seen(request: HttpRequest, catalogue: Catalogue) -> tuple[Seen, bool]:
    """Return the values, and whether the store did not answer."""
    event = request.GET.get("event", "")
    known = catalogue.events.get(event) if event else None
    inside = catalogue.within(known) if known else Catalogue()
    spec = (inside if event else catalogue).attributes.get(request.GET.get("key", ""))
    if spec is None or not may_suggest(spec):
        raise Http404(_("No values are shown of this."))
    try:
        if event:
            return seen_in_events(redis_client(), event, spec.key, now=timezone.now()), False
        return seen_in_profiles(redis_client(), spec.key), False
    except Down:
        return [], True
