"""The page on which channels get their keys: make, rotate, revoke, and a line to paste."""

from datetime import UTC, datetime
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from campaigns.candidates import candidate_of
from campaigns.forms.fields import LabelledForm, LinesField, choices
from campaigns.models.items import Kind
from campaigns.views import shop
from campaigns.views.pages import needs, page, user_of
from rtts_site.foundation import web_sdk
from rtts_site.foundation.api_keys import SCOPES
from rtts_site.foundation.api_keys import Kind as KeyKind
from rtts_site.foundation.key_issuing import KeyIssueError, Reach, issue, last_uses, revoke, rotate
from rtts_site.foundation.models import ApiKey
from rtts_site.foundation.redis_clients import Down, redis_client

AWAY = gettext_lazy(
    "Redis does not answer now, so no process would know the key. Try again shortly."
)


class KeyForm(LabelledForm):
    name = forms.CharField(max_length=100, help_text=gettext_lazy("Who uses it, e.g. “Web shop”."))
    kind = forms.ChoiceField(
        choices=[
            ("secret", gettext_lazy("For servers: secret")),
            ("browser", gettext_lazy("For browsers: visible to visitors")),
        ]
    )
    scopes = forms.MultipleChoiceField(
        choices=[(scope, gettext_lazy(words)) for scope, words in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
        initial=["decisions", "events"],
        help_text=gettext_lazy(
            "A browser key may ask for decisions, send events and record its visitor’s consent only."
        ),
    )
    origins = LinesField(
        required=False,
        help_text=gettext_lazy("Of a browser key, one per line, e.g. https://shop.example."),
    )
    placements = forms.MultipleChoiceField(
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 5}),
        help_text=gettext_lazy("Of a browser key; none chosen: all."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places = choices(candidate_of(None).bodies, Kind.PLACEMENT)
        self.fields["placements"].choices = places  # type: ignore[attr-defined]  # a ChoiceField


@never_cache
@require_http_methods(["GET", "POST"])
@needs("foundation.view_apikey")
def connect(request: HttpRequest) -> HttpResponse:
    form = KeyForm(request.POST or None)
    context: dict[str, Any] = {"form": form, "may_add": _may(request, "add")}
    if request.method == "POST" and context["may_add"] and form.is_valid():
        said = form.cleaned_data
        try:
            context["key"], context["secret"] = issue(
                redis_client(),
                said["name"],
                scopes=said["scopes"],
                kind=cast("KeyKind", said["kind"]),
                reach=Reach(said["origins"], said["placements"]),
                issued_by=user_of(request),
            )
            context["form"] = KeyForm()
        except KeyIssueError as error:
            form.add_error(None, str(error))
        except Down:
            form.add_error(None, AWAY)
    return _connect_page(request, context)


def _connect_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    used = _last_uses()
    rows = [
        {"key": key, "used": used.get(str(key.id))}
        for key in ApiKey.objects.order_by("-created_at")
    ]
    placement = next(iter(choices(candidate_of(None).bodies, Kind.PLACEMENT)), ("web.home", ""))[0]
    address = request.build_absolute_uri("/").rstrip("/")
    more = {"rows": rows, "address": address, "placement": placement, "now": timezone.now()}
    more |= {"may_change": _may(request, "change"), "tag": _tag(address, context)}
    more |= {"has_shop": shop.is_open()}
    return page(request, "campaigns/connect.html", more | context, title=_("Connect a channel"))


def _tag(address: str, context: dict[str, Any]) -> str:
    """Return the line that puts the web SDK into a page, with the key if it was just made."""
    is_new = "key" in context and context["key"].kind == "browser"
    return web_sdk.tag(address, context["secret"] if is_new else "YOUR_BROWSER_KEY")


def _may(request: HttpRequest, verb: str) -> bool:
    return user_of(request).has_perm(f"foundation.{verb}_apikey")


def _last_uses() -> dict[str, datetime]:
    try:
        return {
            key: datetime.fromtimestamp(seconds, UTC)
            for key, seconds in last_uses(redis_client()).items()
        }
    except Down:
        return {}


@never_cache
@require_POST
@needs("foundation.change_apikey")
def rotate_key(request: HttpRequest, pk: str) -> HttpResponse:
    key = get_object_or_404(ApiKey, pk=pk)
    try:
        successor, secret = rotate(
            redis_client(), key, now=timezone.now(), issued_by=user_of(request)
        )
    except (KeyIssueError, *Down) as error:
        messages.error(request, str(error) if isinstance(error, KeyIssueError) else AWAY)
        return HttpResponseRedirect(reverse("admin:rtts-connect"))
    context = {"form": KeyForm(), "key": successor, "secret": secret, "may_add": True}
    return _connect_page(request, context)


@require_POST
@needs("foundation.change_apikey")
def revoke_key(request: HttpRequest, pk: str) -> HttpResponse:
    key = get_object_or_404(ApiKey, pk=pk)
    try:
        revoke(redis_client(), key, now=timezone.now())
    except Down:
        messages.error(request, AWAY)
    else:
        messages.success(
            request, _("{name} is revoked; it is refused within 5 seconds.").format(name=key.name)
        )
    return HttpResponseRedirect(reverse("admin:rtts-connect"))
