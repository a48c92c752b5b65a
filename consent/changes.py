"""What a change of consent says, what evidence it needs, and what it does to a person's states. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from consent.policy import EVERY_CHANNEL, GRANTING, State, Status

MAX_SKEW = timedelta(minutes=5)  # of a sender's clock ahead of ours
NEUTRAL = frozenset({Status.UNKNOWN, Status.REQUESTED, Status.DEFERRED})
STATED = tuple(status for status in Status if status is not Status.EXPIRED)  # expiry is computed

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
    event_id: str = ""  # given by the ledger


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
    gpc: bool = False
    tcf: str = ""
    gpp: str = ""
    double_opt_in: str = ""  # reference of the confirmation
    session_hash: str = ""


NEEDED_TO_GRANT = ("controller", "collection_method", "notice_version", "language", "jurisdiction")


def missing_evidence(change: ConsentChange, evidence: Evidence) -> list[str]:
    """Return the fields of the evidence that a grant needs and does not have; a denial needs none."""
    if change.status not in GRANTING:
        return []
    return [name for name in NEEDED_TO_GRANT if not getattr(evidence, name)]


def comes_too_early(change: ConsentChange, *, now: datetime) -> bool:
    """Return whether the sender's clock says a time that is too far ahead to be skew."""
    return change.event_time > now + MAX_SKEW


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
    )


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

    Where only one has said something, that holds; between two grants the one that lapses first.
    """
    joined: dict[tuple[str, str], State] = {}
    for purpose, channel in sorted({*one, *other}):
        said = [
            state
            for states in (one, other)
            if (state := states.get((purpose, channel)) or states.get((purpose, EVERY_CHANNEL)))
        ]
        joined[purpose, channel] = max(said, key=_strictness)
    return joined


def _strictness(state: State) -> tuple[int, float, float]:
    if state.status in GRANTING:
        lapse = state.expires_at if state.expires_at is not None else float("inf")
        return 0, -lapse, -state.since
    return 1 if state.status in NEUTRAL else 2, 0.0, state.since
