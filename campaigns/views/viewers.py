"""The page of an offer that names sampled people who would see it and who just miss it."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from campaigns.drafts import current_change
from campaigns.mapping import Refused
from campaigns.models import Item
from campaigns.models.items import Kind
from campaigns.stages import NothingToTry, staged
from campaigns.viewers import NotOnOffer, Viewers, viewers_of
from campaigns.views.pages import needs, page, user_of
from consent.models import RecordRead
from decisioning.round_trips import RedisUnavailable
from decisioning.rules.compiler import CompileError
from rtts_site.foundation.language import told
from rtts_site.foundation.redis_clients import Down, redis_client


@never_cache
@require_GET
@needs("decisioning.view_decisionrecord")
def viewers(request: HttpRequest, key: str) -> HttpResponse:
    offer = Item.objects.filter(kind=Kind.OFFER, key=key).first() if "\0" not in key else None
    if offer is None:
        raise Http404(_("There is no such offer."))
    change = current_change(user_of(request)) if "mine" in request.GET else None
    context: dict[str, Any] = {"offer": offer, "under": change, "mine": "mine" in request.GET}
    context["current"] = current_change(user_of(request))
    try:
        client = redis_client()
        with staged(client, change) as stage:
            found = viewers_of(client, stage, offer.key, now=timezone.now())
            context |= {"found": found, "stage": stage.name}
        _note_reading(request, found)
    except (NotOnOffer, NothingToTry, Refused, CompileError) as error:
        context["trouble"] = told(error)
    except (*Down, RedisUnavailable):
        context["trouble"] = _("The profile store does not answer now; try again shortly.")
    title = _("Who would see {offer}").format(offer=offer.name)
    return page(request, "campaigns/viewers.html", context, title=title)


def _note_reading(request: HttpRequest, found: Viewers) -> None:
    reader, now = user_of(request).get_username(), timezone.now()
    RecordRead.objects.bulk_create(
        RecordRead(person=one.person, reader=reader, what="viewers of an offer", read_at=now)
        for one in (*found.would, *found.just_miss)
    )
