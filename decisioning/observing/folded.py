"""The only place where the drain tells what it folded: to the counters, and to whoever watches a source."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import redis

from decisioning.ingestion.records import Record, encode_record
from decisioning.observing import batches, debugging
from decisioning.observing.debugging import Changed
from decisioning.observing.tallying import Tally
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.folding import fold
from decisioning.profiles.profile import Profile, encode_profile

logger = logging.getLogger("decisioning")

FLUSH_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 1.0  # between looks for who watches

Entry = tuple[str, Record]


class Observer:
    """One of a drain; what it cannot put down is lost, never what it observes."""

    def __init__(self, client: "redis.Redis", *, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._tally = Tally()
        self._watched: frozenset[str] = frozenset()
        self._flush_at = clock() + FLUSH_SECONDS
        self._look_at = 0.0

    def take(
        self,
        entries: Sequence[Entry],
        before: Mapping[str, Profile | None],
        aggregates: Aggregates,
    ) -> None:
        """Observe a run that is committed; `before` holds its people's profiles as they were."""
        try:
            for _, record in entries:
                if record.kind == "event" and not record.forwarded:
                    self._tally.take(record)
            if self._watched:
                self._tell(entries, before, aggregates)
        except Exception:  # folding goes on whatever an observer meets
            logger.exception("observed.failed")

    def look_up(self) -> None:
        """Do what is due: put the counts down, see who watches."""
        now = self._clock()
        try:
            if now >= self._flush_at:
                self._flush_at = now + FLUSH_SECONDS
                self._flush()
            if now >= self._look_at:
                self._look_at = now + LOOK_SECONDS
                self._watched = debugging.watched(self._client, now=now)
        except redis.RedisError as error:
            logger.warning("observed.lost reason=%s", type(error).__name__)

    def end(self) -> None:
        """Put down what was counted last."""
        self._flush_at = 0.0
        self.look_up()

    def _flush(self) -> None:
        if self._tally:
            batches.leave(self._client, self._tally.emptied())

    def _tell(
        self,
        entries: Iterable[Entry],
        before: Mapping[str, Profile | None],
        aggregates: Aggregates,
    ) -> None:
        now = dict(before)
        told: dict[str, list[Changed]] = {}
        for _, record in entries:
            profile = now.get(record.person)
            if record.kind != "event" or (profile is not None and profile.merged_into):
                continue
            after = now[record.person] = fold(profile, [record], aggregates)
            if record.source in self._watched:
                changed = Changed(
                    encode_record(record), record.person, _packed(profile), _packed(after)
                )
                told.setdefault(record.source, []).append(changed)
        for source, some in told.items():
            debugging.tell(self._client, debugging.changed_key(source), some)


def _packed(profile: Profile | None) -> bytes:
    return b"" if profile is None else encode_profile(profile)
