"""The fields in which a fact is supposed, one for each type of the catalogue and each kind of count."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.forms.fields import LinesField
from campaigns.forms.schedules import LocalTimeField, in_zone
from decisioning.rules.values import conform
from decisioning.specs import AggregateSpec, AttributeSpec

NOT_SUPPOSED: Final = _("as it is")
DAY_SECONDS: Final = 86_400
_YES_NO: Final = [("", NOT_SUPPOSED), ("yes", _("yes")), ("no", _("no"))]


class PlaceField(forms.CharField):
    """Latitude and longitude in degrees; cleans to what the catalogue calls a place."""

    def clean(self, value: Any) -> dict[str, float] | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            lat, lon = (float(part) for part in text.split(","))
        except ValueError:
            raise forms.ValidationError(_("Write latitude, longitude, e.g. 48.2, 16.4.")) from None
        return {"lat": lat, "lon": lon}


def attribute_field(spec: AttributeSpec) -> forms.Field:
    """Return the field in which an attribute's value is supposed; empty leaves it as it is."""
    label = f"{spec.name} ({spec.unit})" if spec.unit else spec.name
    known = [(value, value) for value in spec.values]
    match spec.type:
        case "number":
            return forms.FloatField(required=False, label=label)
        case "boolean":
            return forms.ChoiceField(choices=_YES_NO, required=False, label=label)
        case "date":
            return LocalTimeField(label=label)
        case "list" if known:
            widget = forms.CheckboxSelectMultiple
            return forms.MultipleChoiceField(
                choices=known, required=False, label=label, widget=widget
            )
        case "list":
            return LinesField(required=False, label=label, help_text=_("One value per line."))
        case "place":
            return PlaceField(required=False, label=label, help_text="48.2, 16.4")
        case "text" if known:
            choices = [("", NOT_SUPPOSED), *known]
            return forms.ChoiceField(choices=choices, required=False, label=label)
        case _:
            return forms.CharField(max_length=1000, required=False, label=label)


def aggregate_field(spec: AggregateSpec, label: str) -> forms.Field:
    """Return the field in which a count of events is supposed."""
    if spec.function == "sequence":
        return forms.ChoiceField(choices=_YES_NO, required=False, label=label)
    if spec.function in ("first", "last") and spec.type != "number":
        return forms.CharField(max_length=200, required=False, label=label)
    if spec.function in ("count", "distinct", "sessions", "session_number"):
        return forms.IntegerField(
            min_value=0, max_value=10**9, required=False, label=label, help_text=_("0: never.")
        )
    if spec.function.startswith("since"):
        return forms.FloatField(min_value=0, max_value=36_500, required=False, label=label)
    return forms.FloatField(required=False, label=label)


def attribute_fact(spec: AttributeSpec, said: Any, zone: str) -> Any:
    """Return what was supposed as a fact.

    Raises:
        ValidationError: it is not of the attribute's type.
    """
    value = said
    if spec.type == "boolean":
        value = said == "yes"
    elif isinstance(said, datetime):
        value = in_zone(said, zone).timestamp()
    elif isinstance(said, float) and said.is_integer():
        value = int(said)
    fact = conform(value, spec.type)
    if fact is None:
        example = {"version": "2.10.0", "place": "48.2, 16.4"}.get(spec.type, spec.type)
        raise forms.ValidationError(
            _("Write it like this: %(example)s"), params={"example": example}
        )
    return fact


def aggregate_fact(spec: AggregateSpec, said: Any) -> Any:
    """Return what was supposed of events as a fact: times since are in seconds."""
    if spec.function == "sequence":
        return said == "yes"
    if spec.type:
        return conform(said, spec.type)
    return said * DAY_SECONDS if spec.function.startswith("since") else said


def is_given(said: Any) -> bool:
    """Return whether a field was filled in."""
    return said not in (None, "", [], {})


def labelled(specs: Mapping[str, AttributeSpec], source: str) -> list[AttributeSpec]:
    """Return the attributes of one source by name."""
    found = [one for one in specs.values() if one.source == source]
    return sorted(found, key=lambda one: one.name.lower())
