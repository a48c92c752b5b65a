"""The library of pictures, and the picture of a form: upload, watch it being prepared, choose, remove."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from campaigns.candidates import candidate_of
from campaigns.drafts import current_change
from campaigns.forms.content import picture_context
from campaigns.images import library, limits
from campaigns.images.reading import NotAPicture
from campaigns.images.serving import preview_url
from campaigns.models import Picture
from campaigns.models.items import Kind
from campaigns.views.pages import needs, page, user_of
from decisioning.content.pictures import DIGEST
from rtts_site.foundation.language import told

PAGE = 48
RECENT = 30


@require_http_methods(["GET", "POST"])
@needs("view_picture")
def pictures(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _upload(request)
    only_unused = request.GET.get("unused") == "1"
    used = library.used()
    rows = Picture.objects.select_related("uploaded_by").order_by("-uploaded_at", "-pk")
    if only_unused:
        rows = rows.exclude(sha256__in=used)
    shown = Paginator(rows, PAGE).get_page(request.GET.get("p"))
    entries = [(one, preview_url(one), one.sha256 in used) for one in shown]
    context = {"entries": entries, "page": shown, "only_unused": only_unused, "limits": limits}
    return page(request, "campaigns/pictures.html", context, title=_("Pictures"))


@needs("add_picture")
def _upload(request: HttpRequest) -> HttpResponse:
    picture, problem = _taken_in(request, "picture")
    if picture is None:
        messages.error(request, problem)
    else:
        messages.success(request, _("“%(name)s” is in the library.") % {"name": picture})
    return HttpResponseRedirect(reverse("admin:rtts-pictures"))


def _taken_in(request: HttpRequest, field: str) -> tuple[Picture | None, str]:
    file = request.FILES.get(field)
    if file is None:
        return None, _("Choose a file.")
    if (file.size or 0) > limits.MAX_BYTES:
        most = limits.MAX_BYTES // 1024 // 1024
        return None, _("Use a file of at most %(most)d MB.") % {"most": most}
    placements = candidate_of(current_change(user_of(request))).bodies.items()
    slots = [
        body.get("picture_width", 0) for (kind, _key), body in placements if kind == Kind.PLACEMENT
    ]
    try:
        picture = library.take_in(
            file.read(),
            name=file.name or "",
            by=user_of(request),
            slots=slots,
            now=timezone.now(),
        )
    except NotAPicture as error:
        return None, told(error)
    return picture, ""


@require_http_methods(["GET", "POST"])
@needs("add_picture")
def picture_field(request: HttpRequest, name: str) -> HttpResponse:
    """Answer the picture of one field of a form, after an upload, a choice, or while it is prepared."""
    problem = ""
    if request.method == "POST":
        picture, problem = _taken_in(request, f"{name}-upload")
    else:
        digest = request.GET.get("sha256", "")
        known = Picture.objects.filter(sha256=digest) if DIGEST.fullmatch(digest) else None
        picture = known.first() if known is not None else None
    context = picture_context(name, picture) | {"problem": problem}
    answer = render(request, "campaigns/forms/picture.html", context)
    return trigger_client_event(answer, "picture-changed", after="settle")


@require_POST
@needs("delete_picture")
def remove_picture(request: HttpRequest, pk: int) -> HttpResponse:
    picture = get_object_or_404(Picture, pk=pk)
    try:
        library.remove(picture)
    except library.StillUsed as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("“%(name)s” is removed.") % {"name": picture})
    return HttpResponseRedirect(reverse("admin:rtts-pictures"))
