"""The only place that says what is odd about whom a release's rules found: who meets what, and who always loses."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from campaigns.analysis.contents import spots, tokens_of
from campaigns.analysis.findings import Oddity
from campaigns.analysis.layout import Layout
from campaigns.analysis.matching import Matched, People
from campaigns.analysis.ranking import Rule, is_fixed, outlasts, ranks_above, score_range
from campaigns.analysis.schedules import shared_span
from decisioning.rules.catalogue import with_moment
from decisioning.rules.compiler import arm_rule
from decisioning.rules.conditions import attributes, parse
from decisioning.specs import Condition, OfferSpec, PlacementSpec

LACKING = 0.1  # share of an offer's people without a value from which on it is told


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
        yield from self._of_arms()
        for placement in self.layout.release.placements:
            yield from self._of_placement(placement)
        yield from self._losers()

    @cached_property
    def _asks_context(self) -> set[str]:
        """Return the offers and segments whose conditions read the request, which no sample has."""
        found = {one.key for one in self.layout.release.segments if self._asks(one.condition)}
        for offer in self.layout.release.offers:
            shared = (one.eligibility for one in self.layout.campaigns_of(offer.key))
            if any(map(self._asks, (offer.eligibility, *shared))):
                found.add(f"offer {offer.key}")
        return found

    def _asks(self, condition: Condition) -> bool:
        return bool(attributes(parse(condition, self.layout.catalogue)) & self._context)

    @cached_property
    def _context(self) -> set[str]:
        known = with_moment(self.layout.release.attributes)
        return {key for key, one in known.items() if one.source == "context"}

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
        """Return whom a rule finds, in whatever arm."""
        own = f"{rule.campaign.key}/{rule.offer.key}"
        found = 0
        for name in (own, *self._arm_rules.get(own, ())):
            found |= self.matched.rules.get((rule.placement.key, name), 0)
        return found

    @cached_property
    def _arm_rules(self) -> dict[str, list[str]]:
        """Return, by rule, the names of those that stand in for it in an arm."""
        found: dict[str, list[str]] = {}
        for one in self.layout.arm_conditions:
            own = f"{one.experiment.campaign}/{one.offer}"
            found.setdefault(own, []).append(arm_rule(own, one.experiment.key, one.arm))
        return found

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

    def _of_arms(self) -> Iterator[Oddity]:
        """Yield the arms that show an offer to nobody who would see it without them."""
        running = {
            (one.campaign.key, one.offer.key): one.campaign
            for rules in self.rules.values()
            for one in rules
        }
        matched = {name for _, name in self.matched.rules}
        for one in self.layout.arm_conditions:
            own = f"{one.experiment.campaign}/{one.offer}"
            campaign = running.get((one.experiment.campaign, one.offer))
            if campaign is None or own not in matched:
                continue
            asks = any(map(self._asks, (one.condition, campaign.eligibility)))
            if not asks and arm_rule(own, one.experiment.key, one.arm) not in matched:
                args = {"people": self.matched.sampled, **one.named}
                yield Oddity("arm_for_nobody", "experiment", one.experiment.key, one.field, args)

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
