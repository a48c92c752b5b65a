"""The only place that tells a reviewer how many people a changed policy of consent would treat otherwise."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from campaigns.audiences.estimates import Estimate, estimate
from campaigns.candidates import candidate_of
from campaigns.drafts import drafts_of
from campaigns.models import Change
from campaigns.models.items import POLICY_KINDS
from campaigns.stages import OPEN
from consent.dry_run import affected
from consent.models import Person
from consent.policy_store import live_policy

LOOKED_AT: Final = 5_000  # people: about a second


@dataclass(frozen=True, slots=True)
class PurposeEffect:
    """How many people would allow one purpose from then on, and how many no longer."""

    name: str
    gain: Estimate
    lose: Estimate


@dataclass(frozen=True, slots=True)
class ConsentEffect:
    """What a changed policy does to people of whom a consent is recorded."""

    purposes: tuple[PurposeEffect, ...]  # those it does something to, in the order of the policy
    people: Estimate  # with any difference
    looked_at: int


def edits_policy(change: Change) -> bool:
    """Return whether an open change says anything of consent; one query, none where it is over."""
    is_open = change.state in OPEN
    return is_open and drafts_of(change).filter(item__kind__in=POLICY_KINDS).exists()


def consent_effect(change: Change, *, now: datetime) -> ConsentEffect:
    """Return what a change's policy does to people, before any signal or channel of their own; some dozen queries.

    Raises:
        Refused: the change cannot become a policy.
    """
    before, after = live_policy(), candidate_of(change).policy
    found = affected(before, after, now=now, most=LOOKED_AT)
    population = Person.objects.filter(merged_into="").count()

    def of_all(people: int) -> Estimate:
        return estimate(people, sampled=found.looked_at, population=population)

    names = {one.key: one.name for policy in (before, after) if policy for one in policy.purposes}
    purposes = tuple(
        PurposeEffect(name, of_all(found.gain[key]), of_all(found.lose[key]))
        for key, name in names.items()
        if found.gain[key] or found.lose[key]
    )
    return ConsentEffect(purposes, of_all(found.people), found.looked_at)
