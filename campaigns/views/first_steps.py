"""The page to start from: a checklist, and starter packs."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from campaigns import first_steps
from campaigns.models.items import PROXIES, Kind
from campaigns.packs.pack import Pack
from campaigns.packs.shelf import PACKS, NothingNew, contents, unpack
from campaigns.views.pages import REFUSALS, needs, page, user_of


@require_GET
@needs("view_change")
def start(request: HttpRequest) -> HttpResponse:
    context = {"steps": first_steps.steps(), "packs": [_told(pack) for pack in PACKS.values()]}
    return page(request, "campaigns/first_steps.html", context, title=_("Getting started"))


@require_POST
@needs("submit_change")
def take_pack(request: HttpRequest, key: str) -> HttpResponse:
    pack = PACKS.get(key)
    if pack is None:
        raise Http404(_("There is no such pack."))
    try:
        unpacked = unpack(pack, author=user_of(request), now=timezone.now())
    except (NothingNew, *REFUSALS) as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:rtts-start"))
    said = ngettext("%(count)d draft was added.", "%(count)d drafts were added.", unpacked.added)
    messages.success(request, said % {"count": unpacked.added})
    if unpacked.kept:
        kept = ngettext(
            "%(count)d thing with the same key was left as it is.",
            "%(count)d things with the same keys were left as they are.",
            len(unpacked.kept),
        )
        messages.warning(request, kept % {"count": len(unpacked.kept)})
    return HttpResponseRedirect(reverse("admin:rtts-change", args=[unpacked.change.pk]))


def _told(pack: Pack) -> dict[str, Any]:
    counts = contents(pack)
    return {
        "pack": pack,
        "counts": [(_plural(kind), count) for kind, count in counts.items()],
        "segments": [one.name for one in pack.segments],
        "events": [one.name for one in pack.event_types],
    }


def _plural(kind: Kind) -> str:
    return str(PROXIES[kind]._meta.verbose_name_plural)
