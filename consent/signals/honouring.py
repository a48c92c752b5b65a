"""Records the opt-out of people whose browser sends Global Privacy Control, so that it holds for them elsewhere too.

Source: 11 CCR 7025(c)(1): browser or device, the profile that goes with it, and the consumer where they are known.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

from consent import policy_store
from consent.changes import DENYING, Actor, ConsentChange, Evidence
from consent.ledger import StoreUnavailableError, current_person, record_change
from consent.models import OptOutSeen, Person
from consent.person_keys import KeyDestroyedError
from consent.policy import EVERY_CHANNEL, GRANTING, PolicySpec, State, Status
from consent.policy.terms import codes_with, make_ready
from consent.projection import RESIDENCE, States, load_states, places_of

METHOD: Final = "Global Privacy Control"
NO_EVIDENCE_NEEDED: Final = Evidence(collection_method=METHOD, source="browser", gpc=True)
AT_ONCE: Final = 500  # people
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


def note_gpc(seen: Iterable[tuple[str, str]]) -> None:
    """Keep whose browser said no, and from which place ("" is not known), until it is honoured; one query.

    In the transaction that writes what it was seen in, none is lost and none is made up.
    """
    OptOutSeen.objects.bulk_create(
        [OptOutSeen(person=person, place=place) for person, place in sorted(set(seen))]
    )


def is_due(_now: datetime) -> bool:
    """Return whether an opt-out waits; one query."""
    return OptOutSeen.objects.exists()


def honour_waiting(*, now: datetime) -> int:
    """Honour every opt-out that was seen, once, and return for how many people that was new.

    Raises:
        consent.ledger.StoreUnavailableError: of these it is kept; a repeat is safe.
    """
    honoured, after = 0, 0
    while rows := list(OptOutSeen.objects.filter(pk__gt=after).order_by("pk")[:AT_ONCE]):
        after = rows[-1].pk
        places: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            places[row.person].add(row.place)
        honoured += honour_gpc(places, now=now)
        OptOutSeen.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return honoured


def honour_gpc(seen: Mapping[str, Collection[str]], *, now: datetime) -> int:
    """Withdraw for these people what their browser's signal denies, once; return for how many that was new.

    `seen` has the places that their requests came from, "" where that is not known. What a person chose in the
    signal's sight stays. Three queries for each, and about nine more where the opt-out is new.

    Raises:
        consent.ledger.StoreUnavailableError: somebody's could not be recorded, everybody else's was; a repeat is safe.
    """
    policy = policy_store.live_policy()
    concerned = concerned_by_gpc(policy) if policy else frozenset()
    if policy is None or not concerned:
        return 0
    places: dict[str, set[str]] = defaultdict(set)
    for person, named in seen.items():
        places[current_person(person)] |= set(named)
    owners = sorted(places)
    known = load_states(owners)
    exempt = _where_it_has_no_effect(policy, places)
    honoured, failed = 0, None
    for person in owners:
        changes = list(opt_outs(concerned, known.get(person, {}), now=now))
        if changes and person not in exempt:
            try:
                honoured += _record(person, changes, now=now)
            except StoreUnavailableError as error:
                failed = error
    if failed is not None:
        raise failed
    return honoured


def _record(person: str, changes: Sequence[ConsentChange], *, now: datetime) -> bool:
    subject = Actor(kind="subject")
    try:
        record_change(person, changes, evidence=NO_EVIDENCE_NEEDED, actor=subject, now=now)
    except KeyDestroyedError:  # erased meanwhile: nothing is done with what was theirs
        return False
    return True


def _where_it_has_no_effect(
    policy: PolicySpec, places: Mapping[str, Collection[str]]
) -> frozenset[str]:
    ready = make_ready(policy)

    def has_effect(row: Person) -> bool:
        resident = row.jurisdiction_known_by == RESIDENCE
        codes = (codes_with(places_of(row), one, resident=resident) for one in places[row.id])
        return any(ready.terms(one).gpc_denies for one in codes)

    return frozenset(row.id for row in Person.objects.filter(id__in=places) if not has_effect(row))


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
