"""The only place that decides whether somebody reads values of events or their shapes, and records who read whom."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import redis
from django.contrib.auth.models import User

from consent.models import RecordRead
from decisioning.observing.shapes import shape_of

PERMISSION: Final = "consent.view_person"
ONCE_SECONDS: Final = 3_600  # a page that renews itself is one reading


def may_read(user: User) -> bool:
    """Return whether a user sees values; others see shapes such as "aaa-9999"."""
    return user.has_perm(PERMISSION)


def note_reading(
    client: "redis.Redis", persons: Iterable[str], *, reader: User, what: str, now: datetime
) -> None:
    """Record that somebody reads about people, once an hour each."""
    name = reader.get_username()
    new = [
        person
        for person in sorted(set(persons))
        if client.set(f"debug:read:{reader.pk}:{what}:{person}", b"", nx=True, ex=ONCE_SECONDS)
    ]
    RecordRead.objects.bulk_create(
        RecordRead(person=person, reader=name, what=what, read_at=now) for person in new
    )


def told(value: Any, *, plain: bool) -> Any:
    """Return a JSON value as its reader may see it: as it is, or with shapes in place of all values."""
    if plain:
        return value
    if isinstance(value, dict):
        return {key: told(inner, plain=False) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [told(inner, plain=False) for inner in value]
    return value if value is None or isinstance(value, bool) else shape_of(value)
