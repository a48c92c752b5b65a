"""The pages of destinations: make one, change it, test it, and see what was sent, what waits and what was given up."""

from dataclasses import fields
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from campaigns.candidates import candidate_of
from campaigns.forms.fields import LabelledForm, choices
from campaigns.models.items import Kind
from campaigns.views.pages import needs, page, user_of
from decisioning.dispatching import destinations
from decisioning.models import Destination, Sending, Wanted
from rtts_site.foundation.posting import PAUSES

LISTED = 50  # of the newest sendings
CHANGE = "decisioning.change_destination"  # an address may hold a token


class DestinationForm(LabelledForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    key = forms.SlugField(
        label=gettext_lazy("Key"),
        max_length=60,
        help_text=gettext_lazy("Triggers name it by this, e.g. “crm”. It never changes."),
    )
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=Destination.Kind.choices)
    url = forms.URLField(
        label=gettext_lazy("Address"),
        max_length=500,
        required=False,
        assume_scheme="https",
        help_text=gettext_lazy("Of a webhook, e.g. https://hooks.example/crm."),
    )
    wants = forms.MultipleChoiceField(
        label=gettext_lazy("Is told"),
        choices=Wanted.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Nothing: only what triggers send to it."),
    )
    segments = forms.MultipleChoiceField(
        label=gettext_lazy("Of these segments"),
        required=False,
        help_text=gettext_lazy("None: of all."),
    )
    purposes = forms.MultipleChoiceField(
        label=gettext_lazy("Only with consent for"),
        required=False,
        help_text=gettext_lazy(
            "Who is told of has to permit all of them when it is sent. None: it is told of everybody, "
            "also of people who withdrew. Changes of consent are always told."
        ),
    )
    share = forms.FloatField(
        label=gettext_lazy("Share of decisions"),
        min_value=0.0001,
        max_value=1,
        initial=1,
        help_text=gettext_lazy("1 is every decision; 0.01 is one of a hundred."),
    )
    sender = forms.EmailField(
        label=gettext_lazy("Sender"),
        required=False,
        help_text=gettext_lazy("Of e-mails, e.g. shop@example.com."),
    )
    recipient = forms.CharField(
        label=gettext_lazy("Attribute with the address"),
        max_length=100,
        initial="email",
        help_text=gettext_lazy("Of the person's profile; it has to allow the trigger's purposes."),
    )
    is_active = forms.BooleanField(label=gettext_lazy("Active"), required=False, initial=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        bodies = candidate_of(None).bodies
        for name, kind in (("segments", Kind.SEGMENT), ("purposes", Kind.PURPOSE)):
            self.fields[name].choices = choices(bodies, kind)  # type: ignore[attr-defined]  # a ChoiceField

    def target(self) -> destinations.Target:
        """Return what was asked for."""
        said = self.cleaned_data
        return destinations.Target(
            **{one.name: said[one.name] for one in fields(destinations.Target)}
        )


@never_cache
@require_http_methods(["GET", "POST"])
@needs(CHANGE)
def overview(request: HttpRequest) -> HttpResponse:
    form = DestinationForm(request.POST or None)
    context: dict[str, Any] = {"form": form}
    may_add = user_of(request).has_perm("decisioning.add_destination")
    if request.method == "POST" and may_add and form.is_valid():
        try:
            row, secret = destinations.make_destination(
                form.cleaned_data["key"], form.target(), by=user_of(request), now=timezone.now()
            )
            context = {"form": DestinationForm(), "destination": row, "secret": secret}
        except destinations.DestinationRefused as error:
            form.add_error(error.field, str(error))
    return _page(request, context | {"may_add": may_add})


def _page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    waiting = Count("sendings", filter=Q(sendings__state=Sending.State.WAITING))
    dead = Count("sendings", filter=Q(sendings__state=Sending.State.DEAD))
    more = {"rows": Destination.objects.annotate(waiting=waiting, dead=dead).order_by("name", "pk")}
    template = "campaigns/sending/destinations.html"
    return page(request, template, more | context, title=_("Destinations"))


@never_cache
@require_http_methods(["GET", "POST"])
@needs(CHANGE)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Destination, pk=pk)
    initial = {name: getattr(row, name) for name in DestinationForm.base_fields}
    form = DestinationForm(request.POST or None, initial=initial)
    form.fields["key"].disabled = True
    if request.method == "POST" and form.is_valid():
        try:
            active = form.cleaned_data["is_active"]
            destinations.change_destination(row, form.target(), is_active=active)
            messages.success(request, _("Saved."))
            return _back(row)
        except destinations.DestinationRefused as error:
            form.add_error(error.field, str(error))
    return _one(request, row, {"form": form})


def _one(request: HttpRequest, row: Destination, context: dict[str, Any]) -> HttpResponse:
    sendings = Sending.objects.filter(destination=row).order_by("-pk")
    lost = (Sending.State.DEAD, Sending.State.HANDED)
    more = {
        "destination": row,
        "dead": sendings.filter(state__in=lost)[:LISTED],
        "recent": sendings.exclude(state__in=lost)[:LISTED],
        "pauses": PAUSES,
    }
    return page(request, "campaigns/sending/destination.html", more | context, title=row.name)


def _back(row: Destination) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:rtts-destination", args=[row.pk]))


@never_cache
@require_POST
@needs(CHANGE)
def rotate(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Destination, pk=pk)
    secret = destinations.rotate(row, now=timezone.now())
    may_add = user_of(request).has_perm("decisioning.add_destination")
    context = {"form": DestinationForm(), "destination": row, "secret": secret}
    return _page(request, context | {"may_add": may_add})


@require_POST
@needs(CHANGE)
def test(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Destination, pk=pk)
    if row.kind == Destination.Kind.EMAIL:
        messages.error(request, _("An e-mail goes to somebody: let a trigger send it."))
    else:
        destinations.send_sample(row, now=timezone.now())
        messages.success(request, _("A sample is on its way; its result is shown in a moment."))
    return _back(row)


@require_POST
@needs("decisioning.delete_destination")
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Destination, pk=pk)
    users = [
        body.get("name") or key
        for (kind, key), body in candidate_of(None).bodies.items()
        if kind == Kind.TRIGGER and body.get("destination") == row.key
    ]
    if users:
        words = _("The trigger “%s” sends to it: change that first.")
        messages.error(request, words % users[0])
        return _back(row)
    row.delete()
    messages.success(request, _("Removed."))
    return HttpResponseRedirect(reverse("admin:rtts-destinations"))


@require_POST
@needs(CHANGE)
def again(request: HttpRequest, pk: int) -> HttpResponse:
    sending = get_object_or_404(Sending, pk=pk)
    if destinations.send_again(sending, now=timezone.now()):
        messages.success(request, _("It is tried again."))
    else:
        messages.error(request, _("It was not given up."))
    return _back(sending.destination)
