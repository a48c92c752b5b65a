"""Who sees what and why: a decision that touches nothing, told with names, reasons and what would flip it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

import msgspec
import redis

from campaigns.flips import Flip, Flipping
from campaigns.stages import Stage, recounted
from consent.policy import ConsentView, State, Status
from consent.signals.house import this_house
from decisioning.decisions import decide
from decisioning.explaining import explain_decision
from decisioning.messages import (
    Ask,
    ConsentAsk,
    Decision,
    Explained,
    PersonState,
    Placed,
    PlacementAsk,
    read_consent,
)
from decisioning.person_state import Found, look_up, state_of
from decisioning.profiles.accounts import Accounts
from decisioning.profiles.profile import Profile
from decisioning.profiles.windows import facts
from decisioning.specs import PlacementSpec
from rtts_site.foundation.language import ACTIVE

Saying = Literal["allow", "deny", "unknown"]
MOST_FLIPS = 120  # candidates whose nearest change is looked for in one trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Who is asked about, where, when, and what is supposed instead of what is known."""

    person: str  # person id
    placements: tuple[PlacementAsk, ...]
    now: datetime
    is_made_up: bool = False  # nobody: nothing is read of them
    given: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))  # facts
    consent: Mapping[str, Saying] = field(default_factory=lambda: MappingProxyType({}))
    signals: ConsentAsk = ConsentAsk()


@dataclass(frozen=True, slots=True)
class OfferTrial:
    """One candidate's fate."""

    name: str
    campaign: str
    told: Explained
    flips: tuple[Flip, ...] = ()  # of one that is not shown: what would show it
    lost_by: tuple[Flip, ...] = ()  # of one that is shown: what would lose it


