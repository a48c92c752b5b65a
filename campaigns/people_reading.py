"""What staff may read about one person in one place; each reading is recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis

from campaigns.candidates import candidate_of
from consent.models import RecordRead
from consent.policy_store import live_policy
from consent.standing import Standing, load_view_of_record, standings
from decisioning.ingestion.origins import message_ids
from decisioning.ingestion.records import decode_record
from decisioning.models import DecisionRecord, EventRecord, ShownRecord
from decisioning.profiles.profile import Profile
from decisioning.profiles.somebody import Judge, Somebody, all_reads, judges, load_somebody
from decisioning.rules.conditions import Catalogue, Truth
from decisioning.rules.words import explanation_words
from decisioning.specs import ReleaseSpec
from rtts_site.foundation.language import ACTIVE
from rtts_site.foundation.models import ApiKey

RECENT = 20  # decisions
RECENT_EVENTS = 50


@dataclass(frozen=True, slots=True)
class KnownAttribute:
    """One attribute with where it came from."""

    name: str
    value: Any
    since: datetime
    source: str  # name of the API key that sent it
    message_id: str


@dataclass(frozen=True, slots=True)
class Membership:
    """Whether a person is in a segment, and why."""

    name: str
    truth: str  # "true", "false", "unknown"
    why: dict[str, Any]  # {"words", "truth", "actual", "parts"}


@dataclass(frozen=True, slots=True)
class KnownEvent:
    """Something that the person did, newest first."""

    name: str
    kind: str  # "track", "page", "identify", …
    at: datetime
    received_at: datetime
    # Pairs, not a dict: one with a key "items" has no items in a template.
    said: tuple[tuple[str, Any], ...]
    source: str
    message_id: str


@dataclass(frozen=True, slots=True)
class KnownIdentifier:
    """A name that a channel knows the person by."""

    name: str  # "user:c-42"
    since: datetime


@dataclass(frozen=True, slots=True)
class KnownMerge:
    """Somebody who became this person."""

    person: str
    at: datetime
    evidence: str  # the identifiers that said so
    source: str  # name of the API key that sent them
    message_id: str


@dataclass(frozen=True, slots=True)
class KnownDecision:
    """One answer that the person got, with what it showed."""

    record: DecisionRecord
    shown: tuple[ShownRecord, ...]


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """Everything on the page."""

    person: str
    is_known: bool
    identifiers: list[KnownIdentifier]
    merges: list[KnownMerge]
    attributes: list[KnownAttribute]
    memberships: list[Membership]
    standings: list[Standing]
    events: list[KnownEvent]
    decisions: list[KnownDecision]


def read_person(client: redis.Redis, person: str, *, reader: str, now: datetime) -> KnownPerson:
    """Return what is known of a person under the live release, and record that it was read."""
    RecordRead.objects.create(person=person, reader=reader, what="person page", read_at=now)
    spec = candidate_of(None).spec
    catalogue = Catalogue.of(spec)
    found = judges(spec.segments, catalogue)
    one = load_somebody(client, person, all_reads(found.values()))
    person, profile = one.person, one.profile
    known = profile or Profile()
    everyone = [person, *known.absorbed]
    sources = {str(key): name for key, name in ApiKey.objects.values_list("id", "name")}
    policy = live_policy()
    return KnownPerson(
        person,
        profile is not None,
        [KnownIdentifier(name, moment(at)) for name, at in sorted(known.identifiers.items())],
        _merges(person, known, sources),
        _attributes(known, spec, sources, message_ids(person, known)),
        [
            _membership(segment.name, found[segment.key], one, catalogue, now=now)
            for segment in spec.segments
            if segment.key in found
        ],
        standings(policy, load_view_of_record(person), now=now) if policy else [],
        _events(everyone, spec, sources),
        _decisions(everyone),
    )


def moment(epoch_ms: int) -> datetime:
    """Return epoch milliseconds as an aware time."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def _merges(person: str, known: Profile, sources: Mapping[str, str]) -> list[KnownMerge]:
    rows = EventRecord.objects.filter(person_id=person, kind="merge_in").order_by("event_time")
    came = {record.other: record for record in (decode_record(bytes(row.body)) for row in rows)}
    found = []
    for source, at_ms in sorted(known.absorbed.items(), key=lambda pair: pair[1]):
        record = came.get(source)
        evidence = record.ask.evidence if record and record.ask else ""
        found.append(
            KnownMerge(
                source,
                moment(at_ms),
                ", ".join(record.identifiers) if record else "",
                sources.get(record.source, record.source) if record else "",
                evidence,
            )
        )
    return found


def _events(everyone: list[str], spec: ReleaseSpec, sources: Mapping[str, str]) -> list[KnownEvent]:
    names = {one.key: one.name for one in spec.event_types}
    rows = EventRecord.objects.filter(person_id__in=everyone, kind="event")
    found = []
    for row in rows.order_by("-event_time")[:RECENT_EVENTS]:
        record = decode_record(bytes(row.body))
        found.append(
            KnownEvent(
                names.get(row.name, row.name) or row.type,
                row.type,
                row.event_time,
                row.received_at,
                tuple((record.properties or record.attributes).items()),
                sources.get(row.source, row.source),
                row.message_id,
            )
        )
    return found


def _decisions(everyone: list[str]) -> list[KnownDecision]:
    records = DecisionRecord.objects.filter(person_id__in=everyone).order_by("-decided_at")
    latest = list(records.defer("body")[:RECENT])
    by_decision: dict[str, list[ShownRecord]] = {}
    rows = ShownRecord.objects.filter(
        decision_id__in=[one.decision_id for one in latest], person_id__in=everyone, rank__gt=0
    )
    for row in rows.order_by("placement", "rank"):
        by_decision.setdefault(row.decision_id, []).append(row)
    return [KnownDecision(one, tuple(by_decision.get(one.decision_id, ()))) for one in latest]


def _attributes(
    profile: Profile,
    spec: ReleaseSpec,
    sources: Mapping[str, str],
    messages: Mapping[int, str],
) -> list[KnownAttribute]:
    names = {one.key: one.name for one in spec.attributes}
    return [
        KnownAttribute(
            names.get(key, key),
            cell.value,
            moment(cell.event_time_ms),
            sources.get(cell.source, cell.source),
            messages.get(cell.message, ""),
        )
        for key, cell in sorted(profile.attributes.items())
        if cell.value is not None
    ]


def _membership(
    name: str, judge: Judge, one: Somebody, catalogue: Catalogue, *, now: datetime
) -> Membership:
    explanation = judge.explained(one, now.timestamp())
    truth = {Truth.TRUE: "true", Truth.FALSE: "false"}.get(explanation.truth, "unknown")
    return Membership(name, truth, explanation_words(explanation, catalogue, ACTIVE))
