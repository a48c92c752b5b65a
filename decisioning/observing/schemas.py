"""The only place that says what is wrong with an event by the schema of its type; pure, microseconds each."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from decisioning.ingestion.records import Record
from decisioning.ingestion.refusals import Refusal
from decisioning.rules.values import conform
from decisioning.specs import EventTypeSpec, PropertySpec

SHOULD_BE: Final = {
    "number": "Send a number, e.g. 12.5.",
    "text": "Send a text.",
    "boolean": "Send true or false.",
    "date": 'Send a date, e.g. "2026-11-22T09:00:00Z".',
    "list": "Send a list of texts.",
    "place": 'Send a place, e.g. {"lat": 48.2, "lon": 16.4}.',
    "version": 'Send a version, e.g. "2.10.0".',
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that an event's schema does not allow; `reason` holds no value of the event."""

    pointer: str  # "/properties/total"
    reason: str


def violations(record: Record, spec: EventTypeSpec) -> list[Violation]:
    """Return all that is wrong with an event, in the order of the schema."""
    properties = record.properties
    found = [
        Violation(f"/properties/{one.key}", reason)
        for one in spec.properties
        if (reason := _fault(properties.get(one.key), one))
    ]
    if spec.only_properties and len(properties) > 0:
        found += _unlisted(properties, spec)
    return found


def _fault(value: Any, spec: PropertySpec) -> str:
    if value is None:
        return "This property is required." if spec.required else ""
    fact = conform(value, spec.type)
    if fact is None:
        return SHOULD_BE[spec.type]
    if spec.only_values and not _is_known(fact, spec):
        return "Send one of the values that the catalogue has."
    if spec.minimum is not None and spec.type == "number" and fact < spec.minimum:
        return f"Send at least {spec.minimum:g}."
    if spec.maximum is not None and spec.type == "number" and fact > spec.maximum:
        return f"Send at most {spec.maximum:g}."
    return ""


def _is_known(fact: Any, spec: PropertySpec) -> bool:
    return all(one in spec.values for one in (fact if isinstance(fact, list) else [fact]))


def _unlisted(properties: dict[str, Any], spec: EventTypeSpec) -> Iterator[Violation]:
    listed = {one.key for one in spec.properties}
    for key in properties:
        if key not in listed:
            yield Violation(f"/properties/{key}", "The catalogue has no such property.")


class Schemas:
    """The event types of a release that are looked at, ready for the intake."""

    def __init__(self, event_types: Iterable[EventTypeSpec] = ()) -> None:
        self.by_event = {one.key: one for one in event_types if one.enforcement != "off"}


@dataclass(slots=True)
class Judged:
    """What becomes of a batch: what is taken, what is refused, and what is wrong and taken all the same."""

    records: list[Record]
    refusals: list[Refusal]
    watched: list[tuple[Record, Violation]] = field(default_factory=list)


def judge(records: list[Record], refusals: list[Refusal], schemas: Schemas) -> Judged:
    """Return the batch with what enforced schemas refuse moved over to the refusals, to be quarantined.

    Each item of the batch has either a record or a refusal, both in the order of the items.
    """
    judged = Judged(records, refusals)
    kinds = schemas.by_event
    if not kinds or not any(one.event in kinds for one in records):
        return judged
    judged.records, judged.refusals = [], list(refusals)
    for place, record in zip(_places(refusals, len(records)), records, strict=True):
        spec = kinds.get(record.event)
        found = violations(record, spec) if spec is not None else []
        if found and spec is not None and spec.enforcement == "enforce":
            judged.refusals.append(_refusal(place, record, found[0]))
        else:
            judged.records.append(record)
            judged.watched += [(record, one) for one in found]
    judged.refusals.sort(key=lambda one: one.item)
    return judged


def _places(refusals: Sequence[Refusal], records: int) -> list[int]:
    refused = {one.item for one in refusals}
    return [place for place in range(records + len(refused)) if place not in refused]


def _refusal(place: int, record: Record, found: Violation) -> Refusal:
    return Refusal(place, found.pointer, found.reason, record.message_id, record)
