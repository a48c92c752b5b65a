"""Where each attribute comes from and what reads it, from what came in and from what is live."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.candidates import Candidate, candidate_of
from campaigns.incoming.sources import source_names
from campaigns.models import PROXIES, Item
from campaigns.models.items import Kind
from decisioning.enrichment.stored import live_terms
from decisioning.models import Sighting, ValueHour
from decisioning.specs import AttributeSpec


@dataclass(frozen=True, slots=True)
class Origin:
    """Somebody who sends an attribute."""

    name: str
    present: int  # of the events looked at lately, those that had it


@dataclass(frozen=True, slots=True)
class Reader:
    """Something live that reads an attribute, itself or through what it names."""

    kind: str  # as people read it
    name: str
    url: str
    through: str = ""  # name of the segment that it reads it through


@dataclass(frozen=True, slots=True)
class Lineage:
    """One attribute's way through the house."""

    attribute: AttributeSpec
    url: str
    origins: tuple[Origin, ...]
    last_seen: Any  # datetime, None where it never came
    readers: tuple[Reader, ...]
    purposes: tuple[str, ...]  # names of those that it may serve
    kept_days: int | None  # after it was last set; None: as long as the person is known


def lineages() -> list[Lineage]:
    """Return all live attributes by name; six queries whatever their number."""
    candidate = candidate_of(None)
    items = {(one.kind, one.key): one for one in Item.objects.all()}
    came = _origins()
    seen = dict(Sighting.objects.filter(event="").values_list("key", "last_seen_at"))
    days = live_terms().attribute_days
    names = {one.key: one.name for one in candidate.policy.purposes}
    reading = _Reading(candidate, items)
    found = [
        Lineage(
            attribute,
            reading.url(Kind.ATTRIBUTE, attribute.key),
            tuple(came.get(attribute.key, ())),
            seen.get(attribute.key),
            tuple(reading.readers(Kind.ATTRIBUTE, attribute.key)),
            tuple(names.get(one, one) for one in attribute.purposes),
            days.get(attribute.key),
        )
        for attribute in candidate.spec.attributes
    ]
    return sorted(found, key=lambda one: one.attribute.name.casefold())


def _origins() -> dict[str, list[Origin]]:
    names = source_names()
    found: dict[str, dict[str, int]] = {}
    rows = ValueHour.objects.filter(event="").values_list("key", "source", "present")
    for key, source, present in rows:
        counts = found.setdefault(key, {})
        counts[source] = counts.get(source, 0) + present
    return {
        key: [
            Origin(names.get(source, source), present)
            for source, present in sorted(counts.items(), key=lambda one: -one[1])
        ]
        for key, counts in found.items()
    }


@dataclass(frozen=True, slots=True)
class _Reading:
    candidate: Candidate
    items: Mapping[tuple[str, str], Item]

    def readers(self, kind: str, key: str, through: str = "") -> Iterator[Reader]:
        """Yield what names a thing, and what reads it through segments; segments form no circles."""
        for use in self.candidate.users.get((kind, key), ()):
            name = self.candidate.bodies[use.kind, use.key].get("name") or use.key
            label = str(PROXIES[Kind(use.kind)]._meta.verbose_name)
            yield Reader(label, name, self.url(use.kind, use.key), through)
            if use.kind == Kind.SEGMENT:
                yield from self.readers(Kind.SEGMENT, use.key, through=name)

    def url(self, kind: str, key: str) -> str:
        item = self.items.get((kind, key))
        model = PROXIES[Kind(kind)]._meta.model_name
        return reverse(f"admin:campaigns_{model}_change", args=[item.pk]) if item else ""


def summary(one: Lineage) -> str:
    """Return in a sentence what is not as it should be, "" where nothing is."""
    if not one.purposes and one.attribute.source == "profile":
        return _("It serves no purpose, so nothing may read it: give it one, or stop sending it.")
    if one.origins and not one.readers:
        return _("It comes in and nothing reads it: data that is not needed should not be kept.")
    if one.readers and one.last_seen is None and one.attribute.source == "profile":
        return _("It is read, and has never come in.")
    return ""
