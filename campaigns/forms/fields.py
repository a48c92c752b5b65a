"""Fields that several authoring forms share: JSON objects, lines, choices from a candidate."""

import json
from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import pretty_name
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from campaigns.mapping import Bodies
from campaigns.models.items import Kind

# Fields that have no label but their name.
NAMES = (
    gettext_noop("Basis"),
    gettext_noop("Counts"),
    gettext_noop("Device access"),
    gettext_noop("Eligibility"),
    gettext_noop("Holdout salt"),
    gettext_noop("Holdout share"),
    gettext_noop("Kind"),
    gettext_noop("Objectable"),
    gettext_noop("Origins"),
    gettext_noop("Scope"),
    gettext_noop("Scopes"),
    gettext_noop("Share"),
    gettext_noop("Traffic"),
)


def label_by_name(fields: dict[str, forms.Field]) -> None:
    """Give fields without a label their name as one, in the language of the page."""
    for name, field in fields.items():
        if field.label is None:
            field.label = gettext_lazy(pretty_name(name))


class LabelledForm(forms.Form):
    """A form whose fields are labelled in the language of the page."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        label_by_name(self.fields)


class ObjectField(forms.CharField):
    """A JSON object typed as text, for the content that the plain fields do not cover."""

    widget = forms.Textarea(attrs={"rows": 3})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return json.dumps(value, indent=2, ensure_ascii=False) if value else ""
        return value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def clean(self, value: Any) -> dict[str, Any]:
        text = super().clean(value)
        if not text:
            return {}
        try:
            found = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise ValidationError(_('Write a JSON object, e.g. {"badge": "New"}.')) from None
        if not isinstance(found, dict):
            raise ValidationError(_('Write a JSON object, e.g. {"badge": "New"}.'))
        return found


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


class LinesField(forms.CharField):
    """One value per line; cleans to a list."""

    widget = forms.Textarea(attrs={"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, (list, tuple)) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value)
        return [line.strip() for line in text.splitlines() if line.strip()]


def choices(bodies: Bodies, kind: Kind) -> list[tuple[str, str]]:
    """Return key and name of everything of a kind, by name."""
    found = [(key, body.get("name") or key) for (k, key), body in bodies.items() if k == kind]
    return sorted(found, key=lambda pair: pair[1].lower())


def with_blank(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return choices that begin with none."""
    return [("", "---------"), *pairs]
