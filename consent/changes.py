"""What a change of consent says, what evidence it needs, and what it does to a person's states. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from consent.policy import EVENT_TYPES, EVERY_CHANNEL, GRANTING, EventType, State, Status

MAX_SKEW = timedelta(minutes=5)  # of a sender's clock ahead of ours
MAX_STATES = 1_000  # of one person; each decision for them reads all
NEUTRAL = frozenset({Status.UNKNOWN, Status.REQUESTED, Status.DEFERRED})
STATED = tuple(status for status in Status if status is not Status.EXPIRED)  # expiry is computed
DENYING = frozenset(STATED) - GRANTING - NEUTRAL

ActorKind = Literal["subject", "guardian", "agent", "system", "staff"]
States = Mapping[tuple[str, str], State]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentChange:
    """One thing a person says about one purpose."""

    purpose: str
    status: Status
    event_time: datetime  # when they said it, by the sender's clock
    channel: str = EVERY_CHANNEL  # "*" speaks for every channel
    expires_at: datetime | None = None
    event_type: EventType = "expressed"  # how clearly they said it
    legal_basis: str = ""  # as the policy had it then, e.g. "eu-gdpr:A6-1-a"
    validity_days: int | None = None  # as the policy had it then; None: no limit
    event_id: str = ""  # given by the ledger
    by_guardian: bool = False  # these three are taken from actor and evidence
    over_gpc: bool = False
    notice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who made the change; an opaque id, never a name or an address."""

    kind: ActorKind
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What proves a change. No full IP address, no user agent, no e-mail address.

    Names follow ISO/IEC TS 27560:2023 where it has one.
    """

    controller: str = ""  # whose consent it is, e.g. "Example Shop Ltd"
    collection_method: str = ""  # "cookie banner", "phone call 2026-03-01"
    notice_version: str = ""  # of the notice that was shown
    language: str = ""  # that it was shown in, BCP 47
    jurisdiction: str = ""  # ISO 3166-2 of the person, or "unknown"
    service: str = ""
    source: str = ""  # the system that sends the change
    policy: int = 0  # the version of the policy that was in force
    notice_sha256: str = ""  # of the very bytes that were shown, where they are kept
    workflow_version: str = ""  # of the page that showed them
    age_bracket: str = ""  # as it was said then
    gpc: bool = False
    tcf: str = ""
    gpp: str = ""
    double_opt_in: str = ""  # reference of the confirmation
    session_hash: str = ""


class TooMuchSaidError(Exception):
    """A person has said as much as is kept of one; only denials go on, for every channel."""


NEEDED_TO_GRANT = ("controller", "collection_method", "notice_version", "language", "jurisdiction")
UNKNOWN_PLACE = "unknown"  # what evidence says of a jurisdiction that the sender does not know


def missing_evidence(change: ConsentChange, evidence: Evidence) -> list[str]:
    """Return the fields of the evidence that a grant needs and does not have; a denial needs none."""
    if change.status not in GRANTING:
        return []
    return [name for name in NEEDED_TO_GRANT if not getattr(evidence, name)]


def as_evidenced(change: ConsentChange, evidence: Evidence, actor: Actor) -> ConsentChange:
    """Return a change with what follows from who said it and what they were shown.

    A grant that nothing proves is none, by whichever door it comes.
    """
    proven = not missing_evidence(change, evidence)
    grants = proven and change.status in GRANTING
    return replace(
        change,
        status=change.status if proven else Status.UNKNOWN,
        by_guardian=actor.kind == "guardian",
        # Chosen in spite of a browser that says no, and knowing that it does.
        over_gpc=grants and evidence.gpc and change.event_type == "explicit",
        notice=evidence.notice_version,
    )


def comes_too_early(change: ConsentChange, *, now: datetime) -> bool:
    """Return whether the sender's clock says a time that is too far ahead to be skew."""
    return change.event_time > now + MAX_SKEW


