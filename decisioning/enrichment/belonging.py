"""The only place that says which segments, and which cluster, somebody was in when an event happened. Pure.

It is written into the record as it is accepted, from the profile as workers have committed it, and only of
events whose filters ask for it. So it is fixed once, counts once with its event, and history, merges and rebuilds tell
the same again; an event from before somebody asked says nothing, which is unknown.
"""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Final

from decisioning.enrichment.surroundings import Surroundings
from decisioning.ingestion.records import Record
from decisioning.profiles.profile import Profile
from decisioning.rules.moment import CLUSTER, SEGMENTS

if TYPE_CHECKING:
    from decisioning.enrichment.steps import Known

CLAIMS: Final = frozenset({SEGMENTS, CLUSTER})
LATEST_MS: Final = 5 * 60_000  # an event that comes later happened in a past that nobody knows


def drop_claims(record: Record, around: Surroundings, known: "Known") -> None:
    """Drop what a sender says of segments and cluster."""
    for key in CLAIMS:
        record.context.pop(key, None)


def asking(records: Iterable[Record], events: Collection[str]) -> list[Record]:
    """Return the records that are to say where their people belong; `events` are those asked for."""
    if not events:
        return []
    return [
        one
        for one in records
        if one.event in events and one.received_at_ms - one.event_time_ms <= LATEST_MS
    ]


def note_belonging(record: Record, profile: Profile | None, segments: Collection[str]) -> None:
    """Write down where somebody belongs; `segments` are those of the release. Who is unknown is in none."""
    held = profile.member_of if profile is not None else {}
    # Negative times are marks of triggers, not memberships.
    record.context[SEGMENTS] = sorted(
        key for key, at_ms in held.items() if key in segments and 0 <= at_ms <= record.event_time_ms
    )
    cell = profile.attributes.get(CLUSTER) if profile is not None else None
    if cell is not None and cell.value is not None:
        record.context[CLUSTER] = str(cell.value)
