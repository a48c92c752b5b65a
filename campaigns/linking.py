"""The only place that turns kinds and keys of authored things into names and links."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q
from django.urls import reverse

from campaigns.models import PROXIES, Item
from campaigns.models.items import Kind


@dataclass(frozen=True, slots=True, order=True)
class Linked:
    """A thing as a link."""

    kind: str
    name: str
    url: str

    @property
    def label(self) -> str:
        """Return what kind of thing it is, e.g. "segment"."""
        return str(Kind(self.kind).label)


def linked(names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Linked]:
    """Return a link for each (kind, key) that exists; one query, none for no names."""
    wanted = Q()
    keys: dict[str, list[str]] = {}
    for kind, key in names:
        keys.setdefault(kind, []).append(key)
    if not keys:
        return {}
    for kind, some in keys.items():
        wanted |= Q(kind=kind, key__in=some)
    rows = Item.objects.filter(wanted).only("kind", "key", "name")
    return {(row.kind, row.key): Linked(row.kind, str(row), url_of(row)) for row in rows}


def url_of(item: Item) -> str:
    """Return the address of the form of a thing."""
    return reverse(f"admin:campaigns_{PROXIES[item.kind]._meta.model_name}_change", args=[item.pk])
