"""What an act on many things asks for before its effect can be shown."""

from typing import Any

import msgspec
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.bulk.acts import ACTS
from campaigns.candidates import Candidate
from campaigns.forms.fields import choices, with_blank
from campaigns.forms.schedules import LocalTimeField, in_zone, zone_field
from campaigns.models.items import Kind
from campaigns.tags import TagRefused, read_tags

MOST_IDS = 20_000  # characters: 2,000 things


class TagsField(forms.CharField):
    """Tags, separated by commas; cleans to a list."""

    def __init__(self, **kwargs: Any) -> None:
        help_text = gettext_lazy("Separated by commas, e.g. “Winter, Q4”.")
        super().__init__(label=gettext_lazy("Tags"), max_length=1000, help_text=help_text, **kwargs)

    def clean(self, value: Any) -> list[str]:
        try:
            return read_tags(super().clean(value))
        except TagRefused as error:
            raise ValidationError(str(error)) from error


class ActForm(forms.Form):
    """The questions of one act; an act that asks nothing has an empty form."""

    def __init__(self, *args: Any, act: str, candidate: Candidate, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asks = ACTS[act].asks
        self.fields |= _questions(self.asks, candidate)

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if self.asks != "dates" or self.errors:
            return said
        dates = dict(self._dates(said))
        if not dates and not self.errors:
            raise ValidationError(_("Say a new start or a new end."))
        return {"dates": dates, "zone": said["zone"]}

    def _dates(self, said: dict[str, Any]) -> Any:
        for name in ("starts_at", "ends_at"):
            if said[f"no_{name}"]:
                yield name, None
            elif said[name]:
                try:
                    yield name, msgspec.to_builtins(in_zone(said[name], said["zone"]))
                except ValidationError as error:
                    self.add_error(name, error)


def _questions(asks: str, candidate: Candidate) -> dict[str, forms.Field]:
    if asks == "tags":
        return {"tags": TagsField()}
    if asks == "purpose":
        return {"purpose": _choice(_("Purpose"), candidate, Kind.PURPOSE)}
    if asks == "campaign":
        return {"campaign": _choice(_("Campaign"), candidate, Kind.CAMPAIGN)}
    if asks == "dates":
        return _date_questions()
    return {}


def _choice(label: str, candidate: Candidate, kind: Kind) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=with_blank(choices(candidate.bodies, kind)))


def _date_questions() -> dict[str, forms.Field]:
    return {
        "zone": zone_field(),
        "starts_at": LocalTimeField(label=_("New start"), help_text=_("Empty: as it is.")),
        "no_starts_at": forms.BooleanField(label=_("Start at once"), required=False),
        "ends_at": LocalTimeField(label=_("New end"), help_text=_("Empty: as it is.")),
        "no_ends_at": forms.BooleanField(label=_("Never end"), required=False),
    }
