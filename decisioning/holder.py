"""What a process decides with, kept current off the request: release, policy, learned values, totals used up."""

import logging
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import redis

from consent.policy import PolicySpec
from consent.policy_store import PolicyRefused, load_live_policy
from consent.rights.replaying import missing_words
from decisioning.arbitration.totals import closed_offers
from decisioning.held import Held, Retired, hold
from decisioning.learning.publishing import Learned, load_learned
from decisioning.previews import Shelf
from decisioning.releases import (
    LIVE_KEY,
    Published,
    ReleaseRefused,
    Verified,
    load_copy,
    load_published,
    save_copy,
    seal_key,
    verify,
)
from decisioning.stops import Stops, load_stops
from decisioning.stops import load_copy as load_stops_copy
from rtts_site.foundation import metrics
from rtts_site.foundation.redis_clients import Down

logger = logging.getLogger("decisioning")

POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Current:
    """One consistent view; requests take it once, at their start."""

    held: Held | None = None
    policy: PolicySpec | None = None
    learned: Learned = field(default_factory=Learned)
    closed: frozenset[str] = frozenset()
    stops: Stops = Stops()


class ReleaseHolder:
    """Polls Redis in a thread of its own and swaps one reference."""

    def __init__(self, client: redis.Redis, directory: Path) -> None:
        self.current = Current()
        self.previews = Shelf(client)
        self._client = client
        self._directory = directory
        self._refused: tuple[str, str] = ("", "")  # seal and why
        self._unreplayed = ""  # what a restored copy lacks, and what to do
        self._asked_for_erasures = False
        self._last_policy: PolicySpec | None = None
        self._retired = Retired()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_ready(self) -> bool:
        """Whether a verified release and policy are loaded, and nobody erased came back with a restored copy."""
        is_loaded = self.current.held is not None and self.current.policy is not None
        return is_loaded and not self._unreplayed

    def describe(self) -> dict[str, Any]:
        """Return what is loaded, and why something newer is not."""
        held, policy = self.current.held, self.current.policy
        return {
            "ready": self.is_ready,
            "release": {"version": held.version, "digest": held.digest} if held else None,
            "policy": {"version": policy.version, "digest": policy.digest} if policy else None,
            "refused": self._unreplayed or self._refused[1] or None,
        }

    def start(self) -> None:
        """Load what there is, then keep it current in the background."""
        self._swap(replace(self.current, stops=load_stops_copy(self._directory)))
        self.poll()
        if self.current.held is None:
            self.load_from_disk()
        self._thread = threading.Thread(target=self._run, name="releases", daemon=True)
        self._thread.start()
        self.previews.start()

    def stop(self) -> None:
        """End the threads."""
        self._stop.set()
        self.previews.stop()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            self.poll()

    def poll(self) -> None:
        """Look once; leaves everything as it is while Redis is away.

        The policy comes first and alone: nothing that is wrong with a release keeps a stricter one from being obeyed.
        """
        looks = (
            self._look_for_erasures,
            self._look_for_policy,
            self._look_for_stops,
            self._look_for_release,
            self._look_for_values,
        )
        for look in looks:
            try:
                look()
            except Down as error:
                logger.debug("release.poll_unanswered error=%s", type(error).__name__)
                break
            except Exception:
                # The thread must outlive whatever a poll meets, or the process never learns of a policy again.
                logger.exception("release.poll_failed")
        self._retired.close_due()

    def _look_for_erasures(self) -> None:
        """See once that no store is a copy from before an erasure; until then this process is not ready."""
        if self._unreplayed or not self._asked_for_erasures:
            self._unreplayed = missing_words(self._client)
            self._asked_for_erasures = True

    def _look_for_policy(self) -> None:
        self._swap(replace(self.current, policy=self._newest_policy()))

    def _look_for_stops(self) -> None:
        known = self.current.stops
        stops = load_stops(self._client, known=known, directory=self._directory)
        self._swap(replace(self.current, stops=stops))

    def _look_for_release(self) -> None:
        fields: Any = self._client.hgetall(LIVE_KEY)
        self._swap(replace(self.current, held=self._newest(fields)))

    def _look_for_values(self) -> None:
        learned = load_learned(self._client, known=self.current.learned)
        offers = self.current.held.offers.values() if self.current.held else ()
        closed = closed_offers(self._client, offers, now_ms=int(time.time() * 1000))
        self._swap(replace(self.current, learned=learned, closed=closed))

    def _newest(self, fields: dict[bytes, bytes]) -> Held | None:
        held = self.current.held
        if not fields or fields.get(b"seal", b"").decode() == self._refused[0]:
            return held
        if held is not None and int(fields[b"version"]) == held.version:
            return held
        try:
            published = load_published(self._client, fields)
            return self._take(published)
        except ReleaseRefused as error:
            self._refused = (fields.get(b"seal", b"").decode(), str(error))
            logger.error("release.refused reason=%s", error)
            return held

    def _take(self, published: Published) -> Held:
        verified: Verified = verify(published, key=seal_key())
        held = hold(verified)
        self._refused = ("", "")
        try:
            save_copy(published, self._directory)
        except OSError as error:  # full or read-only: the next start without Redis has an older one
            logger.error("release.copy_not_saved error=%s", error)
        return held

    def load_from_disk(self) -> None:
        """Decide with the last good copy until Redis gives a newer one."""
        try:
            published = load_copy(self._directory)
            if published is not None:
                held = hold(verify(published, key=seal_key()))
                self._swap(replace(self.current, held=held))
        except ReleaseRefused as error:
            self._refused = ("", str(error))
            logger.error("release.copy_refused reason=%s", error)

    def _newest_policy(self) -> PolicySpec | None:
        """Return the newest policy, None where it cannot be verified: then nothing rests on consent.

        The last good one is remembered: what is older is never taken again.
        """
        try:
            self._last_policy = load_live_policy(self._client, known=self._last_policy)
        except PolicyRefused as error:
            if self.current.policy is not None:
                logger.error("policy.refused reason=%s", error)
            return None
        return self._last_policy

    def _swap(self, current: Current) -> None:
        before = self.current
        self.current = current
        if current.held is not None and current.held is not before.held:
            metrics.RELEASE_VERSION.set(current.held.version)
            logger.info("release.loaded version=%s", current.held.version)
            if before.held is not None:
                self._retired.add(before.held)
        if current.policy is not None and current.policy is not before.policy:
            metrics.POLICY_VERSION.set(current.policy.version)
