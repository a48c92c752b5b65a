"""Makes a logged decision again: under its own release the same answer, with its reasons in words."""

from datetime import UTC, datetime

import redis

from consent.policy import PolicySpec
from decisioning.decisions import decide
from decisioning.explaining import explain_decision
from decisioning.held import Held, hold
from decisioning.messages import Decision, Explained, LogRow
from decisioning.releases import load_released


def replay(row: LogRow, held: Held, *, policy: PolicySpec | None) -> Decision:
    """Return the decision that the logged inputs give under a release and a policy; touches nothing."""
    now = datetime.fromtimestamp(row.at_ms / 1000, UTC)
    return decide(row.ask, row.state, held, policy=policy, now=now)


def explain_logged(row: LogRow, client: redis.Redis) -> tuple[Explained, ...]:
    """Return the reasons of a logged decision; without conditions where its release is gone from Redis."""
    verified = load_released(client, row.release_digest)
    if verified is None:
        return explain_decision(row.decision, None, level="reasons", now=row.at_ms / 1000)
    held = hold(verified)
    try:
        return explain_decision(row.decision, held, level="reasons", now=row.at_ms / 1000)
    finally:
        held.engine.close()
