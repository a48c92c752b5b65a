"""The page of what one person was told, and of what they want to be told."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from campaigns.models import Event
from campaigns.notifying import inbox
from campaigns.views.pages import attempt, needs, numbers_of, page, user_of


@never_cache
@require_GET
@needs("view_change")
def notices(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    unread = request.GET.get("show") == "unread"
    muted = inbox.muted_by(user)
    context = {
        "told": inbox.told_to(user, unread=unread),
        "only_unread": unread,
        "events": [(value, label, value not in muted) for value, label in Event.choices],
    }
    return page(request, "campaigns/notices.html", context, title=_("Notifications"))


@require_POST
@needs("view_change")
def read(request: HttpRequest) -> HttpResponse:
    """Mark the named notices as read, all where none is named, and lead on to what one is about."""
    user, named = user_of(request), numbers_of(request, "notice")
    inbox.mark_read(user, named or None, now=timezone.now())
    told = [one for one in inbox.told_to(user) if one.notice.pk in named] if named else []
    return HttpResponseRedirect(told[0].url if told else reverse("admin:rtts-notices"))


@require_POST
@needs("view_change")
def choose(request: HttpRequest) -> HttpResponse:
    wanted = [event for event in request.POST.getlist("event") if event in Event.values]
    return attempt(
        request,
        lambda: inbox.choose(user_of(request), wanted),
        done=_("Your choice is saved."),
        to=reverse("admin:rtts-notices"),
    )
