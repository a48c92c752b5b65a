"""The form of the intake's terms: geofences, providers, privacy, how long what is kept."""

from typing import Any, Final

import msgspec
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.forms.rows import Row, RowsField, RowsWidget
from decisioning.enrichment.fences import MAX_FENCES, Fence, Point, is_place
from decisioning.enrichment.terms import Provider, Terms, TermsRefused, packed, read_terms
from rtts_site.foundation.language import told

MOST_DAYS: Final = 3_650
SHAPES: Final = [
    ("circle", gettext_lazy("circle")),
    ("polygon", gettext_lazy("polygon")),
]
UNDECLARED: Final = [
    ("keep", gettext_lazy("keep them in history")),
    ("hash", gettext_lazy("hash their values")),
    ("drop", gettext_lazy("drop them")),
]


class SpareRowsField(RowsField):
    """Rows with empty ones at the end, for pages that have no button to add more."""

    def __init__(self, row_form: type[forms.Form], *, noun: str, most: int, **kwargs: Any) -> None:
        super().__init__(row_form, noun=noun, most=most, **kwargs)
        self.widget = SpareRowsWidget(self.widget.formset, noun=noun)


class SpareRowsWidget(RowsWidget):
    """Draws one row more than there are."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        if value is None or isinstance(value, list):
            value = self.formset(initial=value or [], prefix=name, form_kwargs=self.form_kwargs)
            value.extra = 1
        return super().get_context(name, value, attrs)


class PointsField(forms.CharField):
    """Cleans to places, one in a line: latitude, longitude."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 2, "placeholder": "52.52, 13.405"})
        super().__init__(required=False, widget=widget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, tuple | list):
            return "\n".join(f"{lat}, {lon}" for lat, lon in value)
        return value

    def clean(self, value: Any) -> list[Point]:
        lines = [line for line in super().clean(value).splitlines() if line.strip()]
        return [_point(line) for line in lines]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial or ""), data)


def _point(line: str) -> Point:
    try:
        latitude, longitude = (float(part) for part in line.split(","))
    except ValueError:
        raise ValidationError(
            _("“{line}” is no place: write latitude, longitude.").format(line=line)
        ) from None
    if not is_place((latitude, longitude)):
        raise ValidationError(_("Give latitude -90 to 90 and longitude -180 to 180."))
    return latitude, longitude


class FenceForm(forms.Form):
    key = forms.RegexField(r"^[a-z0-9][a-z0-9.-]{0,59}\Z", label=gettext_lazy("Key"))
    name = forms.CharField(max_length=100, label=gettext_lazy("Name"))
    shape = forms.ChoiceField(choices=SHAPES, initial="circle", label=gettext_lazy("Shape"))
    points = PointsField(
        label=gettext_lazy("Centre, or corners"),
        help_text=gettext_lazy("Latitude, longitude; one place in a line."),
    )
    radius_m = forms.FloatField(
        min_value=0.1, max_value=500_000, initial=100.0, label=gettext_lazy("Radius in metres")
    )
    dwell_s = forms.IntegerField(
        min_value=0, max_value=86_400, initial=600, label=gettext_lazy("A stay after (seconds)")
    )
    silent_s = forms.IntegerField(
        min_value=60,
        max_value=604_800,
        initial=3_600,
        label=gettext_lazy("Has left when not located for (seconds)"),
    )

    def clean(self) -> Row:
        cleaned = super().clean() or self.cleaned_data
        shape, points = cleaned.get("shape"), cleaned.get("points")
        if points is not None and shape == "circle" and len(points) != 1:
            self.add_error("points", _("A circle needs its centre, one place."))
        if points is not None and shape == "polygon" and not 3 <= len(points) <= 100:
            self.add_error("points", _("A polygon needs 3 to 100 corners."))
        return cleaned


class ProviderForm(forms.Form):
    key = forms.RegexField(r"^[a-z][a-z0-9_]{0,39}\Z", label=gettext_lazy("Key"))
    address = forms.RegexField(
        r"^https?://.{1,490}\Z",
        label=gettext_lazy("Address"),
        help_text=gettext_lazy("With {latitude} and {longitude} in it."),
    )
    fields_kept = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "condition = current.condition"}),
        label=gettext_lazy("What is kept"),
        help_text=gettext_lazy("Name = where it stands in the answer; one in a line."),
    )
    places = PointsField(label=gettext_lazy("Places beside those of geofences"))
    valid_s = forms.IntegerField(
        min_value=60, max_value=86_400, initial=3_600, label=gettext_lazy("Holds for (seconds)")
    )

    def clean_fields_kept(self) -> dict[str, str]:
        pairs = [line.partition("=") for line in self.cleaned_data["fields_kept"].splitlines() if line.strip()]  # fmt: skip
        if any(not name.strip() or not path.strip() for name, _sign, path in pairs):
            raise ValidationError(_("Write name = path in every line."))
        return {name.strip(): path.strip() for name, _sign, path in pairs}


