"""What staff may read about one person in one place; each reading is recorded."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis

from campaigns.candidates import candidate_of
from consent.models import RecordRead
from consent.projection import load_states
from decisioning.models import DecisionRecord, ShownRecord
from decisioning.profiles.profile import Profile
from decisioning.profiles.store import load_profile
from decisioning.profiles.windows import facts
from decisioning.rules.conditions import (
    Catalogue,
    ConditionError,
    Node,
    Truth,
    aggregates,
    attributes,
    explain,
    parse,
)
from decisioning.rules.words import explanation_words
from decisioning.specs import ReleaseSpec
from rtts_site.foundation.language import ACTIVE

RECENT = 20


@dataclass(frozen=True, slots=True)
class KnownAttribute:
    """One attribute with where it came from."""

    name: str
    value: Any
    since: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Membership:
    """Whether a person is in a segment, and why."""

    name: str
    truth: str  # "true", "false", "unknown"
    why: dict[str, Any]  # {"words", "truth", "actual", "parts"}


@dataclass(frozen=True, slots=True)
class Consent:
    """Where a person stands on a purpose."""

    purpose: str
    channel: str
    status: str
    since: datetime
    record: str


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """Everything on the page."""

    person: str
    is_known: bool
    identifiers: list[str]
    attributes: list[KnownAttribute]
    memberships: list[Membership]
    consents: list[Consent]
    decisions: list[DecisionRecord]
    shown: list[ShownRecord]


def read_person(client: redis.Redis, person: str, *, reader: str, now: datetime) -> KnownPerson:
    """Return what is known of a person under the live release, and record that it was read."""
    RecordRead.objects.create(person=person, reader=reader, what="person page", read_at=now)
    person, profile = load_profile(client, person)
    spec = candidate_of(None).spec
    decisions = DecisionRecord.objects.filter(person_id=person).order_by("-decided_at")
    shown = ShownRecord.objects.filter(person_id=person).order_by("-decided_at", "placement")
    return KnownPerson(
        person,
        profile is not None,
        sorted(profile.identifiers) if profile else [],
        _attributes(profile, spec) if profile else [],
        _memberships(profile, spec, now=now),
        _consents(person),
        list(decisions.defer("body")[:RECENT]),
        list(shown[: 3 * RECENT]),
    )


def _attributes(profile: Profile, spec: ReleaseSpec) -> list[KnownAttribute]:
    names = {one.key: one.name for one in spec.attributes}
    return [
        KnownAttribute(
            names.get(key, key),
            cell.value,
            datetime.fromtimestamp(cell.event_time_ms / 1000, UTC),
            cell.source,
        )
        for key, cell in sorted(profile.attributes.items())
        if cell.value is not None
    ]


def _memberships(profile: Profile | None, spec: ReleaseSpec, *, now: datetime) -> list[Membership]:
    catalogue = Catalogue.of(spec)
    found = []
    for segment in spec.segments:
        try:
            tree = parse(segment.condition, catalogue)
        except ConditionError:
            continue
        found.append(_membership(segment.name, tree, profile, catalogue, now=now))
    return found


def _membership(
    name: str, tree: Node, profile: Profile | None, catalogue: Catalogue, *, now: datetime
) -> Membership:
    known = facts(profile, attributes(tree), aggregates(tree), now.timestamp())
    explanation = explain(tree, known, now.timestamp())
    truth = {Truth.TRUE: "true", Truth.FALSE: "false"}.get(explanation.truth, "unknown")
    return Membership(name, truth, explanation_words(explanation, catalogue, ACTIVE))


def _consents(person: str) -> list[Consent]:
    states = load_states([person]).get(person, {})
    return [
        Consent(
            purpose, channel, state.status, datetime.fromtimestamp(state.since, UTC), state.record
        )
        for (purpose, channel), state in sorted(states.items())
    ]
