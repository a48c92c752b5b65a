"""The form in which a preview is asked for."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.forms.people import PersonField
from campaigns.previews import Asked

LASTS = [
    ("1", _("1 hour")),
    ("24", _("1 day")),
    ("72", _("3 days")),
    ("168", _("7 days")),
]


class PreviewForm(forms.Form):
    note = forms.CharField(
        label=_("For whom"), max_length=80, required=False, help_text=_("e.g. Design team.")
    )
    lasts = forms.TypedChoiceField(label=_("Ends after"), choices=LASTS, coerce=int, initial="24")
    address = forms.CharField(
        label=_("Page of the channel"),
        max_length=500,
        required=False,
        widget=forms.URLInput,
        help_text=_("Its address, e.g. https://shop.example/; the link then leads there."),
    )
    person = PersonField(required=False, label=_("Only for"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].help_text = _(
            "One test person, e.g. user:test-1. Empty: whoever has the link."
        )

    def clean_address(self) -> str:
        text: str = self.cleaned_data["address"]
        try:
            parts = urlsplit(text)
        except ValueError:
            parts = urlsplit("")
        if text and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise forms.ValidationError(_("Write a whole address, e.g. https://shop.example/."))
        return text

    def asked(self) -> Asked:
        """Return what was asked for."""
        said = self.cleaned_data
        return Asked(
            lasts=timedelta(hours=said["lasts"]),
            note=said["note"],
            address=said["address"],
            person=said["person"].id if said["person"] else "",
        )
