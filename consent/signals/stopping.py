"""Records that somebody who wrote back wants no more messages; what of is a setting."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Final, Literal

from consent.changes import Actor, ConsentChange, Evidence
from consent.channels import bind_all
from consent.ledger import Recorded, record_change
from consent.policy import EVERY_CHANNEL, PolicySpec, PurposeSpec, Status
from consent.projection import load_states

Scope = Literal["channel", "all"]
SUBJECT: Final = Actor(kind="subject")


def may_be_refused(purpose: PurposeSpec) -> bool:
    """Return whether a person may say no to a purpose: to all but what a contract cannot do without."""
    return purpose.basis != "contract" or purpose.objectable or purpose.device_access


def denial_of(purpose: PurposeSpec) -> Status:
    """Return what a no is to a purpose: consent is withdrawn, to any other basis people object."""
    by_consent = purpose.basis == "consent" or purpose.device_access
    return Status.WITHDRAWN if by_consent else Status.OBJECTED


def stop_messages(
    person: str,
    policy: PolicySpec,
    *,
    channel: str,
    scope: Scope,
    message: str = "",
    now: datetime,
) -> Recorded | None:
    """Record a no to every purpose on a channel, or on all; None where the policy has none to refuse.

    On a channel that does not exist it is one on all.

    `message` is an id of what they wrote, with whoever gave it: it is recorded once, unless they said yes since.

    Raises:
        consent.ledger.StoreUnavailableError: PostgreSQL is away; a repeat is safe.
    """
    where = EVERY_CHANNEL if scope == "all" else channel
    changes = bind_all(list(_changes(policy, where, now=now)))
    if not changes:
        return None
    evidence = Evidence(collection_method=f"message by {channel}"[:200], source="inbound message")
    record = partial(record_change, person, changes, evidence=evidence, actor=SUBJECT, now=now)
    # Senders count as they like: one number is many messages, and each of them has to stop.
    recorded = record(idempotency_key=f"stop:{person}:{channel}:{message}" if message else "")
    return record() if recorded.repeated and _is_undone(recorded.person, changes) else recorded


def _is_undone(person: str, changes: Sequence[ConsentChange]) -> bool:
    states = load_states([person]).get(person, {})
    return any(
        said is None or said.status != change.status
        for change in changes
        for said in [states.get((change.purpose, change.channel))]
    )


def _changes(policy: PolicySpec, channel: str, *, now: datetime) -> Iterator[ConsentChange]:
    for purpose in policy.purposes:
        if may_be_refused(purpose) and not purpose.retired:
            yield ConsentChange(
                purpose=purpose.key,
                status=denial_of(purpose),
                channel=channel,
                event_time=now,
                event_type="explicit",
            )
