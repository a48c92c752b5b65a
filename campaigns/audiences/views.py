"""Pages and fragments about how many people a condition finds: exact counts, and the history of what is live."""

import re
from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseStopPolling

from campaigns.audiences import exact
from campaigns.audiences.history import KINDS, history_of
from campaigns.models import ExactCount, Item
from campaigns.rule_builder.translation import check, write_condition
from campaigns.rule_builder.widgets import Posted, without
from campaigns.views.pages import needs, page, user_of
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.compiler import CompileError
from decisioning.rules.conditions import parse

FRAGMENT: Final = "campaigns/audiences/exact.html"
NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)  # of a builder


def make_ask_view(catalogue: Callable[[Any], Catalogue]) -> Callable[[HttpRequest], HttpResponse]:
    """Return the view that asks for an exact count of a builder's draft, over a user's catalogue."""

    @require_POST
    @needs("view_change")
    def ask(request: HttpRequest) -> HttpResponse:
        name = request.POST.get("rb", "")
        posted = Posted.of(request.POST, name) if NAME.fullmatch(name) else None
        if posted is None or posted.error:
            return _refusal(posted.error if posted else _("Reload the page and try again."))
        known = without(catalogue(request.user), request.POST.get(f"{name}-exclude", ""))
        written = write_condition(posted.tree, known)
        if check(written, known):
            return _refusal(_("Finish the rule first."))
        try:
            tree = parse(written.condition, known)
            count = exact.ask(tree, by=user_of(request), now=timezone.now())
        except (exact.TooMany, CompileError) as error:
            return _refusal(str(error))
        return render(request, FRAGMENT, _told(count, name=name))

    return ask


def _refusal(words: str) -> HttpResponse:
    return HttpResponse(words, status=422, content_type="text/plain; charset=utf-8")


@require_GET
@needs("view_change")
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer the poll of an exact count; 286 ends it."""
    count = get_object_or_404(ExactCount.objects.select_related("job"), pk=pk)
    response = render(request, FRAGMENT, _told(count, name=_name(request.GET)))
    return HttpResponseStopPolling(response.content) if count.job.is_over else response


@require_POST
@needs("view_change")
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    count = get_object_or_404(ExactCount.objects.select_related("job"), pk=pk)
    exact.cancel(count)
    count.job.refresh_from_db()
    return render(request, FRAGMENT, _told(count, name=_name(request.POST)))


def _name(sent: Any) -> str:
    name = str(sent.get("name", ""))
    return name if NAME.fullmatch(name) else ""


def _told(count: ExactCount, *, name: str) -> dict[str, Any]:
    """Return what the fragment shows; with a `name` it can be asked again from the builder of that name."""
    return {"exact": count, "name": name}


@require_GET
@needs("view_change")
def history(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how many people a segment or offer found over time; a part of its form, or a page."""
    item = get_object_or_404(Item, pk=pk, kind__in=[kind.value for kind in KINDS])
    context = {"item": item, "history": history_of(item)}
    if request.headers.get("HX-Request"):
        return render(request, "campaigns/audiences/history.html", context)
    title = _("People found by %(name)s") % {"name": item}
    return page(request, "campaigns/audiences/page.html", context, title=title)
