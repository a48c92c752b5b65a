"""The form of one variant: where it is shown, for which contexts, and what it says."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from campaigns.body_rules import LANGUAGE
from campaigns.forms.catalogue import CONTENT_TYPES
from campaigns.forms.content import content_fields, content_of, fill_content, take_out_unsafe
from campaigns.mapping import Bodies, Body
from campaigns.models.items import Kind
from decisioning.content.fitting import DEVICE, NETWORKS

DEVICES = ("mobile", "tablet", "desktop")
ANY_DATA = [("", _("any")), ("yes", _("wishes to save data")), ("no", _("does not"))]


def devices_in(bodies: Bodies) -> list[tuple[str, str]]:
    """Return the classes of devices that the catalogue knows, the usual ones where it knows none."""
    known = bodies.get((Kind.ATTRIBUTE.value, DEVICE), {}).get("values") or DEVICES
    return [(value, value) for value in known]


class VariantForm(forms.Form):
    key = forms.CharField(max_length=100, label=_("Variant"), help_text=_("E.g. a"))
    placements = forms.MultipleChoiceField(
        label=_("Placements"), widget=forms.SelectMultiple(attrs={"size": 4})
    )
    content_type = forms.ChoiceField(
        choices=CONTENT_TYPES, initial=CONTENT_TYPES[0][0], label=_("Content type")
    )
    languages = forms.CharField(
        required=False,
        max_length=200,
        label=_("For languages"),
        help_text=_("E.g. de, fr-CA. Empty: any. Who wants de-AT gets de where there is no de-AT."),
    )
    devices = forms.MultipleChoiceField(
        required=False,
        label=_("For devices"),
        widget=forms.SelectMultiple(attrs={"size": 3}),
        help_text=_("None chosen: any."),
    )
    networks = forms.MultipleChoiceField(
        required=False,
        choices=[(one, one) for one in NETWORKS],
        label=_("For networks"),
        widget=forms.SelectMultiple(attrs={"size": 3}),
        help_text=_("None chosen: any."),
    )
    save_data = forms.ChoiceField(required=False, choices=ANY_DATA, label=_("For who"))

    def __init__(
        self,
        *args: Any,
        placements: list[tuple[str, str]],
        devices: list[tuple[str, str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields |= content_fields("content", _("Content"), html=True)
        self.fields["placements"].choices = placements  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["devices"].choices = devices  # type: ignore[attr-defined]  # a ChoiceField
        self.initial.update(fill_content("content", self.initial.get("content") or {}))
        self.initial.update(fill_fit(self.initial.get("fit") or {}))

    def clean_languages(self) -> list[str]:
        said = [one.strip() for one in self.cleaned_data["languages"].split(",") if one.strip()]
        for one in said:
            if not LANGUAGE.fullmatch(one):
                raise ValidationError(
                    _("“%(language)s” is no language: write e.g. de, fr-CA."),
                    params={"language": one},
                )
        return said

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        take_out_unsafe(self, "content", cleaned.get("content_type", ""))
        return cleaned


def variant_of(row: Body) -> Body:
    """Return the body of a variant that a cleaned row says."""
    named = {name: row[name] for name in ("key", "placements", "content_type")}
    return {**named, "content": content_of("content", row), "fit": fit_of(row)}


def fit_of(row: Body) -> Body:
    """Return the contexts that a cleaned row says."""
    save_data = {"yes": True, "no": False}.get(row["save_data"])
    named = {name: row[name] for name in ("languages", "devices", "networks")}
    return {**named, "save_data": save_data}


def fill_fit(fit: Body) -> Body:
    """Return the initial values of the fields for the contexts of a variant."""
    save_data = {True: "yes", False: "no"}.get(fit.get("save_data", ""), "")
    return {
        "languages": ", ".join(fit.get("languages", ())),
        "devices": list(fit.get("devices", ())),
        "networks": list(fit.get("networks", ())),
        "save_data": save_data,
    }
