"""The only place that tells destinations of an erasure, rectification, restriction or objection."""

from datetime import datetime
from typing import Any

from decisioning.dispatching.bodies import body_of
from decisioning.models import Destination, Sending


def tell(kind: str, person: str, what: dict[str, Any], now: datetime) -> int:
    """Put a sending for each active webhook; return how many were told of this person, now or before.

    All are told, not only who is on record to have got something: records of sendings are kept for a while only.
    """
    body = body_of(kind, {"person_id": person, **what}, at=now)
    number = 0
    for to in Destination.objects.filter(is_active=True, kind=Destination.Kind.WEBHOOK):
        message = f"msg_{kind}:{person}:{int(now.timestamp())}"[:80]
        if kind == "person.erased":
            message = f"msg_{kind}:{person}"
        row = Sending(
            destination=to,
            message=message,
            kind=kind[:24],
            person=person,
            body=body,
            due_at=now,
            created_at=now,
        )
        Sending.objects.bulk_create([row], ignore_conflicts=True)
        number += 1
    return number


def recipients() -> dict[str, Any]:
    """Return whom data may go to, as an export tells it."""
    rows = Destination.objects.filter(is_active=True).order_by("name")
    return {"recipients": [{"name": one.name, "gets": one.wants_said} for one in rows]}
