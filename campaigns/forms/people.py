"""The field in which staff name a person."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from consent.forms import IN_WORDS, Named, parse_person
from consent.people import NAMESPACES


class PersonField(forms.CharField):
    """A person as people name them; cleans to who that is."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("Person"))
        super().__init__(
            max_length=220,
            help_text=_("A customer number, or user:…, anonymous:…, or a person id."),
            **kwargs,
        )
        self.widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}

    def clean(self, value: Any) -> Named | None:
        text: str = super().clean(value)
        if not text:
            return None
        has_namespace = text.partition(":")[0] in NAMESPACES
        for name in (text,) if has_namespace else (text, f"user:{text}"):
            try:
                return parse_person(name)
            except ValueError:
                continue
        raise forms.ValidationError(IN_WORDS)


class PersonForm(forms.Form):
    person = PersonField()


class PartForm(PersonForm):
    why = forms.CharField(max_length=500)
