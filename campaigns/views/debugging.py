"""The page of the event debugger: what one source sends, live."""

import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from campaigns.incoming import masking
from campaigns.incoming.debugged import Row, Teller
from campaigns.incoming.sources import senders
from campaigns.views.pages import needs, page, user_of
from decisioning.observing import debugging
from rtts_site.foundation.redis_clients import Down, redis_client

TIMEOUT_MS = 2_000
WHAT = "event debugger"
CURSOR = re.compile(r"\d{1,15}(-\d{1,10})?")


@never_cache
@require_GET
@needs("foundation.view_apikey")
def debugger(request: HttpRequest) -> HttpResponse:
    sources, asked = senders(), request.GET.get("source", "")
    chosen = asked if asked in dict(sources) else ""
    context: dict[str, Any] = {"sources": sources, "chosen": chosen}
    if chosen:
        context |= _look(request, chosen, since="", with_earlier=True)
    return page(request, "campaigns/incoming/debugger.html", context, title=_("Event debugger"))


@never_cache
@require_GET
@needs("foundation.view_apikey")
def debugger_rows(request: HttpRequest, source: str) -> HttpResponse:
    since = request.GET.get("since", "")
    context = _look(request, source, since=since if CURSOR.fullmatch(since) else "")
    return TemplateResponse(request, "campaigns/incoming/debugger_rows.html", context)


def _look(
    request: HttpRequest, source: str, *, since: str, with_earlier: bool = False
) -> dict[str, Any]:
    """Watch a source, and return what is new of it."""
    user, now = user_of(request), timezone.now()
    plain = masking.may_read(user)
    context: dict[str, Any] = {"source": source, "since": since, "plain": plain}
    try:
        client = redis_client(timeout_ms=TIMEOUT_MS)
        debugging.watch(client, source[:100], now=now.timestamp())
        teller = Teller(client, plain=plain)
        rows = teller.rows(source, since=since, now=now)
        earlier = teller.earlier(source, now=now) if with_earlier else []
        if plain:
            _note(client, [*rows, *earlier], request)
    except Down:
        return context | {"problem": _("Redis does not answer; this page goes on when it does.")}
    context |= {"rows": rows, "earlier": earlier}
    return context | {"since": rows[0].key if rows else since}


def _note(client: Any, rows: list[Row], request: HttpRequest) -> None:
    persons = [one.person for one in rows if one.person]
    masking.note_reading(client, persons, reader=user_of(request), what=WHAT, now=timezone.now())
