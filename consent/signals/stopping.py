"""Records that somebody who wrote back wants no more messages; what of is a setting."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal

from consent.changes import Actor, ConsentChange, Evidence
from consent.ledger import Recorded, record_change
from consent.policy import EVERY_CHANNEL, PolicySpec, PurposeSpec, Status

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

    `message` is the id of what they wrote: the same one is recorded once.

    Raises:
        consent.ledger.StoreUnavailableError: PostgreSQL is away; a repeat is safe.
    """
    where = EVERY_CHANNEL if scope == "all" else channel
    changes = list(_changes(policy, where, now=now))
    if not changes:
        return None
    evidence = Evidence(collection_method=f"message by {channel}"[:200], source="inbound message")
    key = f"stop:{channel}:{message}" if message else ""
    return record_change(
        person, changes, evidence=evidence, actor=SUBJECT, now=now, idempotency_key=key
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
