"""The only place that looks up what a condition may name: attributes, event types, segments."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from decisioning.rules.moment import CLUSTER, MOMENT, at_event
from decisioning.rules.signals import SIGNALS
from decisioning.rules.tree import Node
from decisioning.specs import AttributeSpec, EventTypeSpec, PropertySpec, SegmentSpec


def with_moment(attributes: Iterable[AttributeSpec]) -> dict[str, AttributeSpec]:
    """Return attributes by key, with those of the moment that are there from the start; they may be replaced."""
    return MOMENT | {one.key: one for one in attributes}


class HasCatalogue(Protocol):
    """What a release, or a draft of one, has."""

    @property
    def attributes(self) -> Iterable[AttributeSpec]: ...
    @property
    def event_types(self) -> Iterable[EventTypeSpec]: ...
    @property
    def segments(self) -> Iterable[SegmentSpec]: ...


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The names that conditions may use; event properties are attributes of their own small catalogue."""

    attributes: dict[str, AttributeSpec | PropertySpec] = field(default_factory=dict)
    events: dict[str, EventTypeSpec] = field(default_factory=dict)
    segments: dict[str, SegmentSpec] = field(default_factory=dict)
    event: EventTypeSpec | None = None  # the event whose properties these attributes are
    trees: dict[str, Node] = field(default_factory=dict, compare=False, repr=False)  # read segments

    @classmethod
    def of(cls, source: HasCatalogue) -> "Catalogue":
        """Return the catalogue of a release."""
        return cls.of_parts(
            attributes=source.attributes, event_types=source.event_types, segments=source.segments
        )

    @classmethod
    def of_parts(
        cls,
        *,
        attributes: Iterable[AttributeSpec] = (),
        event_types: Iterable[EventTypeSpec] = (),
        segments: Iterable[SegmentSpec] = (),
    ) -> "Catalogue":
        """Return the catalogue of these entries and the built-in attributes, which they may replace."""
        built_in: dict[str, AttributeSpec | PropertySpec] = {
            key: one.attribute for key, one in SIGNALS.items()
        }
        return cls(
            {**built_in, **with_moment(attributes)},
            {one.key: one for one in event_types},
            {one.key: one for one in segments},
        )

    def within(self, event: EventTypeSpec) -> "Catalogue":
        """Return what the filter of an event condition may name: its properties, and the moment it happened at."""
        moment = at_event(
            self.attributes.values(), segments=self.segments, has_cluster=CLUSTER in self.attributes
        )
        own: dict[str, AttributeSpec | PropertySpec] = {one.key: one for one in event.properties}
        return Catalogue(own | {one.key: one for one in moment}, event=event)

    def name_of(self, key: str) -> str:
        """Return the name that people read for an attribute or property key."""
        found = self.attributes.get(key)
        if isinstance(found, AttributeSpec):
            return found.name
        return key.replace("_", " ").capitalize()
