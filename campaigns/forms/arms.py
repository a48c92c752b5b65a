"""The only place that shows, in an arm's row, for which offers it has conditions of its own."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.forms.fields import ObjectField
from campaigns.mapping import Body
from campaigns.models.items import Kind
from campaigns.wording import Names, words_of


class ArmConditions(forms.HiddenInput):
    """The conditions in words, with a box to take each out; they are made beside a rule's numbers."""

    template_name = "campaigns/forms/arm_conditions.html"
    input_type = "hidden"

    def __init__(self) -> None:
        super().__init__()
        self.names: Names | None = None

    @property
    def is_hidden(self) -> bool:
        return False

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        try:
            said = ObjectField().clean(value)
        except forms.ValidationError:
            said = {}
        return context | {"told": [self._told(key, said[key]) for key in said]}

    def _told(self, key: str, condition: Any) -> tuple[str, str, str]:
        if self.names is None or not isinstance(condition, dict):
            return key, key, ""
        return key, self.names.of(Kind.OFFER, key), words_of(condition, self.names)

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        value = super().value_from_datadict(data, files, name)
        gone = set(data.getlist(f"{name}-without")) if hasattr(data, "getlist") else set()
        if not gone:
            return value
        try:
            said = ObjectField().clean(value)
        except forms.ValidationError:
            return value
        kept = {key: condition for key, condition in said.items() if key not in gone}
        return ObjectField().prepare_value(kept)


def conditions_field() -> ObjectField:
    """Return the field that keeps an arm's conditions while its row is edited."""
    return ObjectField(label=_("Conditions of its own"), widget=ArmConditions())


def kept_field() -> ObjectField:
    """Return a field for what no other field of the row shows, so that an edit does not lose it."""
    return ObjectField(widget=forms.HiddenInput())


def readable(body: Body) -> bool:
    """Say whether an arm's conditions are keyed by offers, each a condition."""
    return all(isinstance(condition, dict) for condition in body.values())
