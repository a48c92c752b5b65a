"""What would be lost if everybody withdrew from a purpose: the live release, asked twice about sampled people."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import redis

from campaigns.audiences.estimates import Estimate, estimate
from campaigns.sampling import load_sample
from campaigns.stages import Stage
from campaigns.trials import Question, asked, states_of, whole_ms
from consent.policy import EVERY_CHANNEL, ConsentView, State, Status
from decisioning.decisions import decide
from decisioning.messages import PlacementAsk
from decisioning.person_state import Found, look_up_many

LOOKED_AT: Final = 1_000  # people
AT_ONCE: Final = 100  # people
SECONDS: Final = 5.0  # who is not looked at by then is left out

Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class CampaignLoss:
    """What one campaign would lose."""

    campaign: str  # key
    name: str
    before: int  # of those looked at: people whom it shows something now
    after: int  # and once nobody allowed the purpose any more
    looked_at: int
    population: int

    @property
    def lost(self) -> Estimate:
        """Return how many people of everyone it would lose."""
        lost = max(0, self.before - self.after)
        return estimate(lost, sampled=self.looked_at, population=self.population)

    @property
    def share(self) -> float | None:
        """Return the lost share of those it reaches now, in [0, 1]; None where it reaches nobody."""
        return (self.before - self.after) / self.before if self.before else None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The answer: campaigns that lose people first, then those that gain what others leave."""

    purpose: str
    losses: tuple[CampaignLoss, ...]
    looked_at: int
    population: int


def _unheard(done: int, total: int) -> None:
    pass


def if_withdrawn(
    client: redis.Redis, stage: Stage, purpose: str, *, now: datetime, report: Report = _unheard
) -> Withdrawal:
    """Return what each live campaign shows sampled people now, and if all of them withdrew; up to five seconds.

    Each placement is filled as a request for all placements would be, so a campaign may gain where another loses.
    Reports after every hundredth person.

    Raises:
        redis.RedisError: people cannot be read.
    """
    sample = load_sample(client, most=LOOKED_AT)
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    looked_at = 0
    for found in _people(client, list(sample.profiles), now=now):
        if looked_at % AT_ONCE == 0:
            report(looked_at, len(sample.profiles))
        looked_at += 1
        before.update(_campaigns_shown(stage, found, now=now))
        withdrawn = replace(found, consent=without(found.consent, purpose, now=now))
        after.update(_campaigns_shown(stage, withdrawn, now=now))
    names = {one.key: one.name for one in stage.held.release.campaigns}
    losses = [
        CampaignLoss(key, name, before[key], after[key], looked_at, sample.population)
        for key, name in names.items()
    ]
    losses.sort(key=lambda one: (one.after - one.before, -one.before, one.name))
    return Withdrawal(purpose, tuple(losses), looked_at, sample.population)


def _people(client: redis.Redis, persons: list[str], *, now: datetime) -> Iterator[Found]:
    """Yield what is known of people, in few round trips, until the time is spent."""
    until = time.monotonic() + SECONDS
    now_ms = int(now.timestamp() * 1000)
    for start in range(0, len(persons), AT_ONCE):
        for found in look_up_many(client, persons[start : start + AT_ONCE], now_ms=now_ms):
            yield found
            if time.monotonic() > until:
                return


def _campaigns_shown(stage: Stage, found: Found, *, now: datetime) -> Collection[str]:
    placements = tuple(
        PlacementAsk(key, one.max_count) for key, one in stage.held.placements.items()
    )
    moment = whole_ms(now)
    question = Question(person=found.person, placements=placements, now=moment)
    state = states_of(found, stage, question)(moment)
    ask = asked(found.person, question)
    decision = decide(ask, state, stage.held, policy=stage.policy, now=moment)
    return {chosen.campaign for placed in decision.placed for chosen in placed.chosen} - {""}


def without(view: ConsentView, purpose: str, *, now: datetime) -> ConsentView:
    """Return a person's consent after they withdrew from a purpose on every channel."""
    kept = {place: state for place, state in view.states.items() if place[0] != purpose}
    withdrawn = State(Status.WITHDRAWN, now.timestamp())
    return replace(view, states={**kept, (purpose, EVERY_CHANNEL): withdrawn})