@dataclass(frozen=True, slots=True)
class PlacementTrial:
    """What one placement shows, with every candidate's reason."""

    placement: PlacementSpec
    placed: Placed
    shown: tuple[dict[str, Any], ...]  # {"offer", "variant", "content", "score", "rank"}
    offers: tuple[OfferTrial, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """The answer to a question."""

    stage: str
    person: str  # by now, after merges
    is_known: bool
    decision: Decision
    explained: tuple[Explained, ...]
    placements: tuple[PlacementTrial, ...]
    identifiers: tuple[str, ...] = ()


def try_out(client: redis.Redis, stage: Stage, question: Question, *, flips: bool = True) -> Trial:
    """Return what a person would see; no cap, log or report is touched.

    Raises:
        redis.RedisError, RedisUnavailable: the person cannot be read.
    """
    found = find(client, stage, question)
    state_at = states_of(found, stage, question)
    ask = asked(found.person, question)
    now = whole_ms(question.now)
    state = state_at(now)
    decision = decide(ask, state, stage.held, policy=stage.policy, now=now)
    explained = explain_decision(
        decision, stage.held, level="trace", now=now.timestamp(), phrases=ACTIVE
    )
    flipping = Flipping(stage, ask, state_at, now) if flips else None
    told = _Telling(stage, decision, explained, flipping)
    return Trial(
        stage.name,
        found.person,
        found.profile is not None,
        decision,
        explained,
        tuple(told.placements()),
        tuple(sorted(found.profile.identifiers)) if found.profile else (),
    )


def find(client: redis.Redis, stage: Stage, question: Question) -> Found:
    """Return what is known of whom is asked about, consent as supposed."""
    if question.is_made_up:
        nothing_said = ConsentView(version=0, fenced=False, trusted=True)
        found = Found(question.person, consent=nothing_said)
    else:
        now_ms = int(question.now.timestamp() * 1000)
        reads = stage.held.accounts
        found = look_up(client, question.person, now_ms=now_ms, reads=reads)
    return replace(found, consent=supposing(found.consent, question))


def supposing(view: ConsentView, question: Question) -> ConsentView:
    """Return a person's consent with what is supposed in place of what they said; "deny" comes with the request."""
    states = {
        place: state
        for place, state in view.states.items()
        if question.consent.get(place[0]) not in ("allow", "unknown")
    }
    since = whole_ms(question.now).timestamp()
    for purpose, saying in question.consent.items():
        if saying == "allow":
            states[purpose, "*"] = State(Status.GIVEN, since)
    return replace(view, states=states)


def asked(person: str, question: Question) -> Ask:
    """Return the request as the read path takes it."""
    denied = {purpose for purpose, saying in question.consent.items() if saying == "deny"}
    denied |= set(question.signals.denied)
    consent = msgspec.structs.replace(question.signals, denied=tuple(sorted(denied)))
    signals = read_consent(consent, house=this_house(), now=question.now)
    return Ask(person, question.placements, consent, "trace", signals)


def states_of(found: Found, stage: Stage, question: Question) -> Callable[[datetime], PersonState]:
    """Return what is known of a person at a time, if nothing happens until then."""
    counted = recounted(found.person, found.profile, stage.unkept) if stage.unkept else None
    of_accounts = Accounts(profiles=_recounted_accounts(found, stage))

    def state_at(now: datetime) -> PersonState:
        at = now.timestamp()
        new = facts(counted, (), stage.unkept, at, of_accounts) if counted else {}
        return state_of(
            found,
            stage.current,
            stage.held,
            placements=question.placements,
            given={**new, **question.given},
            now=now,
        )

    return state_at


def _recounted_accounts(found: Found, stage: Stage) -> dict[str, Profile]:
    known = found.accounts.profiles
    return {
        kind: recounted(account, known[kind], of_kind)
        for kind, account in found.belongs.items()
        if kind in known and (of_kind := [one for one in stage.unkept if one.of == kind])
    }


def whole_ms(now: datetime) -> datetime:
    """Return a time as decisions are made at: in whole milliseconds."""
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class _Telling:
    def __init__(
        self,
        stage: Stage,
        decision: Decision,
        explained: Sequence[Explained],
        flipping: Flipping | None,
    ) -> None:
        self.held = stage.held
        self.decision = decision
        self.explained = explained
        self.flipping = flipping if len(explained) <= MOST_FLIPS else None
        self.campaigns = {one.key: one.name for one in stage.held.release.campaigns}

    def placements(self) -> list[PlacementTrial]:
        found = []
        for placed in self.decision.placed:
            placement = self.held.placements.get(placed.key)
            if placement is None:
                continue
            shown = tuple(self.shown(placement, chosen) for chosen in placed.chosen)
            found.append(PlacementTrial(placement, placed, shown, self.offers(placement)))
        return found

    def offers(self, placement: PlacementSpec) -> tuple[OfferTrial, ...]:
        told = [one for one in self.explained if one.placement == placement.key]
        told.sort(key=lambda one: (one.rank or 99, -(one.score or -1.0), one.offer))
        return tuple(self.offer(one, placement) for one in told)

    def offer(self, told: Explained, placement: PlacementSpec) -> OfferTrial:
        offer = self.held.offers.get(told.offer)
        name = offer.name if offer else told.offer
        campaign = self.campaigns.get(told.campaign, told.campaign)
        if self.flipping is None:
            return OfferTrial(name, campaign, told)
        if told.outcome == "shown":
            return OfferTrial(name, campaign, told, lost_by=self.flipping.losing(told, placement))
        return OfferTrial(name, campaign, told, self.flipping.showing(told, placement))

    def shown(self, placement: PlacementSpec, chosen: Any) -> dict[str, Any]:
        offer = self.held.offers.get(chosen.offer)
        if offer is None:
            content: Mapping[str, Any] = placement.fallback
        else:
            content = self.held.content(chosen, self.decision.contents)
        return {
            "offer": offer,
            "variant": chosen.variant,
            "content": content,
            "score": chosen.score,
            "rank": chosen.rank,
        }
