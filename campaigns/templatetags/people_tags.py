"""The filters that pages about people need."""

from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from campaigns import person_links
from rtts_site.foundation.redis_clients import redis_client

register = template.Library()


@register.simple_tag
def person_link(person: str) -> str:
    """Return the address of a person's page, which says nothing about who that is."""
    return person_links.person_link(redis_client(), person)


@register.filter
def said(value: Any) -> str:
    """Return a fact as people write it; "unknown" where there is none."""
    if value is None:
        return _("unknown")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | float):
        places = 0 if value == int(value) else 2
        return str(number_format(value, decimal_pos=places, use_l10n=True, force_grouping=True))
    if isinstance(value, list | tuple):
        return ", ".join(said(one) for one in value) or _("nothing")
    return str(value)
