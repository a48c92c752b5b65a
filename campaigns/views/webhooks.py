"""The page of webhooks: make one, change it, renew its secret, test it, and see what could not be delivered."""

from typing import Any

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

from campaigns.models import Delivery, Event, Webhook
from campaigns.notifying import webhooks
from campaigns.views.pages import needs, page, user_of

LISTED = 50  # of the newest deliveries


class WebhookForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    url = forms.URLField(
        label=gettext_lazy("Address"),
        max_length=500,
        assume_scheme="https",
        help_text=gettext_lazy("E.g. https://hooks.example/targeting. Redirects are not followed."),
    )
    events = forms.MultipleChoiceField(
        label=gettext_lazy("Events"),
        choices=Event.choices,
        widget=forms.CheckboxSelectMultiple,
    )
    is_active = forms.BooleanField(label=gettext_lazy("Active"), required=False, initial=True)

    def target(self) -> webhooks.Target:
        """Return what was asked for."""
        said = self.cleaned_data
        return webhooks.Target(said["name"], said["url"], said["events"])


@never_cache
@require_http_methods(["GET", "POST"])
@needs("change_webhook")  # an address may hold a token
def overview(request: HttpRequest) -> HttpResponse:
    form = WebhookForm(request.POST or None)
    context: dict[str, Any] = {"form": form}
    may_add = user_of(request).has_perm("campaigns.add_webhook")
    if request.method == "POST" and may_add and form.is_valid():
        try:
            hook, secret = webhooks.make_webhook(
                form.target(), by=user_of(request), now=timezone.now()
            )
            context = {"form": WebhookForm(), "hook": hook, "secret": secret}
        except webhooks.WebhookRefused as error:
            form.add_error("url", str(error))
    return _page(request, context | {"may_add": may_add})


def _page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    deliveries = Delivery.objects.select_related("webhook").order_by("-pk")
    more = {
        "hooks": Webhook.objects.order_by("name", "pk"),
        "dead": deliveries.filter(state=Delivery.State.DEAD)[:LISTED],
        "recent": deliveries.exclude(state=Delivery.State.DEAD)[:LISTED],
        "may_change": user_of(request).has_perm("campaigns.change_webhook"),
    }
    return page(request, "campaigns/webhooks.html", more | context, title=_("Webhooks"))


@never_cache
@require_http_methods(["GET", "POST"])
@needs("change_webhook")
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    hook = get_object_or_404(Webhook, pk=pk)
    initial = {name: getattr(hook, name) for name in ("name", "url", "events", "is_active")}
    form = WebhookForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            active = form.cleaned_data["is_active"]
            webhooks.change_webhook(hook, form.target(), is_active=active)
            messages.success(request, _("Saved."))
            return HttpResponseRedirect(reverse("admin:rtts-webhooks"))
        except webhooks.WebhookRefused as error:
            form.add_error("url", str(error))
    return page(request, "campaigns/webhook.html", {"form": form, "hook": hook}, title=hook.name)


@never_cache
@require_POST
@needs("change_webhook")
def rotate(request: HttpRequest, pk: int) -> HttpResponse:
    hook = get_object_or_404(Webhook, pk=pk)
    secret = webhooks.rotate(hook, now=timezone.now())
    return _page(request, {"form": WebhookForm(), "hook": hook, "secret": secret, "may_add": True})


@require_POST
@needs("change_webhook")
def test(request: HttpRequest, pk: int) -> HttpResponse:
    webhooks.send_test(get_object_or_404(Webhook, pk=pk), now=timezone.now())
    messages.success(request, _("A test is on its way; its result is shown below in a moment."))
    return HttpResponseRedirect(reverse("admin:rtts-webhooks"))


@require_POST
@needs("delete_webhook")
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    get_object_or_404(Webhook, pk=pk).delete()
    messages.success(request, _("Removed."))
    return HttpResponseRedirect(reverse("admin:rtts-webhooks"))


@require_POST
@needs("change_webhook")
def again(request: HttpRequest, pk: int) -> HttpResponse:
    webhooks.send_again(get_object_or_404(Delivery, pk=pk), now=timezone.now())
    messages.success(request, _("It is tried again."))
    return HttpResponseRedirect(reverse("admin:rtts-webhooks"))
