"""The only place that notes who read of the person whom a request is about, on that person's record."""

from datetime import datetime

from consent.models import RecordRead, RightsRequest
from consent.rights.asking import subject_of


def note_reading(request: RightsRequest, what: str, *, by: str, now: datetime) -> None:
    """Note that somebody reads; `by` is a user's name or "key <name>". Once it is done nobody knows whom."""
    if request.subject:
        RecordRead.objects.create(
            person=subject_of(request).person,
            reader=by[:150],
            what=f"{what} {request.pk}",
            read_at=now,
        )
