"""What a partition's worker does beside folding: looks at people who changed or are due, and at everybody once."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import redis

from consent import people
from decisioning.enrichment.lingering import linger
from decisioning.enrichment.stored import Fences
from decisioning.ingestion.records import Record
from decisioning.profiles.profile import Profile
from decisioning.profiles.somebody import with_accounts
from decisioning.watching.dispatches import encode_dispatch
from decisioning.watching.live import (
    VERSION_KEY,
    Swept,
    load_swept,
    load_watched,
    save_swept,
)
from decisioning.watching.looking import Look, Seen, look, records_by_person
from decisioning.watching.watch_set import Watch

logger = logging.getLogger("decisioning")

POLL_S: Final = 0.5  # between looks for who is due
DUE_AT_ONCE: Final = 64  # people of one partition
SWEPT_AT_ONCE: Final = 64  # people of one partition
PARTITIONS_SWEPT_AT_ONCE: Final = 16


@dataclass(slots=True)
class Due:
    """People of one partition whose time has come, and people to be looked at for the first time."""

    persons: list[str] = field(default_factory=list)
    swept: Swept | None = None  # how far the sweep is once these are committed


@dataclass(slots=True)
class Noticed:
    """What looking at a run's people found, committed with the run."""

    profiles: dict[str, Profile] = field(default_factory=dict)  # whose memberships are others now
    dues: dict[str, int] = field(default_factory=dict)  # exact, 0: never; of who was due
    earlier: dict[str, int] = field(default_factory=dict)  # at the latest; of who was not
    dispatches: list[bytes] = field(default_factory=list)
    told: list[Record] = field(default_factory=list)  # what time, or their accounts, brought about


