"""The only place that lets an author choose between what they typed and what a colleague saved meanwhile."""

from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _

CHOICE = "_take"  # "theirs" or "mine"
KEPT = "_kept"  # what was typed, while theirs is shown
_SALT = "rtts.both-versions"


class ChoosesVersion:
    """Comes before a ModelAdmin: taking theirs keeps what was typed in the page, to be brought back."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        more = dict(extra_context or {})
        choice = request.POST.get(CHOICE, "")
        if choice == "theirs":
            more["kept"] = pack(request.POST)
            request.POST = QueryDict()
            request.method = "GET"
        elif choice == "mine":
            typed = unpack(request.POST.get(KEPT, ""))
            if typed is None:
                messages.error(request, _("What you typed cannot be brought back from this page."))
                request.method = "GET"
            request.POST = typed or QueryDict()  # type: ignore[assignment]  # immutable or not
        answer: HttpResponse = super().changeform_view(  # type: ignore[misc]  # of the ModelAdmin
            request, object_id, form_url, more
        )
        return answer


def pack(typed: QueryDict) -> str:
    """Return what was typed as one signed value of the page."""
    kept = typed.copy()
    for name in (CHOICE, KEPT, "csrfmiddlewaretoken"):
        kept.pop(name, None)
    return signing.dumps(kept.urlencode(), salt=_SALT, compress=True)


def unpack(signed: str) -> QueryDict | None:
    """Return what was typed, as of a version that is no longer the newest: both are compared again."""
    try:
        typed = QueryDict(signing.loads(signed, salt=_SALT), mutable=True)
    except signing.BadSignature:
        return None
    typed["seen"] = ""
    return typed
