"""A logged decision with everything that a person needs to understand it; from its log or the archive."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis
from django.db import Error

from decisioning import decision_log
from decisioning.messages import Explained, LogRow
from decisioning.models import DecisionRecord, OutcomeRecord
from decisioning.releases import ReleaseRefused, Verified, load_released
from decisioning.replay import explain_logged
from decisioning.rules.phrases import ENGLISH, Phrases
from decisioning.specs import ReleaseSpec
from decisioning.tokens import DecisionId
from rtts_site.foundation.redis_clients import Down

logger = logging.getLogger("decisioning")


class DecisionUnavailable(Exception):
    """The stores that could hold the decision do not answer; try again."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """One decision and what came of it."""

    decision_id: str
    state: str  # of DecisionRecord; "recorded" while it is still in its log
    row: LogRow
    explanation: tuple[Explained, ...]
    outcomes: tuple[OutcomeRecord, ...] = ()
    release: ReleaseSpec | None = None  # None where it is gone from Redis

    @property
    def decided_at(self) -> datetime:
        return datetime.fromtimestamp(self.row.at_ms / 1000, UTC)

    def consents(self) -> list[dict[str, Any]]:
        """Return what the person had said, by purpose and channel, as the decision read it."""
        return [
            {
                "purpose": purpose,
                "channel": channel,
                "status": str(state.status),
                "since": datetime.fromtimestamp(state.since, UTC),
                "record": state.record,
            }
            for (purpose, channel), state in sorted(self.row.state.consent.states.items())
        ]


def inspect(
    decision_id: DecisionId, client: redis.Redis, phrases: Phrases = ENGLISH
) -> Inspected | None:
    """Return a decision; None where there is none. Loads its release: tens of milliseconds.

    Raises:
        DecisionUnavailable: neither store can be asked.
        decision_log.DecisionErased: the person behind it was erased.
    """
    name = str(decision_id)
    try:
        row = decision_log.find_in_stream(client, decision_id)
        record = None if row else DecisionRecord.objects.filter(decision_id=name).first()
    except (*Down, Error) as error:
        raise DecisionUnavailable("The decision log does not answer; try again.") from error
    if record is not None:
        row = decision_log.open_body(record)
    if row is None:
        return None
    verified = _released(client, row.release_digest)
    return Inspected(
        name,
        record.state if record else str(_state_in_log(row)),
        row,
        explain_logged(row, verified, phrases),
        tuple(OutcomeRecord.objects.filter(decision_id=name).order_by("occurred_at"))
        if record
        else (),
        verified.release if verified else None,
    )


def _state_in_log(row: LogRow) -> DecisionRecord.State:
    return DecisionRecord.State.PREVIEW if row.preview else DecisionRecord.State.RECORDED


def _released(client: redis.Redis, digest: str) -> Verified | None:
    try:
        return load_released(client, digest)
    except (ReleaseRefused, *Down) as error:
        logger.warning("inspect.without_release reason=%s", error)
        return None
