"""The only place that counts whom a draft of the policy would treat otherwise than the policy in force."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from consent.models import Person
from consent.policy import EVERY_CHANNEL, ConsentView, Judge, PolicySpec
from consent.projection import known_of, load_states
from consent.signals.said import NO_SIGNALS
from consent.state import make_view

CHUNK: Final = 1_000
LOOKED_AT: Final = 20_000  # people at most, by id, which is random


@dataclass(frozen=True, slots=True)
class Affected:
    """How many people gain or lose a purpose, of all that were looked at."""

    looked_at: int
    gain: Counter[str] = field(default_factory=Counter)  # purpose -> people
    lose: Counter[str] = field(default_factory=Counter)
    people: int = 0  # with any difference


def affected(
    before: PolicySpec | None, after: PolicySpec, *, now: datetime, most: int = LOOKED_AT
) -> Affected:
    """Return whom a draft would treat otherwise, on channels that nobody spoke of; two queries for each 1,000 people."""
    gain: Counter[str] = Counter()
    lose: Counter[str] = Counter()
    looked_at = people = 0
    last = ""
    while looked_at < most:
        rows = list(Person.objects.filter(id__gt=last, merged_into="").order_by("id")[:CHUNK])
        if not rows:
            break
        last, states = rows[-1].id, load_states([row.id for row in rows])
        for row in rows:
            view = make_view(known_of(row), states.get(row.id, {}), version=row.version)
            had, has = (_allowed(policy, view, now=now) for policy in (before, after))
            gain.update(has - had)
            lose.update(had - has)
            people += had != has
        looked_at += len(rows)
    return Affected(looked_at, gain, lose, people)


def _allowed(policy: PolicySpec | None, view: ConsentView, *, now: datetime) -> set[str]:
    if policy is None:
        return set()
    judge = Judge(policy, view, EVERY_CHANNEL, NO_SIGNALS, now.timestamp())
    if judge.doubt():
        return set()
    return {one.key for one in policy.purposes if judge.verdict(one.key).allowed}
