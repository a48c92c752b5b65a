"""The page on which all that is known of one person stands; who reads it is recorded."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import people_reading
from campaigns.forms.people import PartForm, PersonForm
from campaigns.person_links import PARAMETER, person_behind
from campaigns.views.pages import needs, page, user_of
from consent.parting import ErasedError
from decisioning.ingestion.parting import NotMerged, begin_parting, merge_of
from rtts_site.foundation.redis_clients import Down, redis_client


@never_cache
@require_http_methods(["GET", "POST"])
@needs("consent.view_person")
def people_page(request: HttpRequest) -> HttpResponse:
    data: Any = request.POST if request.method == "POST" else None
    if PARAMETER in request.GET and data is None:
        data = {"person": _linked(request)}
    form = PersonForm(data)
    context: dict[str, Any] = {"form": form}
    if form.is_bound and form.is_valid():
        try:
            context["known"] = people_reading.read_person(
                redis_client(),
                form.cleaned_data["person"].id,
                reader=user_of(request).get_username(),
                now=timezone.now(),
            )
        except Down:
            form.add_error(None, _("The profile store does not answer now; try again shortly."))
    return page(request, "campaigns/people.html", context, title=_("One person"))


@require_POST
@needs("consent.add_parting")
def part_people(request: HttpRequest) -> HttpResponse:
    """Undo a merge that was a mistake; who did it and why is kept."""
    form = PartForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say why the two are not the same person."))
        return redirect("admin:rtts-people")
    by, now = user_of(request).get_username(), timezone.now()
    try:
        client = redis_client()
        merged = merge_of(client, form.cleaned_data["person"].id)
        begin_parting(client, merged, by=by, why=form.cleaned_data["why"], now=now)
    except NotMerged:
        messages.error(request, _("This identifier was not joined with another."))
    except ErasedError:
        messages.error(
            request,
            _(
                "One of the two was erased: nothing is known of who they were; nothing can be parted."
            ),
        )
    except Down:
        messages.error(request, _("The profile store does not answer now; try again shortly."))
    else:
        messages.success(
            request, _("They are being parted. Until that is done neither gets personal offers.")
        )
    return redirect("admin:rtts-people")


def _linked(request: HttpRequest) -> str:
    """Return whom a link from another page means; "" once it is forgotten."""
    try:
        return person_behind(redis_client(), request.GET[PARAMETER])
    except Down:
        return ""
