"""The only place that asks history what a number was at a past moment, and whether a goal event followed."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import redis

from campaigns.sampling import load_sample
from campaigns.thresholds.measures import Past
from campaigns.thresholds.questions import Question
from decisioning.ingestion.records import Record, decode_record
from decisioning.models import EventRecord
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.folding import fold
from decisioning.profiles.windows import facts

PEOPLE: Final = 1_000  # whose history is read at most
RECORDS: Final = 200_000  # that are read at most
MAX_DAYS: Final = 90  # between the past moment and now
_AT_ONCE: Final = 50  # people
_DEPTH: Final = 5  # merges of merges

Report = Callable[[int, int], bool]  # people done, people in all; False stops


class Goal(msgspec.Struct, frozen=True):
    """What a threshold is to tell: that an event follows within so many days."""

    event: str
    days: int


def read_past(
    client: redis.Redis, question: Question, goal: Goal, *, now: datetime, report: Report
) -> list[Past] | None:
    """Return each sampled person's number at the past moment and whether the goal followed; None if stopped.

    The past moment is the goal's days ago: what came up to it is folded as it was folded then, what came
    after is only looked through for the goal. Who came later than that is left out.
    """
    moment = now - timedelta(days=goal.days)
    profiles = load_sample(client, most=PEOPLE).profiles
    then_known = [
        person
        for person, profile in profiles.items()
        if 0 < profile.first_seen_ms <= moment.timestamp() * 1000
    ]
    found: list[Past] = []
    read = 0
    for start in range(0, len(then_known), _AT_ONCE):
        if read > RECORDS or not report(start, len(then_known)):
            return found if read > RECORDS else None
        some = then_known[start : start + _AT_ONCE]
        told = _histories(some, _names(question, goal))
        read += sum(map(len, told.values()))
        found += [_past(told[person], question, goal, moment=moment, now=now) for person in some]
    report(len(then_known), len(then_known))
    return found


def _past(
    records: Iterable[Record], question: Question, goal: Goal, *, moment: datetime, now: datetime
) -> Past:
    moment_ms, now_ms = moment.timestamp() * 1000, now.timestamp() * 1000
    before: list[Record] = []
    followed = False
    for record in records:
        if record.event_time_ms <= moment_ms:
            before.append(record)
        elif record.event_time_ms <= now_ms:
            followed = followed or record.event == goal.event
    specs = [question.aggregate] if question.aggregate else []
    profile = fold(None, before, Aggregates.of(specs))
    attributes = () if question.aggregate else (question.fact,)
    value = facts(profile, attributes, specs, moment.timestamp()).get(question.fact)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (float(value) if is_number else None), followed  # type: ignore[arg-type]  # a number then


def _names(question: Question, goal: Goal) -> frozenset[str] | None:
    """Return the events to read, None for all: sessions and attributes come of any."""
    spec = question.aggregate
    if spec is None or spec.within in ("page", "session"):
        return None
    return frozenset({spec.event, goal.event})


def _histories(people: list[str], names: frozenset[str] | None) -> dict[str, list[Record]]:
    """Return the events of these people, of whoever merged into them too."""
    owner = {person: person for person in people}
    told: dict[str, list[Record]] = {person: [] for person in people}
    unread = list(people)
    for _ in range(_DEPTH):
        arrived: list[str] = []
        for person, record in _records(unread, names):
            if record.kind == "merge_in" and not record.refused and record.other not in owner:
                owner[record.other] = owner[person]
                arrived.append(record.other)
            elif record.kind == "event":
                told[owner[person]].append(record)
        if not arrived:
            break
        unread = arrived
    return told


def _records(people: list[str], names: frozenset[str] | None) -> Iterator[tuple[str, Record]]:
    rows: Any = EventRecord.objects.filter(person_id__in=people, kind__in=("event", "merge_in"))
    if names is not None:
        rows = rows.filter(name__in=[*names, ""])  # merges have no name
    for person, body in rows.values_list("person_id", "body"):
        yield person, decode_record(bytes(body))
