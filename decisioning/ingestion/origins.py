"""The only place that finds the messages in history that a profile's attributes came from."""

from datetime import UTC, datetime

from decisioning.models import EventRecord
from decisioning.profiles.cells import message_digest
from decisioning.profiles.profile import Profile


def message_ids(person: str, profile: Profile) -> dict[int, str]:
    """Return digest -> message id of the attributes' messages; what history does not hold any more is absent.

    One query.
    """
    times = {cell.event_time_ms for cell in profile.attributes.values()}
    rows = EventRecord.objects.filter(
        person_id__in=[person, *profile.absorbed],
        event_time__in=[datetime.fromtimestamp(at_ms / 1000, UTC) for at_ms in times],
    )
    return {message_digest(one): one for one in rows.values_list("message_id", flat=True)}