class Watcher:
    """Watches the people of some partitions; everything it finds is committed with what it was found in."""

    def __init__(self, client: "redis.Redis", partitions: Collection[int]) -> None:
        self._client = client
        self._partitions = sorted(partitions)
        self._watch = Watch()
        self._swept: dict[int, Swept] = {}
        self._next_poll = 0.0
        self._fences = Fences(client)

    def renew(self) -> None:
        """Take up what is published now."""
        version: Any = self._client.get(VERSION_KEY)
        if int(version or 0) == self._watch.version and self._swept:
            return
        self._watch = Watch.of(load_watched(self._client))
        watched = {one.key for one in self._watch.segments}
        self._swept = {
            partition: swept
            if swept.version == self._watch.version
            else Swept(self._watch.version, tuple(key for key in swept.known if key in watched))
            for partition, swept in load_swept(self._client, self._partitions).items()
        }

    def due(self, judged_until: Mapping[int, int], *, now: float, is_idle: bool) -> dict[int, Due]:
        """Return whose time has come, by partition; `judged_until` is up to when each has read its stream, ms.

        While there is nothing else to do, also people who were not looked at since the set changed.
        """
        if now < self._next_poll:
            return {}
        self._next_poll = now + POLL_S
        self._fences.renew()
        is_idle_watch = self._watch.is_empty and not self._fences.known
        found = {} if is_idle_watch else self._timers(judged_until)
        for partition, persons in self._sweep(judged_until).items() if is_idle else ():
            swept, more = persons
            one = found.setdefault(partition, Due())
            one.persons = list(dict.fromkeys([*one.persons, *more]))
            one.swept = swept
        return found

    def _timers(self, judged_until: Mapping[int, int]) -> dict[int, Due]:
        with self._client.pipeline(transaction=False) as pipe:
            for partition, until_ms in judged_until.items():
                pipe.zrange(
                    people.timers_key(partition),
                    "-inf",
                    until_ms,
                    byscore=True,
                    offset=0,
                    num=DUE_AT_ONCE,
                )
            rows = pipe.execute()
        return {
            partition: Due([person.decode() for person in found])
            for partition, found in zip(judged_until, rows, strict=True)
            if found
        }

    def _sweep(self, partitions: Iterable[int]) -> dict[int, tuple[Swept, list[str]]]:
        if not self._watch.version:  # nothing was ever watched
            return {}
        open_ones = [one for one in partitions if not self._swept[one].is_done]
        asked = open_ones[:PARTITIONS_SWEPT_AT_ONCE]
        if not asked:
            return {}
        with self._client.pipeline(transaction=False) as pipe:
            for partition in asked:
                after = self._swept[partition].after
                pipe.zrange(
                    people.roster_key(partition),
                    f"({after}" if after else "-",
                    "+",
                    bylex=True,
                    offset=0,
                    num=SWEPT_AT_ONCE,
                )
            rows = pipe.execute()
        found = {}
        for partition, row in zip(asked, rows, strict=True):
            persons = [person.decode() for person in row]
            found[partition] = (self._further(self._swept[partition], persons), persons)
        return found

    def _further(self, swept: Swept, persons: Sequence[str]) -> Swept:
        if len(persons) == SWEPT_AT_ONCE:
            return Swept(swept.version, swept.known, persons[-1])
        return Swept(
            swept.version,
            tuple(one.key for one in self._watch.segments),
            persons[-1] if persons else swept.after,
            is_done=True,
        )

    def notice(
        self,
        partition: int,
        records: Iterable[Record],
        *,
        before: Mapping[str, Profile | None],
        after: Mapping[str, Profile | None],
        due: Collection[str],
        now_ms: int,
    ) -> Noticed:
        """Return what is to be committed for the people of a run: those whom its records changed, and those due."""
        noticed = Noticed()
        if self._watch.is_empty and not self._fences.known and not due:
            return noticed
        said = records_by_person(records)
        alive = {}
        for person in dict.fromkeys([*said, *due]):
            profile = after.get(person)
            if profile is None or profile.merged_into or profile.is_account:
                noticed.dues[person] = 0
                noticed.told += self._members_of(profile, said.get(person, ()))
            else:
                alive[person] = profile
        for one in with_accounts(self._client, alive, self._watch.reads):
            person = one.person
            looked = Look(
                person,
                before.get(person),
                alive[person],
                said.get(person, ()),
                person in due,
                one.accounts,
            )
            seen = self._look(looked, partition, now_ms=now_ms)
            if seen is not None:
                self._add(noticed, looked, self._with_fences(noticed, looked, seen, now_ms=now_ms))
        return noticed

    def _with_fences(self, noticed: Noticed, one: Look, seen: Seen, *, now_ms: int) -> Seen:
        """Return what was seen with when geofences want a look, and note what they tell of."""
        if not self._fences.known:
            return seen
        found = linger(one.person, one.after, self._fences.known, now_ms=now_ms)
        noticed.told += found.told
        dues = [at_ms for at_ms in (seen.due_ms, found.due_ms) if at_ms is not None]
        return replace(seen, due_ms=min(dues, default=None))

    def _members_of(self, profile: Profile | None, records: Sequence[Record]) -> Iterable[Record]:
        """Yield what has the members of an account looked at, where segments rest on what changed of it."""
        told = next((one for one in reversed(records) if self._matters(one)), None)
        if profile is None or told is None:
            return
        for member in profile.members:
            yield Record(
                kind="look",
                message_id=f"{told.message_id}>{member}",
                person=member,
                event_time_ms=told.event_time_ms,
                received_at_ms=told.received_at_ms,
                source=told.source,
            )

    def _matters(self, record: Record) -> bool:
        watch = self._watch
        return record.event in watch.of_accounts or not watch.reads.attributes.isdisjoint(
            record.attributes
        )

    def _look(self, one: Look, partition: int, *, now_ms: int) -> Seen | None:
        try:
            known = self._known(partition, one.person)
            return look(one, self._watch, known=known, now_ms=now_ms)
        except Exception:  # nobody's condition holds up the folding of others
            logger.exception("watching.failed partition=%s", partition)
            return Seen(one.after) if one.is_due else None

    def _known(self, partition: int, person: str) -> frozenset[str]:
        swept = self._swept[partition]
        if swept.is_done or person <= swept.after:
            return self._watch.keys
        return frozenset(swept.known)

    def _add(self, noticed: Noticed, one: Look, seen: Seen) -> None:
        if seen.profile is not one.after:
            noticed.profiles[one.person] = seen.profile
        if one.is_due:
            noticed.dues[one.person] = seen.due_ms or 0
        elif seen.due_ms is not None:
            noticed.earlier[one.person] = seen.due_ms
        noticed.dispatches += map(encode_dispatch, seen.dispatches)

    def swept(self, partition: int, swept: Swept) -> None:
        """Note that a sweep's people were committed."""
        save_swept(self._client, partition, swept)
        self._swept[partition] = swept
