"""The only place that sets what was seen in traffic beside the catalogue, and drafts what is missing from it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast, get_args

from django.contrib.auth.models import AbstractUser
from django.utils.translation import gettext as _

from campaigns import drafts, limits
from campaigns.body_rules import KEY
from campaigns.candidates import Candidate, candidate_of
from campaigns.mapping import body_of
from campaigns.models import Revision
from campaigns.models.items import Kind
from campaigns.publishing import NotPossible
from decisioning.models import Sighting
from decisioning.observing.tallying import OTHERS
from decisioning.specs import AttributeSpec, EventTypeSpec, PropertySpec, ValueType

LISTED: Final = 200  # events on the page
ALIKE: Final = 0.95  # share of values that decides a type
ALWAYS: Final = 50  # events that all had a property before it is proposed as required
WHY: Final = "Seen in traffic"


@dataclass(frozen=True, slots=True)
class SeenKey:
    """One property or trait that was seen."""

    key: str
    type: str
    types: dict[str, int]
    shapes: tuple[str, ...]
    share: float | None  # of events that had it
    first: datetime
    last: datetime
    is_listed: bool
    may_be_added: bool = True

    @property
    def proposed(self) -> PropertySpec:
        """Return the property as it would stand in the catalogue."""
        return PropertySpec(key=self.key, type=cast("ValueType", self.type))


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """An event's name that was seen, with what is missing from the catalogue of it; "" is identify calls."""

    event: str
    is_listed: bool
    count: int
    first: datetime | None
    last: datetime | None
    keys: tuple[SeenKey, ...]

    @property
    def missing(self) -> tuple[SeenKey, ...]:
        return tuple(one for one in self.keys if not one.is_listed)


def seen(candidate: Candidate) -> list[SeenEvent]:
    """Return what was seen and the candidate's catalogue lacks, the most frequent first; one query."""
    by_event: dict[str, list[Sighting]] = {}
    for row in Sighting.objects.exclude(event=OTHERS):
        by_event.setdefault(row.event, []).append(row)
    found = [_seen(event, rows, candidate) for event, rows in by_event.items()]
    wanted = [one for one in found if one.missing or not (one.is_listed or one.event == "")]
    return sorted(wanted, key=lambda one: (-one.count, one.event))[:LISTED]


def _seen(event: str, rows: list[Sighting], candidate: Candidate) -> SeenEvent:
    spec = {one.key: one for one in candidate.spec.event_types}.get(event)
    if event:
        listed = {one.key for one in spec.properties} if spec is not None else set()
    else:
        listed = {one.key for one in candidate.spec.attributes}
    itself = next((row for row in rows if row.key == ""), None)
    keys = [_key(row, listed, is_trait=not event) for row in rows if row.key]
    return SeenEvent(
        event,
        spec is not None,
        itself.count if itself is not None else max((row.count for row in rows), default=0),
        itself.first_seen_at if itself is not None else None,
        itself.last_seen_at if itself is not None else None,
        tuple(sorted(keys, key=lambda one: (one.is_listed, -(one.share or 0), one.key))),
    )


def _key(row: Sighting, listed: set[str], *, is_trait: bool) -> SeenKey:
    return SeenKey(
        row.key,
        type_of(row.types),
        row.types,
        tuple(row.shapes),
        row.present / row.looked if row.looked else None,
        row.first_seen_at,
        row.last_seen_at,
        row.key in listed,
        _fits(row.key, is_trait=is_trait),
    )


def _fits(key: str, *, is_trait: bool) -> bool:
    return bool(KEY.fullmatch(key)) if is_trait else 0 < len(key) <= limits.KEY_LENGTH


def type_of(types: dict[str, int]) -> str:
    """Return the type that nearly all values have, else text."""
    total = sum(types.values())
    for name, count in types.items():
        if name in get_args(ValueType) and total and count / total >= ALIKE:
            return name
    return "text"


def usual_purposes(candidate: Candidate) -> tuple[str, ...]:
    """Return the purposes that most event types serve, for a proposal; those of one purpose in an empty catalogue."""
    counted = Counter(one.purposes for one in candidate.spec.event_types if one.purposes)
    if counted:
        return counted.most_common(1)[0][0]
    return tuple(sorted(candidate.purposes))[:1]


def add_event(event: str, *, author: AbstractUser, now: datetime) -> Revision:
    """Draft an event type with the properties that were seen of it, or add those that it lacks.

    Raises:
        NotPossible: it was not seen, or nothing of it is missing.
        Refused, ChangeClosed: as `drafts.save_draft` does.
    """
    change = drafts.ensure_change(author, now=now)
    candidate = candidate_of(change)
    found = next((one for one in seen(candidate) if one.event == event and event), None)
    if found is None:
        raise NotPossible(_("“{event}” is in the catalogue already.").format(event=event))
    known = {one.key: one for one in candidate.spec.event_types}.get(event)
    more = [one.proposed for one in found.missing if one.may_be_added]
    if known is None:
        properties = tuple(_proposed(found))[: limits.PROPERTIES]
        spec = EventTypeSpec(
            key=event,
            name=event,
            properties=properties,
            purposes=usual_purposes(candidate),
            enforcement="watch",
        )
        body = body_of(spec)
    else:
        body = dict(candidate.bodies[Kind.EVENT_TYPE, event])
        body["properties"] = [*body["properties"], *map(body_of, more)][: limits.PROPERTIES]
    draft = drafts.Draft(kind=Kind.EVENT_TYPE, key=event, body=body, why=WHY)
    return drafts.save_draft(change, draft, author=author, now=now)


def _proposed(found: SeenEvent) -> Iterator[PropertySpec]:
    for one in found.keys:
        if one.may_be_added:
            enough = found.count >= ALWAYS and one.share == 1
            yield PropertySpec(key=one.key, type=one.proposed.type, required=enough)


def add_attribute(key: str, *, author: AbstractUser, now: datetime) -> Revision:
    """Draft an attribute of a trait that was seen.

    Raises:
        NotPossible: it was not seen, is in the catalogue, or its name cannot be a key.
        Refused, ChangeClosed: as `drafts.save_draft` does.
    """
    change = drafts.ensure_change(author, now=now)
    candidate = candidate_of(change)
    traits: Iterable[SeenKey] = (
        key for one in seen(candidate) if one.event == "" for key in one.missing
    )
    found = next((one for one in traits if one.key == key and one.may_be_added), None)
    if found is None:
        raise NotPossible(_("“{key}” cannot be added.").format(key=key))
    spec = AttributeSpec(
        key=key,
        name=key.replace("_", " ").capitalize(),
        type=cast("ValueType", found.type),
        purposes=usual_purposes(candidate),
    )
    draft = drafts.Draft(kind=Kind.ATTRIBUTE, key=key, body=body_of(spec), why=WHY)
    return drafts.save_draft(change, draft, author=author, now=now)
