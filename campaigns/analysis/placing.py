"""The only place that says at which address the field stands that a finding is about."""

from collections.abc import Iterable
from typing import Any, Protocol
from urllib.parse import urlencode

from django.urls import reverse

from campaigns.models import PROXIES, Item
from campaigns.models.items import Kind


class About(Protocol):
    """A finding about a field of a thing."""

    @property
    def kind(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def field(self) -> str: ...


Items = dict[tuple[str, str], int]  # ids by kind and key


def address_of(about: About, items: Items, *, row: int | None = None) -> str:
    """Return the address that opens a thing at a field, its `row` of a condition in sight; "" where it has no page."""
    pk = items.get((about.kind, about.key))
    if pk is None:
        return ""
    name = PROXIES[about.kind]._meta.model_name
    where = {"field": about.field} | ({} if row is None else {"node": str(row)})
    return f"{reverse(f'admin:campaigns_{name}_change', args=[pk])}#{urlencode(where)}"


def items_of(found: Iterable[About]) -> Items:
    """Return the ids of the things that findings are about; one query."""
    keys = {one.key for one in found}
    rows: Any = Item.objects.filter(key__in=keys).values_list("kind", "key", "pk")
    return {(Kind(kind).value, key): pk for kind, key, pk in rows}
