"""The only place that says which values people have been seen with, to choose from while a rule is written."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import redis

from campaigns.sampling import HISTORY_SAMPLE, load_sample
from decisioning.ingestion.records import Record, decode_record
from decisioning.models import EventRecord
from decisioning.rules.moment import AT_EVENT, read_moment
from decisioning.specs import AttributeSpec, PropertySpec

SHOWN: Final = 50  # values
# What fewer people have is closer to one person than to a choice: a name, an address, a number of theirs.
FEWEST: Final = 3
_TYPES: Final = ("text", "list", "version")
_EVENTS: Final = 5_000  # read at most
_DAYS: Final = 30

Seen = list[tuple[str, int]]  # value and people, the most frequent first


def may_suggest(spec: AttributeSpec | PropertySpec) -> bool:
    """Say whether values of people may be shown: texts of a profile or an event that are not sensitive."""
    if spec.type not in _TYPES:
        return False
    if isinstance(spec, PropertySpec) or spec.key.startswith(AT_EVENT):
        return True
    return spec.source == "profile" and not spec.sensitive


def seen_in_profiles(client: redis.Redis, attribute: str) -> Seen:
    """Return the values of an attribute in the sample, each with at least `FEWEST` people."""
    cells = (profile.attributes.get(attribute) for profile in load_sample(client).profiles.values())
    return _counted(set(_texts(cell.value)) for cell in cells if cell is not None)


def seen_in_events(client: redis.Redis, event: str, key: str, *, now: datetime) -> Seen:
    """Return the values of a property, or of the moment, in the last month's events of some people; one query."""
    people = load_sample(client, most=HISTORY_SAMPLE).profiles
    rows = EventRecord.objects.filter(
        person_id__in=list(people),
        kind="event",
        name=event,
        event_time__gte=now - timedelta(days=_DAYS),
    ).values_list("person_id", "body")[:_EVENTS]
    values: dict[str, set[str]] = {}
    for person, body in rows:
        found = _said(decode_record(bytes(body)), key)
        values.setdefault(person, set()).update(_texts(found))
    return _counted(values.values())


def _said(record: Record, key: str) -> Any:
    if key.startswith(AT_EVENT):
        return read_moment(record.context, key.removeprefix(AT_EVENT))
    return record.properties.get(key)


def _counted(by_person: Iterable[set[str]]) -> Seen:
    counts = Counter(value for values in by_person for value in values)
    shared = [(value, people) for value, people in counts.items() if people >= FEWEST]
    return sorted(shared, key=lambda one: (-one[1], one[0]))[:SHOWN]


def _texts(value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list | tuple) else [value]:
        if isinstance(one, str) and one.strip() == one != "" and len(one) <= 100:
            yield one