def within_bounds(states: States, changes: Sequence[ConsentChange]) -> list[ConsentChange]:
    """Return changes as they may be recorded of a person: past `MAX_STATES` a denial is for every channel.

    Raises:
        TooMuchSaidError: anything else that would be one more.
    """
    known, bounded = set(states), []
    for change in changes:
        is_new = (change.purpose, change.channel) not in known
        if is_new and len(known) >= MAX_STATES:
            if change.status not in DENYING:
                raise TooMuchSaidError("This person has said too much; withdraw for every channel.")
            change = replace(change, channel=EVERY_CHANNEL)
        known.add((change.purpose, change.channel))
        bounded.append(change)
    return bounded


def apply_changes(
    states: States, changes: Sequence[ConsentChange], *, now: datetime
) -> dict[tuple[str, str], State]:
    """Return the states after these changes.

    A change for one channel touches that channel; one for ``"*"`` touches the purpose's other rows as well.
    """
    result = dict(states)
    for change in changes:
        said = _stated(change, now=now)
        for key in _touched(result, change):
            standing = result.get(key) or result.get((change.purpose, EVERY_CHANNEL))
            if standing is not None and _may_be_older(change, standing, now=now):
                continue
            settled = settle(standing, said)
            if settled is not standing:
                result[key] = settled
    return result


def _stated(change: ConsentChange, *, now: datetime) -> State:
    return State(
        change.status,
        min(change.event_time, now).timestamp(),
        change.expires_at.timestamp() if change.expires_at else None,
        change.event_id,
        change.event_type,
        change.by_guardian,
        change.over_gpc,
        change.notice,
    )


def _may_be_older(change: ConsentChange, standing: State, *, now: datetime) -> bool:
    """Return whether a grant by a clock ahead of ours may have been said before a denial that stands.

    Its clock is wrong by up to the skew that is let pass, so it may be as much older than its arrival.
    """
    if change.status not in GRANTING or change.event_time <= now:
        return False
    return standing.status in DENYING and standing.since >= (now - MAX_SKEW).timestamp()


def _touched(states: States, change: ConsentChange) -> Iterator[tuple[str, str]]:
    yield change.purpose, change.channel
    if change.channel == EVERY_CHANNEL:
        yield from [key for key in states if key[0] == change.purpose and key[1] != EVERY_CHANNEL]


def settle(standing: State | None, said: State) -> State:
    """Return what holds when `said` meets what stands.

    A denial always holds, late or not, and lasts until a later grant. A grant holds only if it was said after
    everything that stands; on a tie the denial wins. Asking or putting off changes neither.
    """
    if standing is None:
        return said
    if said.status in NEUTRAL:
        newer = said.since > standing.since
        return said if newer and standing.status in NEUTRAL else standing
    if said.status in GRANTING:
        answers = standing.status in NEUTRAL and said.since == standing.since
        return said if said.since > standing.since or answers else standing
    return replace(said, since=max(said.since, standing.since))


def strictest(one: States, other: States) -> dict[tuple[str, str], State]:
    """Return the states of two people who turn out to be one: on each purpose and channel the stricter.

    Where only one has said something, that holds; two grants hold together as far as both do.
    """
    joined: dict[tuple[str, str], State] = {}
    for purpose, channel in sorted({*one, *other}):
        said = [
            state
            for states in (one, other)
            if (state := states.get((purpose, channel)) or states.get((purpose, EVERY_CHANNEL)))
        ]
        stricter = max(said, key=_strictness)
        both = len(said) == 2 and all(state.status in GRANTING for state in said)
        joined[purpose, channel] = _together(stricter, *said) if both else stricter
    return joined


def _together(stricter: State, one: State, other: State) -> State:
    """Return two grants as one that says no more than either."""
    if one.by_guardian is not other.by_guardian:
        # Which of them counts depends on an age that only one of them can have: ask again.
        return State(Status.UNKNOWN, max(one.since, other.since), None, stricter.record)
    return replace(
        stricter,
        event_type=min(one.event_type, other.event_type, key=EVENT_TYPES.index),
        over_gpc=one.over_gpc and other.over_gpc,
        notice=one.notice if one.notice == other.notice else "",
    )


def _strictness(state: State) -> tuple[int, float, float]:
    if state.status in GRANTING:
        lapse = state.expires_at if state.expires_at is not None else float("inf")
        return 0, -lapse, -state.since
    return 1 if state.status in NEUTRAL else 2, 0.0, state.since
