"""The only place that says what becomes of records for somebody who was erased. Pure."""

from consent import people
from decisioning.ingestion.records import Record
from decisioning.profiles.profile import Profile


def closed(record: Record, *, at: str) -> Profile:
    """Return what stands for somebody erased: nobody, or whom the id denotes since they signed up again."""
    owner = record.other or people.NOBODY
    return Profile(
        merged_into=owner, merged_at=at, position=at, erased_ms=max(1, record.event_time_ms)
    )


def is_turned_away(profile: Profile | None, record: Record) -> bool:
    """Return whether a record is not taken: it is of somebody erased, or happened before they were.

    Who signed up again gets nothing of what happened before, however late it comes.
    """
    if profile is None or not profile.erased_ms or record.kind == "erase":
        return False
    return profile.merged_into == people.NOBODY or record.event_time_ms <= profile.erased_ms
