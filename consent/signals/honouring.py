"""Records the opt-out of people whose browser sends Global Privacy Control, so that it holds for them elsewhere too.

Source: 11 CCR 7025(c)(1): browser or device, the profile that goes with it, and the consumer where they are known.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Final, Literal

from consent import policy_store
from consent.changes import DENYING, Actor, ConsentChange, Evidence
from consent.ledger import current_person, record_change
from consent.models import Person
from consent.policy import EVERY_CHANNEL, GRANTING, PolicySpec, State, Status
from consent.policy.terms import make_ready
from consent.projection import States, load_states

METHOD: Final = "Global Privacy Control"
NO_EVIDENCE_NEEDED: Final = Evidence(collection_method=METHOD, source="browser", gpc=True)
GpcStatus = Literal["none", "applied", "overridden"]


def gpc_status(
    concerned: Collection[str], states: Iterable[tuple[str, State]], *, gpc: bool
) -> GpcStatus:
    """Return what became of a browser's signal: an own choice in its sight overrides it.

    `states` are pairs of a purpose and what was said of it, `concerned` the purposes that the signal is about.
    """
    if not gpc:
        return "none"
    chosen = any(
        purpose in concerned and state.over_gpc and state.status in GRANTING
        for purpose, state in states
    )
    return "overridden" if chosen else "applied"


def concerned_by_gpc(policy: PolicySpec) -> frozenset[str]:
    """Return the purposes that Global Privacy Control is about: sale, sharing, targeted advertising."""
    return frozenset(one.key for one in policy.purposes if one.gpc and not one.retired)


def honour_gpc(persons: Iterable[str], *, now: datetime) -> int:
    """Withdraw for these people what their browser's signal denies, once; return for how many that was new.

    What a person chose in the signal's sight stays. Two queries, and about nine for each whose opt-out is new.

    Raises:
        consent.ledger.StoreUnavailableError: PostgreSQL is away; a repeat is safe.
    """
    policy = policy_store.live_policy()
    concerned = concerned_by_gpc(policy) if policy else frozenset()
    if policy is None or not concerned:
        return 0
    owners = sorted({current_person(person) for person in persons})
    known = load_states(owners)
    exempt = _where_it_has_no_effect(policy, owners)
    honoured = 0
    for person in owners:
        changes = list(opt_outs(concerned, known.get(person, {}), now=now))
        if changes and person not in exempt:
            record_change(
                person,
                changes,
                evidence=NO_EVIDENCE_NEEDED,
                actor=Actor(kind="subject"),
                now=now,
            )
            honoured += 1
    return honoured


def _where_it_has_no_effect(policy: PolicySpec, persons: Collection[str]) -> frozenset[str]:
    ready = make_ready(policy)
    rows = Person.objects.filter(id__in=persons).values_list("id", "jurisdiction")
    return frozenset(person for person, place in rows if not ready.terms(place).gpc_denies)


def opt_outs(concerned: Iterable[str], states: States, *, now: datetime) -> Iterator[ConsentChange]:
    """Yield what a person's states lack of what the signal denies; a choice in its sight stays."""
    for purpose in sorted(concerned):
        said = [state for (one, _), state in states.items() if one == purpose]
        chosen = any(state.over_gpc and state.status in GRANTING for state in said)
        # Whatever is no denial is open: where people are not asked first, "unknown" allows.
        is_denied = (purpose, EVERY_CHANNEL) in states and all(
            state.status in DENYING for state in said
        )
        if not is_denied and not chosen:
            yield ConsentChange(
                purpose=purpose, status=Status.WITHDRAWN, event_time=now, event_type="explicit"
            )
