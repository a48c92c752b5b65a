"""Counts from the archive what came of shown offers, and attributes goal events to them."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from decisioning.learning.rates import Tally

WINDOW: Final = timedelta(days=3)  # a conversion later than that is not the offer's
LOOK_BACK: Final = timedelta(days=30)

# A decision whose window is open counts only where it has converted already: otherwise new offers look bad.
TALLIES: Final = """
SELECT shown.offer, shown.placement, count(*), count(*) FILTER (WHERE converted.decision_id IS NOT NULL)
FROM decisioning_shown AS shown
LEFT JOIN (
    SELECT DISTINCT decision_id, offer FROM decisioning_outcome
    WHERE kind = 'conversion' AND recorded_at >= %(since)s
) AS converted USING (decision_id, offer)
WHERE shown.decided_at >= %(since)s AND shown.decided_at < %(now)s AND shown.status = 'offers'
  AND (shown.decided_at < %(closed)s OR converted.decision_id IS NOT NULL)
GROUP BY shown.offer, shown.placement
ORDER BY shown.offer, shown.placement
"""

# The goal event goes to the last decision that showed an offer of the campaign to this person before it, or to
# whoever they were before a merge.
GOALS: Final = """
INSERT INTO decisioning_outcome (
    outcome_id, recorded_at, occurred_at, kind, attribution, decision_id, person_id, placement, offer,
    variant, campaign, experiment, arm, message_id, value, late)
SELECT 'goal/' || event.event_id || '/' || shown.campaign, event.received_at, event.event_time,
    'conversion', 'goal', shown.decision_id, shown.person_id, shown.placement, shown.offer,
    shown.variant, shown.campaign, shown.experiment, shown.arm, event.message_id, NULL, false
FROM decisioning_event AS event
JOIN unnest(%(campaigns)s::text[], %(goals)s::text[]) AS goal (campaign, name) ON goal.name = event.name
CROSS JOIN LATERAL (
    WITH RECURSIVE everyone (id) AS (
        SELECT event.person_id::text
        UNION
        SELECT left_by.id::text FROM consent_person AS left_by
        JOIN everyone ON left_by.merged_into = everyone.id AND left_by.merged_into <> ''
    )
    SELECT place.* FROM everyone JOIN decisioning_shown AS place ON place.person_id = everyone.id
    WHERE place.campaign = goal.campaign
      AND place.status = 'offers' AND place.decided_at <= event.event_time
      AND place.decided_at > event.event_time - %(window)s::interval
    ORDER BY place.decided_at DESC, place.rank LIMIT 1
) AS shown
WHERE event.received_at > %(after)s AND event.received_at <= %(until)s AND event.kind = 'event'
ON CONFLICT DO NOTHING
"""


def count_outcomes(*, now: datetime) -> list[Tally]:
    """Return what came of each offer in each placement over the last 30 days; one query."""
    parameters = {"since": now - LOOK_BACK, "closed": now - WINDOW, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(TALLIES, parameters)
        return [Tally(*row) for row in cursor.fetchall()]


def attribute_goals(goals: dict[str, str], *, after: datetime, until: datetime) -> int:
    """Record a conversion for each goal event received in (after, until] that followed a shown offer.

    `goals` maps a campaign to the name of its goal event. Doing it again changes nothing; one query.
    """
    parameters: dict[str, Any] = {
        "campaigns": list(goals),
        "goals": list(goals.values()),
        "window": WINDOW,
        "after": after,
        "until": until,
    }
    with connection.cursor() as cursor:
        cursor.execute(GOALS, parameters)
        return int(cursor.rowcount)
