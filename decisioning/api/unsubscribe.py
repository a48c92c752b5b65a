"""``/v1/unsubscribe/<token>``: where e-mails let people withdraw consent, by a button or in one click.

Source: RFC 8058.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from consent.ledger import StoreUnavailableError
from decisioning.dispatching.unsubscribing import LinkRefused, read_token, unsubscribe

LONGEST = 2_000  # characters of a token


@never_cache
@csrf_exempt  # mail programs post it; the sealed token is what authorises
@require_http_methods(["GET", "POST"])
def unsubscribe_page(request: HttpRequest, token: str) -> HttpResponse:
    """Ask on GET, since programs follow links; withdraw on POST."""
    try:
        link = read_token(token[:LONGEST])
    except LinkRefused:
        return _page(request, "unknown", status=404)
    if request.method == "GET":
        return _page(request, "ask")
    try:
        unsubscribe(link, now=timezone.now())
    except StoreUnavailableError:
        return _page(request, "later", status=503)
    return _page(request, "done")


def _page(request: HttpRequest, state: str, *, status: int = 200) -> HttpResponse:
    return render(request, "decisioning/unsubscribe.html", {"state": state}, status=status)
