"""The page of emergency stops: stop an offer or campaign with one click and a reason, and lift stops."""

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import stopping
from campaigns.models import Item, Stop
from campaigns.publishing import NotPossible
from campaigns.views.pages import needs, number_of, page, text_of, user_of
from rtts_site.foundation.redis_clients import Down, redis_client

LISTED = 50  # of the stops that were lifted


@never_cache
@require_http_methods(["GET", "POST"])
@needs("view_change")
def overview(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _stop(request)
    live = Item.objects.filter(kind__in=stopping.STOPPABLE, live_revision__isnull=False)
    lifted = Stop.objects.exclude(lifted_at=None).select_related("item", "stopped_by", "lifted_by")
    user, asked = user_of(request), request.GET.get("item", "")
    context = {
        "in_force": stopping.stops_in_force(),
        "lifted": lifted.order_by("-lifted_at")[:LISTED],
        "things": live.order_by("kind", "name"),
        "chosen": int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0,
        "may_stop": stopping.may_stop(user),
        "may_lift": user.has_perm("campaigns.approve_change"),
    }
    return page(request, "campaigns/stops.html", context, title=_("Emergency stops"))


def _stop(request: HttpRequest) -> HttpResponse:
    item = get_object_or_404(Item, pk=number_of(request, "item"))

    def step() -> object:
        why = text_of(request, "why", most=500)
        return stopping.stop(item, by=user_of(request), why=why, now=timezone.now())

    done = _("“%(item)s” is stopped everywhere within 2 seconds.") % {"item": item}
    return _taken(request, step, done=done)


@require_POST
@needs("approve_change")
def lift(request: HttpRequest, pk: int) -> HttpResponse:
    stopped = get_object_or_404(Stop.objects.select_related("item"), pk=pk)

    def step() -> object:
        why = text_of(request, "why", most=500)
        return stopping.lift(stopped, by=user_of(request), why=why, now=timezone.now())

    done = _("“%(item)s” runs again within 2 seconds.") % {"item": stopped.item}
    return _taken(request, step, done=done)


def _taken(request: HttpRequest, step: Callable[[], object], *, done: str) -> HttpResponse:
    try:
        step()
        if stopping.push(redis_client()):
            messages.success(request, done)
        else:
            messages.error(request, stopping.not_in_force())
    except (NotPossible, PermissionDenied) as error:
        messages.error(request, str(error))
    except Down:
        words = _("It is recorded, and takes effect as soon as Redis answers again.")
        messages.warning(request, words)
    return HttpResponseRedirect(reverse("admin:rtts-stops"))
