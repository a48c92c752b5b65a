"""The page on which all that is known of one person stands; who reads it is recorded."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from campaigns import people_reading
from campaigns.forms.people import PersonForm
from campaigns.person_links import PARAMETER, person_behind
from campaigns.views.pages import needs, page, user_of
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


def _linked(request: HttpRequest) -> str:
    """Return whom a link from another page means; "" once it is forgotten."""
    try:
        return person_behind(redis_client(), request.GET[PARAMETER])
    except Down:
        return ""
