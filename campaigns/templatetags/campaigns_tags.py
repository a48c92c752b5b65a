"""The few filters that the pages of authoring need."""

from django import template

from campaigns.wording import NOTHING
from campaigns.wording import percent as in_percent
from rtts_site.foundation import texts
from rtts_site.foundation.language import ACTIVE

register = template.Library()


@register.filter
def percent(share: float | None) -> str:
    """Return a share in [0, 1] as e.g. "4.2%"; "–" where there is none."""
    return NOTHING if share is None else in_percent(share, places=1)


@register.filter
def times(share: float, whole: int) -> str:
    """Return a share of a whole, for the width of a bar."""
    return f"{min(1.0, max(0.0, share)) * whole:.1f}"


@register.filter
def said(text: str) -> str:
    """Return what pure code says, a translatable English text, in the language of the page."""
    return texts.anew(text, ACTIVE.gettext)
