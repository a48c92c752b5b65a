"""The read path of a decision, top to bottom."""

from collections.abc import Mapping
from datetime import datetime

from consent.policy import PolicySpec
from decisioning.arbitration import reasons
from decisioning.arbitration.experiments import Assignment
from decisioning.arbitration.selection import Contender, select
from decisioning.arbitration.weighing import Drop, Passed, Weighing
from decisioning.held import Candidate, Held
from decisioning.messages import (
    Ask,
    Chosen,
    Considered,
    Decision,
    PersonState,
    Placed,
    Status,
)
from decisioning.specs import PlacementSpec


def decide(
    ask: Ask, state: PersonState, held: Held, *, policy: PolicySpec | None, now: datetime
) -> Decision:
    """Return what each placement shows and what became of every candidate.

    Pure: equal arguments give an equal answer. Placements are filled in the order asked, so an offer that
    several could show goes to the first.
    """
    weighing = Weighing(ask=ask, state=state, held=held, policy=policy, now=now)
    taken: dict[str, str] = {}  # offer -> the placement that shows it
    placed: list[Placed] = []
    considered: list[Considered] = []
    for asked in ask.placements:
        placement = held.placements.get(asked.key)
        if placement is None:
            placed.append(Placed(asked.key, "", "error", reasons.UNKNOWN_PLACEMENT))
            continue
        weighed, fate, winners = settle(weighing, placement, count=asked.count, taken=taken)
        considered.extend(tell(placement, weighed, fate, winners, judged=weighing.judged))
        taken.update((passed.candidate.offer.key, placement.key) for _, passed in winners)
        if winners:
            placed.append(show(placement, winners, fate))
        else:
            placed.append(fall_back(weighing, placement, fate, taken=taken))
    contents = {key: one for key, one in weighing.contents.items() if key in taken}
    return Decision(tuple(placed), tuple(considered), weighing.used, weighing.arms, contents)


Weighed = list[tuple[Candidate, Passed | Drop]]
Winners = list[tuple[int, Passed]]


def settle(
    weighing: Weighing, placement: PlacementSpec, *, count: int, taken: Mapping[str, str]
) -> tuple[Weighed, list[Drop], Winners]:
    """Return a placement's candidates weighed, what became of each, and winners whose content is whole."""
    candidates = weighing.held.candidates[placement.key]
    weighed = [(one, weighing.weigh(one, placement)) for one in candidates]
    while True:
        fate, winners = rank(weighed, count=min(count, placement.max_count), taken=taken)
        holes = [index for index, one in winners if not weighing.fill(one.candidate, one.variant)]
        if not holes:
            return weighed, fate, winners
        # Each round rules one variant of a candidate out, so this ends.
        for index in holes:
            weighed[index] = candidates[index], weighing.weigh(candidates[index], placement)


def rank(weighed: Weighed, *, count: int, taken: Mapping[str, str]) -> tuple[list[Drop], Winners]:
    """Return what became of each candidate, in their order, and the winners, best first."""
    fate = [(reasons.SHOWN, "") if isinstance(result, Passed) else result for _, result in weighed]
    contenders = (
        Contender(index, one.offer.key, one.campaign.key, one.offer.category, result.score.total)
        for index, (one, result) in enumerate(weighed)
        if isinstance(result, Passed)
    )
    winners, losses = select(contenders, count=count, taken=taken)
    for loss in losses:
        fate[loss.index] = (loss.code, loss.to)
    passed = [(winner.index, weighed[winner.index][1]) for winner in winners]
    return fate, [(index, one) for index, one in passed if isinstance(one, Passed)]


