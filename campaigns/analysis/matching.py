"""The only place that runs a release's compiled rules over sampled people: who meets what, and who always loses."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from campaigns.analysis.contents import spots, tokens_of
from campaigns.analysis.findings import Oddity
from campaigns.analysis.layout import Layout
from campaigns.analysis.schedules import shared_span
from decisioning.arbitration.scoring import shares
from decisioning.held import needs_by_group
from decisioning.rules.artifact import Artifact
from decisioning.rules.compiler import AUDIENCE
from decisioning.rules.conditions import Catalogue, Facts, attributes, parse
from decisioning.rules.engine import Engine
from decisioning.specs import CampaignSpec, OfferSpec, PlacementSpec, ReleaseSpec

People = int  # one bit per sampled person
FIXED = ("priority", "value")  # terms of a score that are the same for everybody
LACKING = 0.1  # share of an offer's people without a value from which on it is told
STEP = 50  # people between two reports


@dataclass(frozen=True, slots=True)
class Rule:
    """An offer of a campaign in a placement."""

    placement: PlacementSpec
    offer: OfferSpec
    campaign: CampaignSpec


@dataclass(frozen=True, slots=True)
class Matched:
    """Whom each rule and each segment found among so many people."""

    sampled: int
    rules: Mapping[tuple[str, str], People]  # placement and "campaign/offer"
    segments: Mapping[str, People]
    lacking: Mapping[str, People]  # by attribute: who has no value of it


def match(
    release: ReleaseSpec,
    artifacts: tuple[Artifact, Artifact],
    known: Iterable[Facts],
    *,
    now: datetime,
    go_on: Callable[[int], bool],
) -> Matched:
    """Return whom the rules of a release and its segments find, by the engine that decides.

    `artifacts` are those of its rules and of its segments; `go_on` is asked every `STEP` people with their
    number, and ends it.
    """
    engines = Engine(artifacts[0]), Engine(artifacts[1])
    needs = {key: need.keys for key, need in needs_by_group(release, artifacts[0]).items()}
    tokens = frozenset(names_said(release))
    rules: dict[tuple[str, str], People] = {}
    segments: dict[str, People] = {}
    lacking: dict[str, People] = {}
    number = 0
    try:
        for facts in known:
            bit = 1 << number
            for group, keys in needs.items():
                seen = {key: facts[key] for key in keys if key in facts}
                for name in engines[0].match(group, seen, now.timestamp()):
                    place = group.placement, name
                    rules[place] = rules.get(place, 0) | bit
            for name in engines[1].match(AUDIENCE, facts, now.timestamp()):
                segments[name] = segments.get(name, 0) | bit
            for name in tokens:
                if facts.get(name) in (None, "", []):
                    lacking[name] = lacking.get(name, 0) | bit
            number += 1
            if number % STEP == 0 and not go_on(number):
                break
    finally:
        engines[0].close()
        engines[1].close()
    return Matched(number, rules, segments, lacking)


def names_said(release: ReleaseSpec) -> set[str]:
    """Return the attributes that content cannot do without."""
    known = {one.key for one in release.attributes if one.source == "profile"}
    return {
        name
        for offer in release.offers
        for variant in offer.variants
        for spot in spots(variant)
        for name in tokens_of(spot.text)[1]
    } & known


def keys_read(release: ReleaseSpec) -> set[str]:
    """Return the attributes that conditions and content of a release read."""
    catalogue = Catalogue.of(release)
    conditions = [
        *(one.condition for one in release.segments),
        *(one.eligibility for one in release.offers),
        *(one.eligibility for one in release.campaigns),
    ]
    read = {key for one in conditions for key in attributes(parse(one, catalogue))}
    return read | names_said(release)


@dataclass(frozen=True)
class Measured:
    """What the matches say of a release."""

    layout: Layout
    matched: Matched
    now: datetime

    def oddities(self) -> Iterator[Oddity]:
        """Yield what is odd about who is found; nothing without people."""
        if not self.matched.sampled:
            return
        yield from self._of_segments()
        yield from self._of_offers()
        for placement in self.layout.release.placements:
            yield from self._of_placement(placement)
        yield from self._losers()

    @cached_property
    def _asks_context(self) -> set[str]:
        """Return the offers and segments whose conditions read the request, which no sample has."""
        catalogue = self.layout.catalogue
        context = {one.key for one in self.layout.release.attributes if one.source == "context"}

        def asks(condition: Any) -> bool:
            return bool(attributes(parse(condition, catalogue)) & context)

        found = {one.key for one in self.layout.release.segments if asks(one.condition)}
        for offer in self.layout.release.offers:
            shared = (one.eligibility for one in self.layout.campaigns_of(offer.key))
            if any(map(asks, (offer.eligibility, *shared))):
                found.add(f"offer {offer.key}")
        return found

    @cached_property
    def rules(self) -> dict[str, list[Rule]]:
        """Return, by placement, what runs or will run there."""
        return {
            placement.key: [
                Rule(placement, offer, campaign)
                for offer, campaign in self.layout.shown_in(placement.key)
                if (span := shared_span(offer, campaign)) and span[1] > self.now
            ]
            for placement in self.layout.release.placements
        }

    def people(self, rule: Rule) -> People:
        """Return whom a rule finds."""
        name = f"{rule.campaign.key}/{rule.offer.key}"
        return self.matched.rules.get((rule.placement.key, name), 0)

    def share(self, people: People) -> float:
        """Return the share of the sample, in [0, 1], to three digits."""
        return round(people.bit_count() / self.matched.sampled, 3)

    def _of_segments(self) -> Iterator[Oddity]:
        for segment in self.layout.release.segments:
            found = self.matched.segments.get(segment.key, 0)
            if not found and segment.key not in self._asks_context:
                args = {"people": self.matched.sampled}
                yield Oddity("segment_empty", "segment", segment.key, "condition", args)

    def _of_offers(self) -> Iterator[Oddity]:
        found: dict[str, People] = {}
        for rule in (rule for rules in self.rules.values() for rule in rules):
            found[rule.offer.key] = found.get(rule.offer.key, 0) | self.people(rule)
        for key, people in found.items():
            if people:
                yield from self._of_tokens(self.layout.offers[key], people)
            elif f"offer {key}" not in self._asks_context:
                args = {"people": self.matched.sampled}
                yield Oddity("offer_for_nobody", "offer", key, "eligibility", args)

    def _of_tokens(self, offer: OfferSpec, people: People) -> Iterator[Oddity]:
        for number, variant in enumerate(offer.variants):
            for spot in spots(variant):
                for name in tokens_of(spot.text)[1]:
                    lack = self.matched.lacking.get(name, 0) & people
                    share = lack.bit_count() / people.bit_count()
                    if share >= LACKING:
                        args = {"attribute": name, "missing": round(share, 3)}
                        field = f"variants[{number}].{spot.field}"
                        yield Oddity("token_lacking", "offer", offer.key, field, args)

    def _of_placement(self, placement: PlacementSpec) -> Iterator[Oddity]:
        rules = self.rules[placement.key]
        blind = any(f"offer {one.offer.key}" in self._asks_context for one in rules)
        if rules and not blind and not any(map(self.people, rules)):
            args = {"people": self.matched.sampled}
            yield Oddity("placement_for_nobody", "placement", placement.key, "name", args)
        yield from self._overlaps(rules)

    def _overlaps(self, rules: list[Rule]) -> Iterator[Oddity]:
        """Yield, for each offer, where most of its people rather get another one."""
        worst: dict[tuple[str, str], tuple[int, Rule, Rule, People, int]] = {}
        found = [(rule, people) for rule in rules if (people := self.people(rule))]
        for index, (one, people) in enumerate(found):
            for other, theirs in found[index + 1 :]:
                both = people & theirs
                if not both or not self._compete(one, other):
                    continue
                loser, winner = (one, other) if ranks_above(other, one) else (other, one)
                place = loser.placement.key, loser.offer.key
                before = worst.get(place)
                count = before[4] + 1 if before else 1
                if before is None or both.bit_count() > before[0]:
                    worst[place] = both.bit_count(), loser, winner, both, count
                else:
                    worst[place] = (*before[:4], count)
        for _, loser, winner, both, count in worst.values():
            yield self._overlap(loser, winner, both, count)

    def _compete(self, one: Rule, other: Rule) -> bool:
        if one.offer.key == other.offer.key:
            return False
        category = one.offer.category
        if one.placement.max_count > 1 and (not category or category != other.offer.category):
            return False
        span = shared_span(one.offer, one.campaign, other.offer, other.campaign)
        return span is not None and span[1] > self.now

    def _overlap(self, loser: Rule, winner: Rule, both: People, count: int) -> Oddity:
        args = {
            "placement": loser.placement.name,
            "winner": winner.offer.name,
            "share": self.share(both),
            "more": count - 1,
        }
        low, high = score_range(loser), score_range(winner)
        if not (is_fixed(loser) and is_fixed(winner)):
            return Oddity("overlap_moving", "offer", loser.offer.key, "priority", args)
        args |= {"score": f"{low[0]:.2f}", "winning": f"{high[0]:.2f}"}
        code = "tie" if low == high else "overlap"
        return Oddity(code, "offer", loser.offer.key, "priority", args)

    def _losers(self) -> Iterator[Oddity]:
        """Yield the offers that some other offer outranks for each of their people in each of their placements."""
        fates: dict[str, list[Rule | None]] = {}
        tested = {one.campaign for one in self.layout.release.experiments}
        for rules in self.rules.values():
            for rule in rules:
                if self.people(rule):
                    better = None if rule.campaign.key in tested else self._better(rule, tested)
                    fates.setdefault(rule.offer.key, []).append(better)
        for key, fate in fates.items():
            winner = fate[0]
            if winner is not None and all(fate) and f"offer {key}" not in self._asks_context:
                args = {"winner": winner.offer.name, "placement": winner.placement.name}
                yield Oddity("never_wins", "offer", key, "priority", args)

    def _better(self, rule: Rule, tested: set[str]) -> Rule | None:
        """Return the offer that wins most often where a rule never does; None where it may win."""
        people, places = self.people(rule), rule.placement.max_count
        ahead: dict[str, People] = {}  # one of a category is shown
        first: tuple[int, Rule] | None = None
        for other in self.rules[rule.placement.key]:
            theirs = self.people(other) & people
            if not theirs or other.campaign.key in tested or not outlasts(other, rule, self.now):
                continue
            name = other.offer.category or f"\0{other.offer.key}"
            ahead[name] = ahead.get(name, 0) | theirs
            if first is None or theirs.bit_count() > first[0]:
                first = theirs.bit_count(), other
        at_least = [people, *(0 for _ in range(places))]  # whom so many are ahead of it for
        for found in ahead.values():
            for count in range(places, 0, -1):
                at_least[count] |= at_least[count - 1] & found
        return first[1] if first and not people & ~at_least[places] else None


def is_fixed(rule: Rule) -> bool:
    """Return whether a rule scores the same for everybody at any time."""
    return all(term in FIXED for term, weight in rule.campaign.weights.items() if weight)


def score_range(rule: Rule) -> tuple[float, float]:
    """Return the lowest and the highest score that a rule can have, in [0, 1]."""
    low = high = 0.0
    for term, share in shares(rule.campaign.weights):
        fixed = {"priority": rule.offer.priority, "value": rule.offer.value}.get(term)
        low += share * (fixed or 0.0)
        high += share * (1.0 if fixed is None else fixed)
    return round(low, 6), round(high, 6)


def _order(rule: Rule) -> tuple[str, str]:
    return rule.offer.key, rule.campaign.key


def ranks_above(one: Rule, other: Rule) -> bool:
    """Return whether a rule ranks above another, as far as their lowest scores tell; ties go by key."""
    mine, theirs = score_range(one)[0], score_range(other)[0]
    return (-mine, _order(one)) < (-theirs, _order(other))


def outlasts(one: Rule, other: Rule, now: datetime) -> bool:
    """Return whether a rule is sure to rank above another for whoever both find, for as long as the other runs."""
    if one.offer.key == other.offer.key or one.offer.caps or one.campaign.holdout_share:
        return False
    if not set(one.offer.purposes) <= set(other.offer.purposes):
        return False
    mine, theirs = score_range(one)[0], score_range(other)[1]
    if (-mine, _order(one)) > (-theirs, _order(other)):
        return False
    runs, wanted = shared_span(one.offer, one.campaign), shared_span(other.offer, other.campaign)
    if runs is None or wanted is None:
        return False
    return runs[0] <= max(wanted[0], now) and wanted[1] <= runs[1]
