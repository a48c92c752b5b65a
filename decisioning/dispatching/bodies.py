"""The only place that words what destinations are sent: a type, a time and plain data, as JSON.

Source: Standard Webhooks, payload structure.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from decisioning.messages import LogRow
from decisioning.watching.dispatches import Dispatch


def body_of(kind: str, data: Mapping[str, Any], *, at: datetime) -> str:
    """Return ``{"type": "segment.entered", "timestamp": "…", "data": {…}}``."""
    timestamp = at.astimezone(UTC).isoformat()
    return msgspec.json.encode({"type": kind, "timestamp": timestamp, "data": data}).decode()


def of_dispatch(dispatch: Dispatch) -> str:
    """Return what is told of a segment entered or left, or of a trigger that fired.

    ``{"person_id": "p042…", "segment": {"key": "loyal"}, "entered_at": "…"}``
    """
    data: dict[str, Any] = {"person_id": dispatch.person}
    if dispatch.kind == "trigger.fired":
        data["trigger"] = {"key": dispatch.key}
        if dispatch.event:
            event = {"name": dispatch.event, "message_id": dispatch.message_id}
            data["event"] = event | {"properties": dispatch.properties}
        if dispatch.since_ms:
            data["since"] = moment(dispatch.since_ms).isoformat()
    else:
        data["segment"] = {"key": dispatch.key}
        if dispatch.since_ms:
            data["entered_at"] = moment(dispatch.since_ms).isoformat()
    return body_of(dispatch.kind, data, at=moment(dispatch.at_ms))


def of_decision(decision_id: str, row: LogRow) -> str:
    """Return what is told of a decision: what each placement showed, not what is known of the person."""
    placements = [
        {
            "key": placed.key,
            "status": placed.status,
            "reason": placed.reason,
            "offers": [
                {
                    "offer": one.offer or None,
                    "variant": one.variant or None,
                    "campaign": one.campaign or None,
                    "rank": one.rank,
                    "score": one.score,
                    "experiment": one.experiment or None,
                    "arm": one.arm or None,
                }
                for one in placed.chosen
            ],
        }
        for placed in row.decision.placed
    ]
    data = {
        "decision_id": decision_id,
        "person_id": row.ask.person,
        "release": {"version": row.release_version, "digest": row.release_digest},
        "placements": placements,
    }
    return body_of("decision.made", data, at=moment(row.at_ms))


def moment(ms: int) -> datetime:
    """Return epoch milliseconds as a moment."""
    return datetime.fromtimestamp(ms / 1000, UTC)
