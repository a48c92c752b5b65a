"""The only place that shows, step by step, what the intake would do to an event; nothing is stored. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from decisioning.enrichment.steps import Preparing, Step
from decisioning.enrichment.surroundings import Surroundings
from decisioning.ingestion.records import Record
from decisioning.ingestion.wire import Intake, read_messages

PARTS: Final = ("properties", "attributes", "traits", "context")


class TrialRefused(Exception):
    """The event cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that a step changed; None is that there was or is none."""

    place: str  # "context.country"
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Tried:
    """What one step did."""

    step: Step
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """What all steps did to an event."""

    before: str  # JSON
    after: str
    steps: tuple[Tried, ...]


def try_event(text: str, *, around: Surroundings, preparing: Preparing, intake: Intake) -> Trial:
    """Return what would be done to one message of the Segment tracking API.

    Raises:
        TrialRefused: it would be refused.
    """
    records, refusals = read_messages([msgspec.Raw(text.encode())], intake=intake)
    if refusals:
        raise TrialRefused(f"{refusals[0].pointer} {refusals[0].reason}".strip())
    record = records[0]
    began, before = _pretty(record), _flat(record)
    tried = []
    for step in preparing.steps:
        step.apply(record, around, preparing.known)
        after = _flat(record)
        tried.append(Tried(step, tuple(_differences(before, after))))
        before = after
    return Trial(began, _pretty(record), tuple(tried))


def _pretty(record: Record) -> str:
    parts = {part: getattr(record, part) for part in PARTS if getattr(record, part)}
    return msgspec.json.format(msgspec.json.encode(parts), indent=2).decode()


def _flat(record: Record) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in PARTS:
        _flatten(part, getattr(record, part), found)
    return found


def _flatten(place: str, value: Any, found: dict[str, str]) -> None:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _flatten(f"{place}.{name}", inner, found)
    else:
        found[place] = value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _differences(before: dict[str, str], after: dict[str, str]) -> Iterator[Difference]:
    for place in [*before, *(one for one in after if one not in before)]:
        if before.get(place) != after.get(place):
            yield Difference(place, before.get(place), after.get(place))
