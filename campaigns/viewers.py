"""Who would see an offer now, and who just misses it, among sampled people."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import redis
from django.utils.translation import gettext as _

from campaigns.sampling import load_sample
from campaigns.stages import Stage
from campaigns.trials import Question, asked, states_of, whole_ms
from decisioning.arbitration import reasons
from decisioning.arbitration.weighing import Passed, Weighing
from decisioning.decisions import decide
from decisioning.explaining import failures
from decisioning.held import Candidate
from decisioning.messages import Ask, PersonState, PlacementAsk
from decisioning.person_state import Found, look_up_many
from decisioning.rules.conditions import explain
from decisioning.rules.words import sentence
from rtts_site.foundation.language import ACTIVE

LOOKED_AT: Final = 200  # people
SHOWN: Final = 10  # of each sort


@dataclass(frozen=True, slots=True)
class Viewer:
    """One sampled person and an offer."""

    person: str
    placement: str  # where they come nearest to seeing it
    code: str  # of `reasons`
    words: str
    failing: tuple[str, ...] = ()  # the conditions that they do not meet, in words


@dataclass(frozen=True, slots=True)
class Viewers:
    """Who would see an offer, and who just misses it; the fewest failing conditions first."""

    would: tuple[Viewer, ...]
    just_miss: tuple[Viewer, ...]
    seen: int  # how many of those looked at would see it
    looked_at: int
    population: int


class NotOnOffer(Exception):
    """No campaign shows the offer anywhere; the message says what to do."""


def viewers_of(client: redis.Redis, stage: Stage, offer: str, *, now: datetime) -> Viewers:
    """Return sampled people who would see an offer now and who just miss it; about a second.

    Raises:
        NotOnOffer: it is in no campaign, or has no variant for any placement.
        redis.RedisError: people cannot be read.
    """
    candidates = [
        (key, one)
        for key, every in stage.held.candidates.items()
        for one in every
        if one.offer.key == offer
    ]
    if not candidates:
        raise NotOnOffer(_("No campaign shows this offer: put it into one, with a variant."))
    sample = load_sample(client, most=LOOKED_AT)
    looker = _Looker(stage, candidates, whole_ms(now))
    now_ms = int(now.timestamp() * 1000)
    people = look_up_many(client, list(sample.profiles), now_ms=now_ms, reads=stage.held.accounts)
    found = [looker.nearest(person) for person in people]
    would = [one for one in found if one.code == reasons.SHOWN]
    missed = [one for one in found if one.code != reasons.SHOWN]
    missed.sort(key=lambda one: (_distance(one), one.person))
    return Viewers(
        tuple(would[:SHOWN]),
        tuple(missed[:SHOWN]),
        len(would),
        len(sample.profiles),
        sample.population,
    )


def _distance(one: Viewer) -> tuple[int, int]:
    """Return how far somebody is from seeing it: who passed every check is nearer than who failed one."""
    return max(1, len(one.failing)), -reasons.ORDER.get(one.code, 0)


@dataclass(frozen=True, slots=True)
class _Looker:
    stage: Stage
    candidates: list[tuple[str, Candidate]]
    now: datetime

    def nearest(self, found: Found) -> Viewer:
        """Return where a person comes nearest to seeing the offer."""
        placements = tuple(PlacementAsk(key) for key, _candidate in self.candidates)
        question = Question(person=found.person, placements=placements, now=self.now)
        state = states_of(found, self.stage, question)(self.now)
        ask = asked(found.person, question)
        looks = [self._look(ask, state, key, one) for key, one in self.candidates]
        shown = [one for one in looks if one.code == reasons.SHOWN]
        return min(shown or looks, key=_distance)

    def _look(self, ask: Ask, state: PersonState, key: str, candidate: Candidate) -> Viewer:
        held = self.stage.held
        placement = held.placements[key]
        weighing = Weighing(ask=ask, state=state, held=held, policy=self.stage.policy, now=self.now)
        result = weighing.weigh(candidate, placement)
        if isinstance(result, Passed):
            return self._ranked(ask, state, key, candidate)
        code, detail = result
        failing = tuple(self._failing(weighing, candidate)) if code != reasons.CONSENT else ()
        return Viewer(ask.person, placement.name, code, self._words(code, detail), failing)

    def _ranked(self, ask: Ask, state: PersonState, key: str, candidate: Candidate) -> Viewer:
        placement = self.stage.held.placements[key]
        alone = Ask(ask.person, (PlacementAsk(key, placement.max_count),), ask.consent)
        decision = decide(alone, state, self.stage.held, policy=self.stage.policy, now=self.now)
        name = (candidate.campaign.key, candidate.offer.key)
        fate = next(one for one in decision.considered if (one.campaign, one.offer) == name)
        return Viewer(ask.person, placement.name, fate.code, self._words(fate.code, fate.detail))

    def _failing(self, weighing: Weighing, candidate: Candidate) -> Iterator[str]:
        visible = weighing.visible(candidate.group)
        for tree in (candidate.offer_tree, candidate.campaign_tree):
            for failure in failures(explain(tree, visible, self.now.timestamp())):
                yield sentence(failure.node, self.stage.held.catalogue, ACTIVE)

    def _words(self, code: str, detail: str) -> str:
        offer = self.stage.held.offers.get(detail)
        return reasons.words(code, offer.name if offer else detail, ACTIVE)
