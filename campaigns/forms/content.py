"""Content as form fields: the keys that every channel knows, and JSON for the rest."""

from typing import Any

from django import forms

from campaigns.forms.fields import ObjectField
from campaigns.mapping import Body

KEYS = ("headline", "text", "image_url", "link_url")


def content_fields(prefix: str, label: str) -> dict[str, forms.Field]:
    """Return the fields of one content, named ``<prefix>_headline`` and so on."""
    return {
        f"{prefix}_headline": forms.CharField(
            required=False, max_length=200, label=f"{label}: headline"
        ),
        f"{prefix}_text": forms.CharField(
            required=False,
            max_length=8000,
            label=f"{label}: text",
            widget=forms.Textarea(attrs={"rows": 2}),
        ),
        f"{prefix}_image_url": forms.CharField(
            required=False, max_length=1000, label=f"{label}: image address"
        ),
        f"{prefix}_link_url": forms.CharField(
            required=False, max_length=1000, label=f"{label}: link"
        ),
        f"{prefix}_more": ObjectField(
            label=f"{label}: more", help_text='Other fields as JSON, e.g. {"badge": "New"}.'
        ),
    }


def content_of(prefix: str, cleaned: dict[str, Any]) -> Body:
    """Return the content that the cleaned fields say; empty fields are left out."""
    more: Body = cleaned.get(f"{prefix}_more") or {}
    named = {key: cleaned[f"{prefix}_{key}"] for key in KEYS if cleaned.get(f"{prefix}_{key}")}
    return {**more, **named}


def fill_content(prefix: str, content: Body) -> Body:
    """Return the initial values of the fields for a content."""
    named = {key: value for key, value in content.items() if key in KEYS and isinstance(value, str)}
    rest = {key: value for key, value in content.items() if key not in named}
    return {f"{prefix}_{key}": value for key, value in named.items()} | {f"{prefix}_more": rest}
