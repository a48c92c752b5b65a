"""The only place that tells sessions from activity: thirty minutes of silence end one."""

from collections.abc import Iterator
from itertools import islice

from decisioning.profiles import series
from decisioning.profiles.profile import (
    ACTIVITY_GRAIN_MS,
    SESSION_HORIZON_MS,
    SESSION_SILENCE_MS,
    Profile,
)

Session = tuple[int, int]  # first and last activity, epoch ms


def session_at(profile: Profile, now_ms: int) -> Session | None:
    """Return the session that is open at `now_ms`; None between sessions."""
    newest = next(sessions_before(profile, now_ms), None)
    return None if newest is None or now_ms - newest[1] >= SESSION_SILENCE_MS else newest


def last_sessions(profile: Profile, now_ms: int, most: int) -> list[Session]:
    """Return the newest sessions, the newest first, the open one included."""
    return list(islice(sessions_before(profile, now_ms), most))


def sessions_before(profile: Profile, now_ms: int) -> Iterator[Session]:
    """Yield the sessions of the last 90 days, the newest first; one longer than a day is cut at a day."""
    found: Session | None = None
    for index, cell in reversed(series.buckets(series.unpacked(profile.activity))):
        base = index * ACTIVITY_GRAIN_MS
        if base > now_ms:
            continue
        first, last = (base + offset for offset in series.span(cell))
        if found is None:
            found = first, last
        elif found[0] - last < SESSION_SILENCE_MS and found[1] - first <= SESSION_HORIZON_MS:
            found = first, found[1]
        else:
            yield found
            found = first, last
    if found is not None:
        yield found
