"""Who sees what and why: a decision that touches nothing, under the live release or under a draft."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis

from campaigns.candidates import Candidate, candidate_of, live_release
from campaigns.models import Change
from consent import people
from consent.policy import PolicySpec, decode_policy
from consent.policy_store import live_policy
from consent.state import parse_view, read_commands, run_id_of
from decisioning.arbitration.caps import Shown, parse_shown
from decisioning.arbitration.totals import closed_offers
from decisioning.decisions import decide
from decisioning.explaining import explain_decision
from decisioning.held import Held, hold
from decisioning.holder import Current
from decisioning.learning.publishing import Learned, load_learned
from decisioning.messages import Ask, Decision, Explained, PersonState, PlacementAsk
from decisioning.person_state import Found, state_of
from decisioning.profiles.store import load_profile
from decisioning.releases import Verified
from decisioning.rules.canonical import decode_release, digest
from decisioning.rules.compiler import compile_release
from decisioning.specs import PlacementSpec, ReleaseSpec


class NothingToTry(Exception):
    """There is no release to decide with; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Who is asked about, where, when, with which context."""

    person: str  # person id
    placements: tuple[str, ...]
    now: datetime
    given: Mapping[str, Any]  # attribute key -> value; overrides the profile
    change: Change | None = None  # None asks the live release


@dataclass(frozen=True, slots=True)
class PlacementTrial:
    """What one placement shows, with every candidate's reason."""

    placement: PlacementSpec
    status: str
    reason: str
    shown: tuple[dict[str, Any], ...]  # {"offer", "variant", "content", "score"}
    reasons: tuple["Reason", ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one candidate was shown or dropped, with names in place of keys."""

    offer: str
    campaign: str
    told: Explained


@dataclass(frozen=True, slots=True)
class Trial:
    """The answer to a question."""

    release: str  # "Release 12" or the change's title
    person: str  # by now, after merges
    is_known: bool
    placements: tuple[PlacementTrial, ...]


def try_out(client: redis.Redis, question: Question) -> Trial:
    """Return what a person would see; no cap, log or report is touched.

    Raises:
        NothingToTry: nothing was published yet.
        Refused: the draft cannot become a release.
        CompileError: it is past what the engine can hold.
    """
    name, spec, policy = _subject(question.change)
    held = _hold(spec, version=0)
    try:
        found = _find(client, question)
        state = _state(client, found, held, question)
        ask = Ask(found.person, tuple(PlacementAsk(key, 30) for key in question.placements))
        decision = decide(ask, state, held, policy=policy, now=question.now)
        explained = explain_decision(decision, held, level="reasons", now=question.now.timestamp())
        told = tuple(_told(decision, held, explained))
        return Trial(name, found.person, found.profile is not None, told)
    finally:
        held.engine.close()


def _subject(change: Change | None) -> tuple[str, ReleaseSpec, PolicySpec | None]:
    if change is not None:
        candidate: Candidate = candidate_of(change)
        return change.title, candidate.spec, candidate.policy
    release = live_release()
    if release is None:
        raise NothingToTry("Nothing was published yet: approve and publish a change first.")
    policy = live_policy() or decode_policy(bytes(release.policy))
    return str(release), decode_release(bytes(release.spec)), policy


def _hold(spec: ReleaseSpec, *, version: int) -> Held:
    artifact = compile_release(spec)
    return hold(Verified(version, digest(spec), 0, spec, artifact))


def _find(client: redis.Redis, question: Question) -> Found:
    person, profile = load_profile(client, question.person)
    now_ms = int(question.now.timestamp() * 1000)
    with client.pipeline(transaction=False) as pipe:
        pipe.info("server")
        pipe.hgetall(people.caps_key(person))
        pipe.hgetall(people.arms_key(person))
        for command in read_commands(person):
            pipe.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py leaves it so
        info, caps, arms, *consent = pipe.execute(raise_on_error=False)
    return Found(
        person,
        profile,
        parse_shown(caps, now_ms=now_ms) if caps else Shown(),
        {name.decode(): arm.decode() for name, arm in arms.items()},
        parse_view(run_id_of(info), consent),
    )


def _state(client: redis.Redis, found: Found, held: Held, question: Question) -> PersonState:
    now_ms = int(question.now.timestamp() * 1000)
    closed = closed_offers(client, held.offers.values(), now_ms=now_ms)
    current = Current(learned=load_learned(client, known=Learned()), closed=closed)
    placements = [PlacementAsk(key) for key in question.placements]
    return state_of(
        found, current, held, placements=placements, given=question.given, now=question.now
    )


def _told(
    decision: Decision, held: Held, explained: Sequence[Explained]
) -> Sequence[PlacementTrial]:
    trials = []
    for placed in decision.placed:
        placement = held.placements.get(placed.key)
        if placement is None:
            continue
        shown = tuple(_shown(held, placement, one) for one in placed.chosen)
        reasons = tuple(_reason(held, one) for one in explained if one.placement == placed.key)
        trials.append(PlacementTrial(placement, placed.status, placed.reason, shown, reasons))
    return trials


def _reason(held: Held, told: Explained) -> Reason:
    offer = held.offers.get(told.offer)
    campaigns = {one.key: one.name for one in held.release.campaigns}
    name = offer.name if offer else told.offer
    return Reason(name, campaigns.get(told.campaign, told.campaign), told)


def _shown(held: Held, placement: PlacementSpec, chosen: Any) -> dict[str, Any]:
    offer = held.offers.get(chosen.offer)
    if offer is None:
        return {"offer": None, "variant": "", "content": placement.fallback, "score": None}
    variants = {variant.key: variant for variant in offer.variants}
    content = variants[chosen.variant].content if chosen.variant in variants else {}
    return {
        "offer": offer,
        "variant": chosen.variant,
        "content": content,
        "score": chosen.score,
    }
