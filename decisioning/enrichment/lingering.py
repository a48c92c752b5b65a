"""The only place that tells who stays in geofences, or has left them, by time alone: without a further event. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from decisioning.enrichment.fences import Fence
from decisioning.enrichment.placing import FENCES_ATTRIBUTE
from decisioning.enrichment.visiting import (
    DWELLED,
    ENTRIES_ATTRIBUTE,
    LEFT,
    event_id,
    located_s,
    pack_entries,
    read_entries,
)
from decisioning.ingestion.records import Record
from decisioning.profiles.cells import Cell
from decisioning.profiles.profile import Profile

GRACE_MS: Final = 5_000  # a located event that is on its way tells the same first
AGAIN_MS: Final = 60_000  # until what was told is folded


@dataclass(frozen=True, slots=True)
class Lingering:
    """What time alone has brought about for one person, and when to look again, ms; None: never."""

    told: tuple[Record, ...] = ()
    due_ms: int | None = None


NOBODY: Final = Lingering()


def linger(person: str, profile: Profile, fences: Mapping[str, Fence], *, now_ms: int) -> Lingering:
    """Return what is to be told of a person who was last seen in geofences.

    An event bears the moment at which it became true, and the id that a located event gives it: whoever tells it
    first, it counts once.
    """
    cell = profile.attributes.get(ENTRIES_ATTRIBUTE)
    was = read_entries(cell.value) if cell is not None else {}
    known = {key: entry for key, entry in was.items() if key in fences}
    if cell is None or not known:
        return NOBODY
    seen_s = located_s(cell)
    moments = [
        (at_ms, verb, key)
        for key, (since, stayed) in known.items()
        for at_ms, verb in _moments(fences[key], since, seen_s=seen_s, has_stayed=stayed)
    ]
    at_ms, verb, key = min(moments)
    if at_ms + GRACE_MS > now_ms:
        return Lingering(due_ms=at_ms + GRACE_MS)
    return Lingering((_event(person, verb, key, cell, at_ms=at_ms),), now_ms + AGAIN_MS)


def _moments(fence: Fence, since: int, *, seen_s: int, has_stayed: bool) -> list[tuple[int, str]]:
    """Return when, ms, somebody will have stayed and will count as gone; nobody stays past their leaving."""
    gone_ms, stay_ms = (seen_s + fence.silent_s) * 1000, (since + fence.dwell_s) * 1000
    if has_stayed or stay_ms > gone_ms:
        return [(gone_ms, LEFT)]
    return [(stay_ms, DWELLED), (gone_ms, LEFT)]


def _event(person: str, verb: str, key: str, before: Cell, *, at_ms: int) -> Record:
    """Return one event with the state after it, which the fold takes where nothing newer is known."""
    was = read_entries(before.value)
    since = was[key][0]
    after = {one: entry for one, entry in was.items() if one != key}
    if verb == DWELLED:
        after[key] = (since, True)
    packed = pack_entries(after, located=f"~{located_s(before)}")
    state: dict[str, Any] = {ENTRIES_ATTRIBUTE: packed}
    if verb == LEFT:
        state[FENCES_ATTRIBUTE] = list(after)
    return Record(
        message_id=event_id(person, verb, key, before.event_time_ms),
        person=person,
        event=verb,
        properties={"geofence": key, "seconds": at_ms // 1000 - since},
        attributes=state,
        event_time_ms=at_ms,
        received_at_ms=at_ms,
        source=before.source,
        by_time=True,
    )
