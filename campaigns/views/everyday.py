"""Small steps on one thing or one list: copy, tag, keep a filter, choose columns."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import cloning, drafts, saved_lists, tags
from campaigns.linking import url_of
from campaigns.models import PROXIES, Item
from campaigns.views.pages import REFUSALS, attempt, needs, text_of, user_of


def _thing(request: HttpRequest, pk: int, verb: str) -> Item:
    item = get_object_or_404(Item.objects.select_related("live_revision"), pk=pk)
    name = PROXIES[item.kind]._meta.model_name
    if not user_of(request).has_perm(f"campaigns.{verb}_{name}"):
        raise PermissionDenied(_("Your role does not edit this."))
    return item


@require_POST
@needs("change_change")
def clone(request: HttpRequest, pk: int) -> HttpResponse:
    item, user, now = _thing(request, pk, "add"), user_of(request), timezone.now()
    try:
        change = drafts.ensure_change(user, now=now)
        revision = cloning.clone(item, change=change, author=user, now=now)
    except REFUSALS as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(url_of(item))
    messages.success(request, _("This is the copy: a draft with a key of its own."))
    return HttpResponseRedirect(url_of(Item.objects.get(pk=revision.item_id)))


@require_POST
@needs("change_change")
def tag(request: HttpRequest, pk: int) -> HttpResponse:
    item = _thing(request, pk, "change")
    try:
        tags.set_tags(item, tags.read_tags(text_of(request, "tags", most=2000)))
    except (tags.TagRefused, *REFUSALS) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Tags saved. They need no review."))
    return HttpResponseRedirect(url_of(item))


def list_admin(request: HttpRequest, label: str) -> tuple[str, "ModelAdmin[Any]"]:
    """Return the address of a list that this user may open, and its admin."""
    for model, model_admin in admin.site._registry.items():
        if model._meta.label_lower == label:
            if not model_admin.has_view_permission(request):
                raise PermissionDenied(_("Your role does not open this list."))
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
            return reverse(name), model_admin
    raise Http404(_("There is no such list."))


@require_POST
@needs("view_change")
def keep_filter(request: HttpRequest, label: str) -> HttpResponse:
    url, _admin = list_admin(request, label)
    query = _asked_before(request)

    def keep() -> None:
        saved_lists.save_filter(
            user_of(request),
            model=label,
            name=text_of(request, "name", most=60),
            query=query,
            on_home="on_home" in request.POST,
            now=timezone.now(),
        )

    try:
        return attempt(request, keep, done=_("Kept."), to=f"{url}?{query}")
    except saved_lists.NotKept as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(f"{url}?{query}")


@require_POST
@needs("view_change")
def edit_filter(request: HttpRequest, label: str, pk: int) -> HttpResponse:
    url, _admin = list_admin(request, label)
    if "drop" in request.POST:
        saved_lists.drop_filter(user_of(request), pk)
    else:
        saved_lists.pin_filter(user_of(request), pk, on_home="on_home" in request.POST)
    return HttpResponseRedirect(url)


@require_POST
@needs("view_change")
def choose_columns(request: HttpRequest, label: str) -> HttpResponse:
    url, model_admin = list_admin(request, label)
    known = [name for name, _words in getattr(model_admin, "choosable", ())]
    chosen = [name for name in known if name in request.POST.getlist("columns")]
    saved_lists.save_columns(user_of(request), model=label, columns=chosen)
    return HttpResponseRedirect(f"{url}?{_asked_before(request)}")


def _asked_before(request: HttpRequest) -> str:
    """Return what the list was asked before the step, to come back to it; more than fits is no filter to keep."""
    return request.POST.get("query", "").replace("\0", "")[:4000]
