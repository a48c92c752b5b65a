"""Puts a decision's reasons into words: every candidate, and the conditions that were not met."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET, UnsetType

from decisioning.arbitration import reasons
from decisioning.held import Candidate, Held
from decisioning.messages import Considered, Decision, ExperimentOut, Explain, Explained, TermOut
from decisioning.rules.conditions import (
    Catalogue,
    Explanation,
    Group,
    Leaf,
    SegmentUse,
    Truth,
    explain,
)
from decisioning.rules.phrases import ENGLISH, Phrases
from decisioning.rules.words import explanation_words, sentence


def explain_decision(
    decision: Decision,
    held: Held | None,
    *,
    level: Explain,
    now: float,
    show_values: bool = True,
    phrases: Phrases = ENGLISH,
) -> tuple[Explained, ...]:
    """Return what became of every candidate, in words; for the dropped ones the conditions not met.

    `level` "trace" adds the whole condition tree; without `held` no conditions are told. Without `show_values` (browser keys) no fact is told.
    """
    candidates = {
        (key, one.campaign.key, one.offer.key): one
        for key, every in (held.candidates if held else {}).items()
        for one in every
    }
    teller = _Teller(held, candidates, decision.used, now, level == "trace", show_values, phrases)
    return tuple(
        _explained(one, teller.words(one), teller.conditions(one)) for one in decision.considered
    )


def _explained(
    one: Considered, words: str, conditions: tuple[dict[str, Any], ...] | UnsetType
) -> Explained:
    return Explained(
        placement=one.placement,
        campaign=one.campaign,
        offer=one.offer,
        variant=one.variant or None,
        outcome="shown" if one.code == reasons.SHOWN else "dropped",
        code=one.code,
        words=words,
        rank=one.rank or None,
        score=one.score,
        terms=tuple(TermOut(term.key, term.value, term.weight) for term in one.terms) or UNSET,
        conditions=conditions,
        experiment=ExperimentOut(one.experiment, one.arm, one.propensity) if one.arm else None,
    )


@dataclass(frozen=True, slots=True)
class _Teller:
    held: Held | None
    candidates: Mapping[tuple[str, str, str], Candidate]
    facts: Mapping[str, Any]
    now: float
    trace: bool
    show_values: bool
    phrases: Phrases

    def words(self, one: Considered) -> str:
        """Return a reason; where it is about an offer, with that offer's name."""
        offer = self.held.offers.get(one.detail) if self.held else None
        detail = offer.name if offer and one.code in reasons.BY_ANOTHER_OFFER else one.detail
        return reasons.words(one.code, detail, self.phrases)

    def conditions(self, one: Considered) -> tuple[dict[str, Any], ...] | UnsetType:
        candidate = self.candidates.get((one.placement, one.campaign, one.offer))
        wanted = self.trace or one.code == reasons.NOT_ELIGIBLE
        if self.held is None or candidate is None or not wanted:
            return UNSET
        needs = self.held.needs.get(candidate.group)
        seen = {key: self.facts[key] for key in needs.keys & self.facts.keys()} if needs else {}
        arm = (one.experiment, one.arm)
        trees = (candidate.tree_in(arm), candidate.campaign_tree)
        explanations = [explain(tree, seen, self.now) for tree in trees]
        if self.trace and self.show_values:
            return tuple(self.traced(every, self.held.catalogue) for every in explanations)
        failing = (leaf for explanation in explanations for leaf in failures(explanation))
        return tuple(self.told(leaf, self.held.catalogue) for leaf in failing)

    def traced(self, explanation: Explanation, catalogue: Catalogue) -> dict[str, Any]:
        return explanation_words(explanation, catalogue, self.phrases)

    def told(self, explanation: Explanation, catalogue: Catalogue) -> dict[str, Any]:
        told: dict[str, Any] = {
            "words": sentence(explanation.node, catalogue, self.phrases),
            "truth": "unknown" if explanation.truth is Truth.UNKNOWN else "false",
        }
        if self.show_values and isinstance(explanation.node, Leaf):
            told["actual"] = explanation.actual
        return told


def failures(explanation: Explanation) -> Iterator[Explanation]:
    """Yield what kept a tree from being true: the least that would have to change, in order.

    Of an "any" or "none" group the whole group is told, of an "all" each member that is not true.
    """
    if explanation.truth is Truth.TRUE:
        return
    node = explanation.node
    if isinstance(node, SegmentUse) or (isinstance(node, Group) and node.kind == "all"):
        for part in explanation.parts:
            yield from failures(part)
    else:
        yield explanation
