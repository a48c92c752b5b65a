"""Where a person stands on every purpose, as programs and staff are told."""

from dataclasses import dataclass
from datetime import datetime

from consent import state
from consent.models import Person
from consent.policy import (
    DAY_SECONDS,
    EVERY_CHANNEL,
    ConsentView,
    PolicySpec,
    State,
    Status,
    permits,
)
from consent.policy.terms import make_ready
from consent.projection import known_of, load_states, moment

NOES = frozenset({Status.REFUSED, Status.WITHDRAWN, Status.OBJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One purpose on one channel."""

    purpose: str
    channel: str  # "*": all that have no line of their own
    status: str  # as last said
    since: datetime | None
    allowed: bool  # at the asked time, with no signal from a request
    basis: str
    reason: str  # a key of policy.REASONS
    words: str
    expires_at: datetime | None
    ask_again_at: datetime | None  # of who said no: earliest that they may be asked
    receipt: str | None


def load_view_of_record(person: str) -> ConsentView:
    """Return a person's consent from PostgreSQL, which has all that was ever acknowledged; two queries."""
    row = Person.objects.filter(id=person).first()
    states = load_states([person]).get(person, {})
    return state.make_view(known_of(row), states, version=row.version if row else 0)


def standings(policy: PolicySpec, view: ConsentView, *, now: datetime) -> list[Standing]:
    """Return a line for each purpose of the policy and for each channel that something was said about, sorted."""
    asked = {(purpose.key, EVERY_CHANNEL) for purpose in policy.purposes} | set(view.states)
    return [_standing(policy, view, *one, now=now) for one in sorted(asked)]


def _standing(
    policy: PolicySpec, view: ConsentView, purpose: str, channel: str, *, now: datetime
) -> Standing:
    gate = permits(policy, view, [purpose], channel=channel, now=now)
    said = view.states.get((purpose, channel))
    return Standing(
        purpose=purpose,
        channel=channel,
        status=str(said.status) if said else "unknown",
        since=moment(said.since) if said else None,
        allowed=gate.allowed,
        basis=gate.basis,
        reason=gate.reasons[0].code,
        words=gate.reasons[0].words,
        expires_at=moment(gate.expires_at) if gate.expires_at is not None else None,
        ask_again_at=_ask_again_at(policy, view, said),
        receipt=said.record if said else None,
    )


def _ask_again_at(policy: PolicySpec, view: ConsentView, said: State | None) -> datetime | None:
    if said is None or said.status not in NOES:
        return None
    days = make_ready(policy).terms(view.jurisdiction).reprompt_days
    return moment(said.since + days * DAY_SECONDS)
