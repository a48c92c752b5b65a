"""The only place that lets quarantined events in after all, each once, or drops them; who did it is recorded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import redis

from decisioning.ingestion.log import event_log
from decisioning.ingestion.records import Record
from decisioning.ingestion.times import FUTURE_MS
from decisioning.models import EventRecord
from decisioning.observing.quarantine import remove, rounds
from decisioning.observing.schemas import Schemas, violations

Report = Callable[[int], None]  # is told how many were looked at


@dataclass(slots=True)
class Outcome:
    """What became of a group."""

    looked: int = 0
    taken: int = 0
    known: int = 0  # taken before under the same message_id
    refused: int = 0  # are still not as they should be, and stay
    dropped: int = 0


def replay(
    client: "redis.Redis",
    group: tuple[str, str],
    *,
    schemas: Schemas,
    now_ms: int,
    report: Report = lambda _: None,
) -> Outcome:
    """Look at a group, (event, pointer), anew; accept what is sound now as it was received: id, times, source.

    What a crash leaves half done is not accepted twice: the log knows a message_id for a week, history as
    long as it keeps events.
    """
    outcome = Outcome()
    for some in rounds(client, *group):
        sound = [one for one in some if _is_sound(one.record, schemas, now_ms)]
        records = [one.record for one in sound if one.record is not None]
        known = _known(records)
        fresh = [one for one in records if (one.message_id, one.source) not in known]
        accepted = event_log(client).accept(fresh).count("accepted")
        remove(client, sound)
        outcome.looked += len(some)
        outcome.taken += accepted
        outcome.known += len(sound) - accepted
        outcome.refused += len(some) - len(sound)
        report(outcome.looked)
    return outcome


def discard(
    client: "redis.Redis", group: tuple[str, str], *, report: Report = lambda _: None
) -> Outcome:
    """Drop a group for good."""
    outcome = Outcome()
    for some in rounds(client, *group):
        remove(client, some)
        outcome.looked += len(some)
        outcome.dropped += len(some)
        report(outcome.looked)
    return outcome


def _is_sound(record: Record | None, schemas: Schemas, now_ms: int) -> bool:
    if record is None or record.event_time_ms - now_ms > FUTURE_MS:
        return False
    spec = schemas.by_event.get(record.event)
    return spec is None or spec.enforcement != "enforce" or not violations(record, spec)


def _known(records: Sequence[Record]) -> set[tuple[str, str]]:
    """Return the message ids, each with its source, that history has already."""
    if not records:
        return set()
    times = [datetime.fromtimestamp(one.event_time_ms / 1000, UTC) for one in records]
    margin = timedelta(milliseconds=FUTURE_MS)
    rows = EventRecord.objects.filter(
        kind="event",
        name__in={one.event for one in records},
        event_time__gte=min(times) - margin,
        event_time__lte=max(times) + margin,
        message_id__in={one.message_id for one in records},
    )
    return set(rows.values_list("message_id", "source"))
