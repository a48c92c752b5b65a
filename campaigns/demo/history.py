"""Loads the data set by the road that production events take: read, accepted once, folded by the workers."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import redis

from campaigns.demo import messages
from campaigns.demo.intake import Message, accept
from campaigns.demo.journey import BASKETS, REDEMPTIONS, Journey
from consent import people
from decisioning.ingestion.wire import Intake
from decisioning.specs import AttributeSpec
from rtts_site.foundation.jobs import Job

KIND = "demo.history"
PURCHASES = BASKETS + REDEMPTIONS
LAST_WEEKS = 15_000  # purchases of the newest five weeks
CHUNK = 1_000

Progress = Callable[[str, int, int], None]  # what, done, total


@dataclass(frozen=True, slots=True)
class Loader:
    """One load of the data set; the job row keeps the anchor in time and the position for the next one."""

    client: redis.Redis
    journey: Journey
    attributes: dict[str, AttributeSpec]
    pepper: bytes
    job: Job
    progress: Progress

    @property
    def anchor_ms(self) -> int:
        """The time at which the data set ends, epoch milliseconds; the same in every load."""
        return int(self.job.subject)

    def load(self, *, purchases: int, now_ms: int) -> int:
        """Send who the households are, once, and purchases up to the `purchases`-th newest; return how many were new."""
        sent = 0
        if not self.job.done:
            everybody = list(messages.people(self.journey, anchor_ms=self.anchor_ms))
            sent += self._send(everybody, "people", total=len(everybody), now_ms=now_ms)
        start = max(0, self.job.done - 1)  # `done` counts the people as one
        rest = islice(messages.purchases(self.journey, anchor_ms=self.anchor_ms), start, purchases)
        for chunk in _chunks(rest, CHUNK * 5):
            sent += self._send(chunk, "purchases", done=start, total=purchases, now_ms=now_ms)
            start += len(chunk)
            self.job.report(start + 1, PURCHASES + 1)
        return sent

    def _send(
        self, items: list[Message], what: str, *, total: int, now_ms: int, done: int = 0
    ) -> int:
        intake = Intake(
            attributes=self.attributes,
            received_at_ms=now_ms,
            pepper=self.pepper,
            source="demo",
        )
        sent = 0
        for chunk in _chunks(items, CHUNK):
            sent += accept(self.client, chunk, intake=intake)
            done += len(chunk)
            self.progress(what, done, total)
        return sent


def wait_until_folded(client: redis.Redis, progress: Progress, *, patience_s: float) -> bool:
    """Wait until the workers have folded what was accepted; return whether they have."""
    first = unfolded(client)
    ends = time.monotonic() + patience_s
    while (left := unfolded(client)) and time.monotonic() < ends:
        progress("folding", first - left, first)
        time.sleep(0.3)
    progress("folding", first - left, first)
    return not left


def unfolded(client: redis.Redis) -> int:
    """Return how many partitions' newest records are not folded yet; one round trip."""
    pipeline = client.pipeline(transaction=False)
    for partition in range(people.PARTITIONS):
        pipeline.xrevrange(people.stream_key(partition), count=1)
        pipeline.hget(people.position_key(partition), "folded")
    replies = iter(pipeline.execute())
    pairs = zip(replies, replies, strict=True)
    return sum(1 for newest, folded in pairs if newest and newest[0][0] != folded)


def _chunks(items: Iterable[Message], size: int) -> Iterator[list[Message]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
