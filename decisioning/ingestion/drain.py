"""The only reader of the partition streams that folds: reads, plans, commits, delivers, in a loop."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import redis
from django.conf import settings

from decisioning.ingestion.delivery import JoinConsent, deliver, owing, packed_deliveries
from decisioning.ingestion.leases import RENEW_MS, Lease
from decisioning.ingestion.log import Packed, event_log
from decisioning.ingestion.planning import Delivery, Entry, Plan, plan
from decisioning.ingestion.positions import Position, load_positions, take_up
from decisioning.ingestion.records import decode_record, encode_record
from decisioning.observing.folded import Observer
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.live_set import VERSION_KEY, load_live
from decisioning.profiles.profile import Profile, encode_profile
from decisioning.profiles.store import Batch, commit, load_profiles
from decisioning.watching.worker import Due, Watcher
from rtts_site.foundation import metrics

logger = logging.getLogger("decisioning")

BLOCK_MS: Final = 200  # longest wait for new records; new aggregates are seen as often
RECORDS_PER_READ: Final = 64  # of one stream
OUTBOX_SECONDS: Final = 1.0  # between tries of what could not be delivered


def _keep(source: str, target: str) -> None:
    """Leave the consent of two people as it is."""


@dataclass(frozen=True, slots=True)
class _Run:
    """What was read of one partition."""

    entries: list[Entry]
    until: str  # stream id; records that cannot be read are passed


class Drain:
    """Folds one group of partitions while it holds the group's lease."""

    def __init__(
        self,
        client: "redis.Redis",
        *,
        group: int,
        partitions: list[int],
        join_consent: JoinConsent,
        part_consent: JoinConsent = _keep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._log = event_log(client)
        self._group = group
        self._partitions = partitions
        self._join_consent, self._part_consent = join_consent, part_consent
        self._clock = clock
        self._positions: dict[int, Position] = {}
        self._aggregates = Aggregates.of(())
        self._observer = Observer(client, clock=clock)
        self._owing: set[int] = set()
        self._next_try = 0.0
        self._watcher = Watcher(client, partitions)

    def run(self, seconds: float, *, while_: Callable[[], bool] = lambda: False) -> bool:
        """Drain for some seconds, then while something holds; return False at once where somebody else does."""
        lease = Lease(self._client, self._group)
        if not lease.take():
            return False
        try:
            self._begin()
            until = self._clock() + seconds
            renewed = self._clock()
            while self._clock() < until or while_():
                self.step()
                if self._clock() - renewed > RENEW_MS / 1000:
                    if not lease.renew():
                        return True
                    renewed = self._clock()
        finally:
            self._observer.end()
            lease.release()
        return True

    def _begin(self) -> None:
        self._positions = load_positions(self._client, self._partitions)
        self._owing = set(owing(self._client, self._partitions))
        self._aggregates = Aggregates(load_live(self._client))
        self._take_up()

    def step(self) -> int:
        """Fold what has come, waiting BLOCK_MS at most, and return how many records that were."""
        if not self._positions:
            self._begin()
        self._renew_aggregates()
        self._watcher.renew()
        asked_ms = int(self._clock() * 1000)
        found = self._read()
        read_until = self._read_until(found, asked_ms)
        due = self._watcher.due(read_until, now=self._clock(), is_idle=not found)
        if found or due:
            self._fold(found, due, read_until)
        self._observer.look_up()
        self._deliver()
        return sum(len(run.entries) for run in found.values())

    def _renew_aggregates(self) -> None:
        version: Any = self._client.get(VERSION_KEY)
        if int(version or 0) != self._aggregates.version:
            self._aggregates = Aggregates(load_live(self._client))
        self._take_up()

    def _take_up(self) -> None:
        wanted = self._aggregates.version
        behind = {
            partition: position
            for partition, position in self._positions.items()
            if position.aggregates != wanted
        }
        if not behind:
            return
        done = set(take_up(self._client, behind, self._aggregates))
        for partition in done:
            self._positions[partition].aggregates = wanted
        if done != set(behind):
            self._positions |= load_positions(self._client, set(behind) - done)

    def _read(self) -> dict[int, _Run]:
        since = {
            partition: position.folded
            for partition, position in self._positions.items()
            if position.aggregates == self._aggregates.version
        }
        if not since:
            return {}
        found = self._log.read(since, count=RECORDS_PER_READ, wait_ms=BLOCK_MS)
        runs = {partition: self._decoded(partition, rows) for partition, rows in found.items()}
        kept = self._log.unrepeated({partition: run.entries for partition, run in runs.items()})
        return {partition: replace(run, entries=kept[partition]) for partition, run in runs.items()}

    def _decoded(self, partition: int, rows: list[Packed]) -> _Run:
        entries: list[Entry] = []
        for stream_id, data in rows:
            try:
                entries.append((stream_id, decode_record(data)))
            except msgspec.DecodeError:
                logger.exception("record.unreadable partition=%s id=%s", partition, stream_id)
                self._log.set_aside(partition, data)
        return _Run(entries, rows[-1][0])

    def _read_until(self, found: dict[int, _Run], asked_ms: int) -> dict[int, int]:
        """Return up to which time partitions are read; who is judged is judged as of then."""
        until = {
            partition: found[partition].until if partition in found else position.folded
            for partition, position in self._positions.items()
            if position.aggregates == self._aggregates.version
        }
        known = self._log.read_until(until, asked_ms=asked_ms)
        return dict.fromkeys(found, asked_ms) | known

    def _fold(self, read: dict[int, _Run], due: dict[int, Due], read_until: dict[int, int]) -> None:
        resting = {one: _Run([], self._positions[one].folded) for one in due}
        found = resting | read
        named = {
            partition: list(
                dict.fromkeys(
                    [*(record.person for _, record in run.entries), *_persons(due, partition)]
                )
            )
            for partition, run in found.items()
        }
        profiles = load_profiles(self._client, {one: who for one, who in named.items() if who})
        batches = [
            self._batch(
                partition,
                run,
                profiles,
                due=_persons(due, partition),
                now_ms=read_until[partition],
            )
            for partition, run in found.items()
        ]
        for batch, written in zip(batches, commit(self._client, batches), strict=True):
            self._follow(batch, written=written, records=len(found[batch.partition].entries))
            swept = due[batch.partition].swept if batch.partition in due else None
            if written and swept is not None:
                self._watcher.swept(batch.partition, swept)
            if written:
                self._observer.take(found[batch.partition].entries, profiles, self._aggregates)
        if read:
            self._note_lag(read)

    def _note_lag(self, read: dict[int, _Run]) -> None:
        taken = [run.entries[-1][1].received_at_ms for run in read.values() if run.entries]
        oldest = min(taken, default=0) or int(self._clock() * 1000)
        metrics.FOLD_LAG_SECONDS.labels(str(self._group)).set(
            max(0.0, self._clock() - oldest / 1000)
        )

    def _batch(
        self,
        partition: int,
        run: _Run,
        profiles: dict[str, Profile | None],
        *,
        due: list[str],
        now_ms: int,
    ) -> Batch:
        position = self._positions[partition]
        made = self._plan(partition, run.entries, profiles)
        if made.turned_away:
            metrics.TURNED_AWAY.labels("event").inc(made.turned_away)
        noticed = self._watcher.notice(
            partition,
            [record for _, record in run.entries],
            before=profiles,
            after=made.profiles,
            due=due,
            now_ms=now_ms,
        )
        made.profiles |= noticed.profiles
        made.changed |= noticed.profiles.keys()
        return Batch(
            partition,
            position.folded,
            run.until,
            position.aggregates,
            position.rebuilds,
            is_rebuild=bool(due),  # who was due is written though no record says so
            dues=noticed.dues,
            earlier=noticed.earlier,
            dispatches=noticed.dispatches,
            profiles={person: _packed(made, person) for person in made.changed},
            tombstones=_tombstones(made),
            unlisted=frozenset(one for one in made.changed if _is_nobody(made, one)),
            outgoing=packed_deliveries(made.deliveries, until=run.until)
            # Apart by rebuilds: the position stands still while people are looked at.
            | packed_deliveries(
                [Delivery(record) for record in noticed.told],
                until=f"{run.until}.{position.rebuilds}.told",
            ),
        )

    def _plan(
        self, partition: int, entries: list[Entry], profiles: dict[str, Profile | None]
    ) -> Plan:
        """Return the plan of a run; a record that cannot be folded is set aside, the others are not held up."""
        try:
            return plan(
                entries, profiles=profiles, aggregates=self._aggregates, pepper=settings.RTTS_PEPPER
            )
        except Exception:
            logger.exception("run.failed partition=%s", partition)
        sound: list[Entry] = []
        for entry in entries:
            try:
                plan(
                    [*sound, entry],
                    profiles=profiles,
                    aggregates=self._aggregates,
                    pepper=settings.RTTS_PEPPER,
                )
                sound.append(entry)
            except Exception:
                logger.exception("record.failed partition=%s id=%s", partition, entry[0])
                self._log.set_aside(partition, encode_record(entry[1]))
        return plan(
            sound, profiles=profiles, aggregates=self._aggregates, pepper=settings.RTTS_PEPPER
        )

    def _follow(self, batch: Batch, *, written: bool, records: int) -> None:
        if not written:
            self._positions |= load_positions(self._client, [batch.partition])
            return
        position = self._positions[batch.partition]
        position.folded, position.rebuilds = batch.until, batch.rebuilds + batch.is_rebuild
        metrics.FOLDED.inc(records)
        if batch.outgoing:
            self._owing.add(batch.partition)
            self._next_try = 0.0

    def _deliver(self) -> None:
        if not self._owing or self._clock() < self._next_try:
            return
        self._next_try = self._clock() + OUTBOX_SECONDS
        now_ms = int(self._clock() * 1000)
        for partition in sorted(self._owing):
            try:
                deliver(
                    self._client,
                    partition,
                    join_consent=self._join_consent,
                    part_consent=self._part_consent,
                    now_ms=now_ms,
                )
                self._owing.discard(partition)
            except Exception:  # it stays in the outbox; folding goes on meanwhile
                logger.exception("delivery.failed partition=%s", partition)


def _packed(made: Plan, person: str) -> bytes | None:
    profile = made.profiles[person]
    return None if profile is None else encode_profile(profile)


def _is_nobody(made: Plan, person: str) -> bool:
    profile = made.profiles[person]
    return profile is not None and (profile.is_account or profile.erased_ms > 0)


def _tombstones(made: Plan) -> dict[str, str]:
    """Return the changed people who are somebody else now, and whom."""
    profiles = ((person, made.profiles[person]) for person in made.changed)
    return {
        one: known.merged_into
        for one, known in profiles
        if known and known.merged_into and not known.erased_ms  # what an erased person had goes
    }


def _persons(due: dict[int, Due], partition: int) -> list[str]:
    return due[partition].persons if partition in due else []
