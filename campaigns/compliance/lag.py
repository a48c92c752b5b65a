"""How long changes of consent took until every process honoured them, and what was decided in between."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from consent.relay import SETTLE_AFTER

DAYS: Final = 30  # as long as settled changes are kept
MOST_SHOWN: Final = 50  # of decisions that are listed
BREACH: Final = 0  # it began after the change was acknowledged
UNSURE: Final = (
    1  # it may have: the relay settled the change, so when it was acknowledged is not known
)
FENCED: Final = 2  # it began before, and its person was fenced

# A process reads consent from Redis at each decision, and again in its last step: what Redis holds, all honour.
_DAILY: Final = """
select date_trunc('day', recorded_at) as day,
       count(*),
       count(*) filter (where settled_at is null),
       percentile_cont(array[0.5, 0.99, 1.0]) within group
           (order by greatest(0, extract(epoch from settled_at - recorded_at)) * 1000)
from consent_consentchange
where version is not null and recorded_at >= %(since)s and recorded_at < %(until)s
group by day order by day
"""

# The state that a decision read is older than a change that was in force, or being put in force, when it began. What
# the relay settled bears its time: it may have been in force before, and its note lost, or not, and the answer was 503.
_DECISIONS: Final = """
select d.decision_id, d.decided_at, c.recorded_at, c.settled_at,
       case when d.decided_at > c.settled_at then 0
            when coalesce(c.settled_at, %(until)s) >= c.recorded_at + %(relay_after)s then 1
            else 2 end as verdict
from consent_consentchange c
join decisioning_decision d
  on d.person_id = c.person and d.consent_version < c.version and d.decided_at >= c.recorded_at
 and d.decided_at < coalesce(c.settled_at, %(until)s) + interval '1 minute'
where c.version is not null and c.recorded_at >= %(since)s and c.recorded_at < %(until)s
  and d.state = 'recorded'
  and exists (
      select from decisioning_shown s
      where s.decision_id = d.decision_id and s.decided_at = d.decided_at and s.status = 'offers')
order by verdict, d.decided_at desc
limit %(most)s
"""


@dataclass(frozen=True, slots=True)
class Day:
    """The changes of one day, UTC; times in milliseconds, None where nothing was put in force."""

    day: datetime
    changes: int
    waiting: int  # not in force yet
    p50_ms: float | None
    p99_ms: float | None
    longest_ms: float | None


@dataclass(frozen=True, slots=True)
class Between:
    """A decision that read older consent than was recorded when it began."""

    decision_id: str
    decided_at: datetime
    recorded_at: datetime
    settled_at: datetime | None
    verdict: int  # BREACH, UNSURE or FENCED

    @property
    def is_breach(self) -> bool:
        return self.verdict == BREACH

    @property
    def is_unsure(self) -> bool:
        return self.verdict == UNSURE


@dataclass(frozen=True, slots=True)
class Lag:
    """The report of some days."""

    days: Sequence[Day]
    between: Sequence[Between]

    @property
    def changes(self) -> int:
        return sum(day.changes for day in self.days)

    @property
    def waiting(self) -> int:
        return sum(day.waiting for day in self.days)

    @property
    def longest_ms(self) -> float | None:
        return max(
            (day.longest_ms for day in self.days if day.longest_ms is not None), default=None
        )

    @property
    def breaches(self) -> int:
        return sum(one.is_breach for one in self.between)

    @property
    def unsure(self) -> int:
        return sum(one.is_unsure for one in self.between)


def lag_of(*, now: datetime, days: int = DAYS) -> Lag:
    """Return the report of the last `days`, at most 30; two queries."""
    since = now - timedelta(days=min(days, DAYS))
    span: dict[str, Any] = {
        "since": since,
        "until": now,
        "most": MOST_SHOWN,
        "relay_after": SETTLE_AFTER,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DAILY, span)
        found = [
            Day(day, count, waiting, *(lags or (None,) * 3)) for day, count, waiting, lags in cursor
        ]
        cursor.execute(_DECISIONS, span)
        between = [Between(*row) for row in cursor]
    return Lag(found, between)
