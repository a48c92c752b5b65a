"""The page on which the members of a segment are exported: ask, watch it go on, take the file."""

from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from campaigns.candidates import candidate_of
from campaigns.forms.fields import LabelledForm, choices, with_blank
from campaigns.models.items import Kind
from campaigns.views.pages import needs, page, user_of
from decisioning.dispatching.exporting import path_of
from decisioning.models import Destination, MemberExport

LISTED = 50
EXPORT = "decisioning.export_members"
NAMESPACES = [
    ("user", gettext_lazy("user id")),
    ("anonymous", gettext_lazy("anonymous id")),
    ("email", gettext_lazy("hash of the e-mail address")),
    ("phone", gettext_lazy("hash of the phone number")),
    ("device", gettext_lazy("device id")),
    ("crm", gettext_lazy("CRM id")),
]


class ExportForm(LabelledForm):
    segment = forms.ChoiceField(label=gettext_lazy("Segment"))
    purpose = forms.ChoiceField(
        label=gettext_lazy("Purpose"),
        help_text=gettext_lazy("Only people who permit it now are in the file."),
    )
    channel = forms.ChoiceField(label=gettext_lazy("Channel"), required=False)
    namespaces = forms.MultipleChoiceField(
        label=gettext_lazy("Identifiers"),
        choices=NAMESPACES,
        initial=["user"],
        widget=forms.CheckboxSelectMultiple,
    )
    format = forms.ChoiceField(
        label=gettext_lazy("Format"),
        choices=[("csv", "CSV"), ("jsonl", "JSON lines")],
    )
    destination = forms.ModelChoiceField(
        Destination.objects.filter(kind=Destination.Kind.WEBHOOK, is_active=True),
        label=gettext_lazy("Post to"),
        required=False,
        help_text=gettext_lazy("A destination gets it in pages. None: a file to take."),
    )
    why = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        help_text=gettext_lazy("Kept with the export, e.g. “Newsletter of March”."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        bodies = candidate_of(None).bodies
        offered = {
            "segment": choices(bodies, Kind.SEGMENT),
            "purpose": choices(bodies, Kind.PURPOSE),
            "channel": with_blank(choices(bodies, Kind.CHANNEL)),
        }
        for name, pairs in offered.items():
            self.fields[name].choices = pairs  # type: ignore[attr-defined]  # a ChoiceField

    def made(self, *, by: Any, now: datetime) -> MemberExport:
        """Return the export that was asked for, saved."""
        said = self.cleaned_data
        return MemberExport.objects.create(
            segment=said["segment"],
            namespaces=said["namespaces"],
            purpose=said["purpose"],
            channel=said["channel"] or "*",
            format=said["format"],
            destination=said["destination"],
            why=said["why"],
            user=by,
            created_at=now,
        )


@never_cache
@require_http_methods(["GET", "POST"])
@needs(EXPORT)
def overview(request: HttpRequest) -> HttpResponse:
    form = ExportForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.made(by=user_of(request), now=timezone.now())
        messages.success(request, _("The export begins in a moment."))
        return HttpResponseRedirect(reverse("admin:rtts-member-exports"))
    rows = MemberExport.objects.select_related("user", "destination").order_by("-pk")[:LISTED]
    context = {"form": form, "rows": rows}
    template = "campaigns/sending/members.html"
    return page(request, template, context, title=_("Export the members of a segment"))


@require_POST
@needs(EXPORT)
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    rows = MemberExport.objects.filter(pk=pk, state__in=MemberExport.OPEN)
    if rows.update(state=MemberExport.State.CANCELLED, done_at=timezone.now()):
        messages.success(request, _("Cancelled."))
    else:
        messages.error(request, _("It had ended already."))
    return HttpResponseRedirect(reverse("admin:rtts-member-exports"))


@never_cache
@require_GET
@needs(EXPORT)
def take(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(MemberExport, pk=pk, state=MemberExport.State.DONE)
    path = path_of(row)
    if row.destination_id or not path.is_file():
        raise Http404(_("There is no file: it was posted, or a week is over."))
    name = f"{row.segment}.{row.format}"
    response = FileResponse(path.open("rb"), as_attachment=True, filename=name)
    return cast("HttpResponse", response)
