"""What an open form asks before it is sent: whether its author is still signed in, and the token to send with it."""

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from campaigns.views.pages import needs


@require_GET
@never_cache
@needs("view_change")
def token(request: HttpRequest) -> HttpResponse:
    return HttpResponse(get_token(request), content_type="text/plain; charset=utf-8")