def tell(
    placement: PlacementSpec,
    weighed: Weighed,
    fate: list[Drop],
    winners: list[tuple[int, Passed]],
    *,
    judged: Mapping[str, Assignment],
) -> list[Considered]:
    """Return what became of each candidate, as it is logged and explained.

    `judged` are the rules that an arm changed: also who did not meet them is told their arm.
    """
    ranks = {index: place for place, (index, _) in enumerate(winners, start=1)}
    told = []
    for index, (candidate, result) in enumerate(weighed):
        code, detail = fate[index]
        passed = result if isinstance(result, Passed) else None
        assignment = passed.assignment if passed else judged.get(candidate.rule)
        told.append(
            Considered(
                placement.key,
                candidate.campaign.key,
                candidate.offer.key,
                passed.variant if passed else "",
                code,
                detail,
                rank=ranks.get(index, 0),
                score=passed.score.total if passed else None,
                terms=passed.score.terms if passed else (),
                experiment=assignment.experiment if assignment else "",
                arm=assignment.arm if assignment else "",
                propensity=assignment.propensity if assignment else None,
            )
        )
    return told


def show(placement: PlacementSpec, winners: list[tuple[int, Passed]], fate: list[Drop]) -> Placed:
    """Return a placement with its winners."""
    chosen = tuple(choose(passed, rank) for rank, (_, passed) in enumerate(winners, start=1))
    return Placed(
        placement.key, placement.channel, "offers", reasons.WON, chosen, held_out_of(fate)
    )


def choose(passed: Passed, rank: int) -> Chosen:
    """Return a winner as it is shown; its propensity is the arm's share, 1 outside experiments."""
    assignment, gate = passed.assignment, passed.gate
    return Chosen(
        passed.candidate.offer.key,
        passed.variant,
        passed.candidate.campaign.key,
        rank,
        passed.score.total,
        experiment=assignment.experiment if assignment else "",
        arm=assignment.arm if assignment else "",
        propensity=assignment.propensity if assignment else 1.0,
        purpose=gate.purpose,
        basis=gate.basis,
        record=gate.record,
        expires_at=gate.expires_at,
    )


def fall_back(
    weighing: Weighing, placement: PlacementSpec, fate: list[Drop], *, taken: dict[str, str]
) -> Placed:
    """Return a placement that no offer won: a campaign's fallback offer, else the placement's own content.

    Who is held out of everything is shown the placement's own.
    """
    reason = reasons.furthest([code for code, _ in fate])
    held_out = held_out_of(fate)
    if reason == reasons.HELD_OUT:
        return Placed(placement.key, placement.channel, "suppressed", reason, (BARE,), held_out)
    if weighing.is_quiet(placement.channel):
        reason = reasons.QUIET_HOURS
        return Placed(placement.key, placement.channel, "suppressed", reason, (BARE,), held_out)
    for candidate in weighing.held.fallbacks[placement.key]:
        if candidate.offer.key in taken or weighing.not_wanted(candidate):
            continue
        if may_stand_in(weighing, candidate):
            variant = weighing.variant_of(candidate)
            while isinstance(variant, str) and not weighing.fill(candidate, variant):
                variant = weighing.variant_of(candidate)
            if not isinstance(variant, str):
                continue
            taken[candidate.offer.key] = placement.key
            chosen = Chosen(candidate.offer.key, variant, candidate.campaign.key, 1, None)
            return Placed(placement.key, placement.channel, "fallback", reason, (chosen,), held_out)
    status: Status = "suppressed" if reason == reasons.CAMPAIGN_HELD_OUT else "fallback"
    return Placed(placement.key, placement.channel, status, reason, (BARE,), held_out)


BARE = Chosen("", "", "", 1, None)  # the placement's own fallback content


def may_stand_in(weighing: Weighing, candidate: Candidate) -> bool:
    """Return whether a campaign's fallback offer runs and, where it has conditions, the context meets them."""
    if weighing.not_running(candidate) or candidate.offer.caps:
        return False
    return not candidate.offer.eligibility or weighing.meets(candidate)


def held_out_of(fate: list[Drop]) -> tuple[str, ...]:
    """Return the campaigns whose holdout the person is in, sorted."""
    return tuple(sorted({detail for code, detail in fate if code == reasons.CAMPAIGN_HELD_OUT}))
