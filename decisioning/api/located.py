"""The only place of the API that reads people for their events: where they were before, and where they belong."""

from collections.abc import Sequence

from consent import people
from decisioning.api.process import this_process
from decisioning.enrichment.belonging import asking, note_belonging
from decisioning.enrichment.visiting import ENTRIES_ATTRIBUTE, all_visits, is_located
from decisioning.held import Held
from decisioning.ingestion.records import Record
from decisioning.link import Command
from decisioning.profiles.cells import Cell
from decisioning.profiles.profile import Profile, decode_profile
from decisioning.round_trips import RedisUnavailable


async def visits_of(records: Sequence[Record]) -> list[Record]:
    """Return what located records say of geofences entered, left and stayed in; one round trip where there are any.

    While Redis is away nothing is told: the next located event tells it.
    """
    located = [record for record in records if is_located(record)]
    if not located:
        return []
    fences = {fence.key: fence for fence in this_process().intake.terms.fences}
    try:
        states = await _states(list(dict.fromkeys(record.person for record in located)))
    except RedisUnavailable:
        return []
    return all_visits(located, states, fences)


async def note_belongings(records: Sequence[Record], held: Held | None) -> None:
    """Write into events which segments their people are in, where a condition asks; else this costs nothing.

    While Redis is away nothing is written, which is unknown.
    """
    asked = asking(records, held.kept_with_events) if held is not None else []
    if not asked or held is None:
        return
    try:
        found = await _owners(list(dict.fromkeys(record.person for record in asked)))
    except RedisUnavailable:
        return
    for record in asked:
        note_belonging(record, found[record.person], held.catalogue.segments)


async def _states(persons: list[str]) -> dict[str, Cell | None]:
    """Return where people were last."""
    return {
        person: profile.attributes.get(ENTRIES_ATTRIBUTE) if profile is not None else None
        for person, profile in (await _owners(persons)).items()
    }


async def _owners(persons: list[str]) -> dict[str, Profile | None]:
    """Return the profiles of people, or of whom they have merged into."""
    found = dict(zip(persons, await _profiles(persons), strict=True))
    moved = {
        one: profile.merged_into
        for one, profile in found.items()
        if profile is not None and profile.merged_into
    }
    if moved:
        found |= dict(zip(moved, await _profiles(list(moved.values())), strict=True))
    return found


async def _profiles(persons: list[str]) -> list[Profile | None]:
    commands: list[Command] = [("GET", people.profile_key(person)) for person in persons]
    replies = await this_process().ask_for_events(commands)
    return [decode_profile(one) if isinstance(one, bytes) else None for one in replies]
