"""What one process of the fast paths owns: its keys, release holder, breaker, line to Redis, spool."""

import asyncio
import gc
import hashlib
import hmac
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from weakref import WeakKeyDictionary

from django.conf import settings

from decisioning.decision_spool import DecisionSpool
from decisioning.enrichment.holding import IntakeHolder
from decisioning.holder import ReleaseHolder
from decisioning.ingestion.spool import EventSpool, Replayer
from decisioning.link import Command, Replies
from decisioning.observing.noting import Notes
from decisioning.round_trips import Budget, HotLine, RedisUnavailable
from rtts_site.foundation.api_keys import KeyRing
from rtts_site.foundation.limits import Limiter
from rtts_site.foundation.redis_clients import (
    Breaker,
    Down,
    close_clients,
    hot_client,
    redis_client,
)

HOLDER_TIMEOUT_MS = 1_000


class Process:
    """One per process, made by the first request or at start-up."""

    def __init__(self) -> None:
        client = redis_client(timeout_ms=HOLDER_TIMEOUT_MS)
        self.keys = KeyRing()
        self.breaker = Breaker()
        self.intake_breaker = Breaker("events")  # slow batches must not cost decisions their store
        self.limiter = Limiter()
        self.streams: Counter[str] = Counter()  # open ones by key id
        self.holder = ReleaseHolder(client, settings.RTTS_VAR / "releases")
        self.spool = DecisionSpool(settings.RTTS_VAR / "spool", client)
        self.event_spool = EventSpool(settings.RTTS_VAR / "spool")
        self._replayer = Replayer(self.event_spool, client)
        self.notes = Notes(client)
        self.intake = IntakeHolder(
            client,
            salt=settings.RTTS_PEPPER,
            geo_database=settings.RTTS_GEO_DATABASE,
            directory=settings.RTTS_VAR / "releases",
        )
        self.tracking_key = hmac.new(
            settings.RTTS_PEPPER, b"rtts.tracking", hashlib.sha256
        ).digest()
        self._lines: WeakKeyDictionary[asyncio.AbstractEventLoop, _Lines] = WeakKeyDictionary()

    def start(self) -> None:
        """Load the release and start the threads."""
        self.holder.start()
        self.spool.start()
        self._replayer.start()
        self.notes.start()
        self.intake.start()
        gc.collect()
        gc.freeze()

    def stop(self) -> None:
        """End the threads; what is spooled is on disk."""
        self.spool.stop()  # first: what it holds is lost where the process is killed meanwhile
        self._replayer.stop()
        self.notes.stop()
        self.intake.stop()
        self.holder.stop()

    def budget(self, *, deadline_ms: int | None = None) -> Budget:
        """Return the time that one decision may wait for Redis."""
        line = self._of_this_loop().decisions
        in_all = deadline_ms or settings.RTTS_DEADLINE_MS
        return Budget(line, timeout_ms=settings.RTTS_REDIS_TIMEOUT_MS, deadline_ms=in_all)

    async def ask_for_events(self, commands: Sequence[Command]) -> Replies:
        """Do as `HotLine.ask`, with connections and a breaker apart from the decisions'."""
        seconds = settings.RTTS_REDIS_TIMEOUT_MS / 1000
        return await self._of_this_loop().events.ask(commands, seconds=seconds)

    def _of_this_loop(self) -> "_Lines":
        loop = asyncio.get_running_loop()
        lines = self._lines.get(loop)
        if lines is None:
            lines = self._lines[loop] = _Lines(HotLine(self.breaker), HotLine(self.intake_breaker))
        return lines

    async def warm_up(self) -> None:
        """Connect this event loop to Redis, so that the first request need not."""
        try:
            await self.budget().ask([("PING",)])
            await hot_client().ping()
        except (RedisUnavailable, *Down):
            return  # it decides without Redis until that is there

    async def close_connections(self) -> None:
        """Close this event loop's connections to Redis."""
        lines = self._lines.pop(asyncio.get_running_loop(), None)
        if lines is not None:
            await lines.decisions.close()
            await lines.events.close()
        await close_clients()


@dataclass(frozen=True, slots=True)
class _Lines:
    """An event loop's connections to Redis."""

    decisions: HotLine
    events: HotLine


@cache
def this_process() -> Process:
    """Return this process's state, started."""
    process = Process()
    process.start()
    return process
