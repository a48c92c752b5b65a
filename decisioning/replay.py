"""Makes a logged decision again: under its own release the same answer, with its reasons in words."""

from datetime import UTC, datetime

from consent.policy import PolicySpec
from decisioning.decisions import decide
from decisioning.explaining import explain_decision
from decisioning.held import Held, hold
from decisioning.messages import Decision, Explained, LogRow
from decisioning.releases import Verified
from decisioning.rules.phrases import ENGLISH, Phrases


def replay(row: LogRow, held: Held, *, policy: PolicySpec | None) -> Decision:
    """Return the decision that the logged inputs give under a release and a policy; touches nothing."""
    now = datetime.fromtimestamp(row.at_ms / 1000, UTC)
    return decide(row.ask, row.state, held, policy=policy, now=now)


def explain_logged(
    row: LogRow, verified: Verified | None, phrases: Phrases = ENGLISH
) -> tuple[Explained, ...]:
    """Return the reasons of a logged decision; without its release no conditions are told.

    Loads the release: tens of milliseconds.
    """
    at = row.at_ms / 1000
    if verified is None:
        return explain_decision(row.decision, None, level="reasons", now=at, phrases=phrases)
    held = hold(verified)
    try:
        return explain_decision(row.decision, held, level="reasons", now=at, phrases=phrases)
    finally:
        held.engine.close()
