"""Content as form fields: the keys that every channel knows, a picture, and JSON for the rest."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from campaigns.forms.fields import ObjectField
from campaigns.images.library import content_of as picture_content
from campaigns.images.serving import preview_url
from campaigns.mapping import Body
from campaigns.models import Picture
from decisioning.content.contents import escape_of
from decisioning.content.markup import clean, removed
from decisioning.content.pictures import picture_of

TEXTS = ("headline", "text", "html", "image_url", "link_url")
TOKEN_HINT = _('Tokens such as {{ first_name | default: "friend" }} say what is known.')
_DIGEST = re.compile(r"[0-9a-f]{64}")


class PictureWidget(forms.HiddenInput):
    """The digest of a picture, its thumbnail, and the upload of another."""

    template_name = "campaigns/forms/picture.html"

    @property
    def is_hidden(self) -> bool:
        return False

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        digest = str(value or "")
        known = Picture.objects.filter(sha256=digest).first() if _DIGEST.fullmatch(digest) else None
        context = super().get_context(name, digest if known else "", attrs)
        return context | picture_context(name, known)


def picture_context(name: str, picture: Picture | None) -> dict[str, Any]:
    """Return what the fragment of one picture field shows."""
    return {
        "name": name,
        "picture": picture,
        "preview": preview_url(picture) if picture else "",
        "upload_url": reverse("admin:rtts-picture-field", args=[name]),
    }


class PictureField(forms.CharField):
    """Cleans to the picture with this digest, None for none."""

    widget = PictureWidget

    def clean(self, value: Any) -> Picture | None:
        digest = super().clean(value)
        if not digest:
            return None
        found = Picture.objects.filter(sha256=digest).first()
        if found is None or found.state == Picture.State.FAILED:
            raise ValidationError(_("This picture is not in the library: upload it again."))
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (initial or "") != (data or "")


def content_fields(
    prefix: str, label: str | Promise, *, html: bool = False
) -> dict[str, forms.Field]:
    """Return the fields of one content, named ``<prefix>_headline`` and so on."""
    rows = forms.Textarea(attrs={"rows": 2})

    def text(key: str, words: str | Promise, most: int, **more: Any) -> tuple[str, forms.Field]:
        named = format_lazy("{content}: {field}", content=label, field=words)
        field = forms.CharField(required=False, max_length=most, label=named, **more)
        return f"{prefix}_{key}", field

    fields = [
        text("headline", _("headline"), 200, help_text=TOKEN_HINT if html else ""),
        text("text", _("text"), 8_000, widget=rows),
        text("html", _("HTML"), 12_000, widget=rows, help_text=_("Cleaned when it is saved.")),
        text("image_url", _("image address"), 1_000, help_text=_("Of a picture kept elsewhere.")),
        text("alt", _("what the picture shows"), 500, help_text=_("Read to who cannot see it.")),
        text("link_url", _("link"), 1_000),
    ]
    picture = PictureField(
        required=False,
        max_length=64,
        label=format_lazy("{content}: {field}", content=label, field=_("picture")),
    )
    more = ObjectField(
        label=format_lazy("{content}: {field}", content=label, field=_("more")),
        help_text=_('Other fields as JSON, e.g. {"badge": "New"}.'),
    )
    return {**dict(fields), f"{prefix}_picture": picture, f"{prefix}_more": more}


def content_of(prefix: str, cleaned: dict[str, Any]) -> Body:
    """Return the content that the cleaned fields say; empty fields are left out."""
    more: Body = cleaned.get(f"{prefix}_more") or {}
    named = {key: cleaned[f"{prefix}_{key}"] for key in TEXTS if cleaned.get(f"{prefix}_{key}")}
    picture, alt = cleaned.get(f"{prefix}_picture"), cleaned.get(f"{prefix}_alt") or ""
    if picture is not None:
        named["image"] = picture_content(picture, alt=alt)
    elif alt:
        named["image_alt"] = alt
    return {**more, **named}


def fill_content(prefix: str, content: Body) -> Body:
    """Return the initial values of the fields for a content."""
    named = {
        key: value for key, value in content.items() if key in TEXTS and isinstance(value, str)
    }
    filled = {f"{prefix}_{key}": value for key, value in named.items()}
    picture = picture_of(content.get("image"))
    if picture is not None:
        filled |= {f"{prefix}_picture": picture.sha256, f"{prefix}_alt": picture.alt}
        named["image"] = ""
    elif isinstance(content.get("image_alt"), str):
        filled[f"{prefix}_alt"] = content["image_alt"]
        named["image_alt"] = ""
    rest = {key: value for key, value in content.items() if key not in named}
    return filled | {f"{prefix}_more": rest}


def take_out_unsafe(form: forms.Form, prefix: str, content_type: str) -> None:
    """Clean the HTML of a content; what that takes out is an error, so that somebody sees it before it is gone.

    The fields then hold what is left: saving again saves that.
    """
    for key in TEXTS:
        name = f"{prefix}_{key}"
        said = form.cleaned_data.get(name)
        if not said or escape_of(key, content_type) != "html":
            continue
        left = clean(said)
        gone = removed(said, left)
        form.cleaned_data[name] = left
        if gone:
            _put(form, name, left)
            form.add_error(
                name,
                ValidationError(
                    _(
                        "This was taken out: %(gone)s. What is left stands here; save again to keep it."
                    ),
                    params={"gone": " ".join(gone)[:500]},
                ),
            )


def _put(form: forms.Form, name: str, value: str) -> None:
    if isinstance(form.data, QueryDict):
        data = form.data.copy()
        data[form.add_prefix(name)] = value
        form.data = data
