"""The demo from end to end, each step skipped where it is done: people, release, history, consents, welcome."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import redis

from campaigns.candidates import candidate_of
from campaigns.demo import authored, consents, history, launch, sign_ins, welcome
from campaigns.demo.history import Loader, Progress
from campaigns.demo.intake import NobodyFolds
from campaigns.demo.journey import Journey
from consent.policy import Status
from rtts_site.foundation.jobs import Job

CONSENTS = "demo.consents"
CANDIDATES = 40  # households that may be in the first request, the most frequent shoppers
FOLDING_S = 300.0


@dataclass(frozen=True)
class Demo:
    """One run of the demo's loading."""

    client: redis.Redis
    pepper: bytes
    progress: Progress

    @cached_property
    def journey(self) -> Journey:
        return Journey()

    def load(self, purchases: int, *, now: datetime) -> None:
        """Bring the demo to the point where the newest `purchases` are loaded; safe to repeat and to interrupt.

        Raises:
            NotPublished: the release did not go live.
            NobodyFolds: no worker runs.
        """
        people = sign_ins.create_people()
        launch.launch(
            authored.drafts(self.journey, now=now), people, now=now, progress=self.progress
        )
        self._load_history(purchases, now=now)
        self._record_consents(now=now)
        if not history.wait_until_folded(self.client, self.progress, patience_s=FOLDING_S):
            raise NobodyFolds("The workers did not fold all events: see their log.")
        welcome.write_welcome(self.client, self._frequent_shoppers())

    def _load_history(self, purchases: int, *, now: datetime) -> None:
        now_ms = int(now.timestamp() * 1000)
        job, _ = Job.objects.get_or_create(
            kind=history.KIND, defaults={"subject": str(now_ms), "state": Job.State.RUNNING}
        )
        attributes = {one.key: one for one in candidate_of(None).spec.attributes}
        loader = Loader(
            client=self.client,
            journey=self.journey,
            attributes=attributes,
            pepper=self.pepper,
            job=job,
            progress=self.progress,
        )
        loader.load(purchases=purchases, now_ms=now_ms)

    def _record_consents(self, *, now: datetime) -> None:
        if Job.objects.filter(kind=CONSENTS, state=Job.State.DONE).exists():
            return
        numbers = [household.number for household in self.journey.households]
        consents.record_consents(numbers, pepper=self.pepper, now=now, progress=self.progress)
        Job.objects.create(kind=CONSENTS, state=Job.State.DONE, done=len(numbers))

    def _frequent_shoppers(self) -> list[int]:
        willing = [
            household
            for household in self.journey.households
            if set(consents.said_by(household.number).values()) == {Status.GIVEN}
        ]
        willing.sort(key=lambda household: (-household.visits, household.number))
        return [household.number for household in willing[:CANDIDATES]]