class DaysForm(forms.Form):
    key = forms.CharField(max_length=200, label=gettext_lazy("Name"))
    days = forms.IntegerField(min_value=1, max_value=MOST_DAYS, label=gettext_lazy("Days"))


class IntakeForm(forms.Form):
    """What the owner decides about events on their way in, but for the steps."""

    fences = SpareRowsField(
        FenceForm, noun="geofence", most=MAX_FENCES, label=gettext_lazy("Geofences")
    )
    providers = SpareRowsField(
        ProviderForm, noun="provider", most=20, label=gettext_lazy("Providers, such as of weather")
    )
    hashed = forms.CharField(
        required=False,
        label=gettext_lazy("Attributes without a purpose that are hashed"),
        help_text=gettext_lazy("Keys, with commas between them; the others are dropped."),
    )
    undeclared = forms.ChoiceField(
        choices=UNDECLARED, label=gettext_lazy("Traits that the catalogue does not know")
    )
    event_days = SpareRowsField(
        DaysForm,
        noun="event type",
        most=500,
        label=gettext_lazy("Event types that history keeps for a time"),
    )
    attribute_days = SpareRowsField(
        DaysForm,
        noun="attribute",
        most=500,
        label=gettext_lazy("Attributes that stand for a time after they were set"),
    )

    def clean_hashed(self) -> list[str]:
        return [one.strip() for one in self.cleaned_data["hashed"].split(",") if one.strip()]

    def clean(self) -> Row:
        cleaned = super().clean() or self.cleaned_data
        for field in ("fences", "providers", "event_days", "attribute_days"):
            keys = [row["key"] for row in cleaned.get(field, ())]
            twice = sorted({key for key in keys if keys.count(key) > 1})
            if twice:
                text = _("“{key}” stands here twice.").format(key=twice[0])
                self.add_error(field, text)
        return cleaned

    def terms(self, live: Terms) -> Terms:
        """Return the terms that the form says, with the steps as they are.

        Raises:
            TermsRefused: what the fields let through cannot be together.
        """
        said = self.cleaned_data
        changed = {
            "fences": [_fence(row) for row in said["fences"]],
            "providers": [_provider(row) for row in said["providers"]],
            "hashed": said["hashed"],
            "undeclared": said["undeclared"],
            "event_days": {row["key"]: row["days"] for row in said["event_days"]},
            "attribute_days": {row["key"]: row["days"] for row in said["attribute_days"]},
        }
        return read_terms(msgspec.json.encode(msgspec.to_builtins(live) | changed))

    def add_refusal(self, refused: TermsRefused) -> None:
        """Say at the top why the terms cannot be."""
        self.add_error(None, told(refused))


def initial_of(terms: Terms) -> dict[str, Any]:
    """Return the fields of the form as terms say them."""
    body: dict[str, Any] = msgspec.json.decode(packed(terms))
    return {
        "fences": [_fence_row(one) for one in terms.fences],
        "providers": [_provider_row(one) for one in terms.providers],
        "hashed": ", ".join(terms.hashed),
        "undeclared": terms.undeclared,
        **{
            name: [{"key": key, "days": days} for key, days in body[name].items()]
            for name in ("event_days", "attribute_days")
        },
    }


def _fence(row: Row) -> Row:
    points = row.pop("points")
    place = {"centre": points[0]} if row["shape"] == "circle" else {"corners": points}
    return row | place


def _fence_row(fence: Fence) -> Row:
    row: Row = msgspec.to_builtins(fence)
    centre, corners = row.pop("centre"), row.pop("corners")
    return row | {"points": [centre] if fence.shape == "circle" and centre else corners}


def _provider(row: Row) -> Row:
    return row | {"fields": row.pop("fields_kept")}


def _provider_row(provider: Provider) -> Row:
    row: Row = msgspec.to_builtins(provider)
    kept = row.pop("fields")
    return row | {"fields_kept": "\n".join(f"{name} = {path}" for name, path in kept.items())}
