"""Steps 2 to 7 of a decision for one candidate after the other: gate, schedule, match, caps, holdout, arm, score; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec

from consent.policy import GateResult, Judge, PolicySpec
from consent.signals.said import Signals
from decisioning.arbitration import reasons, scoring
from decisioning.arbitration.caps import needs_account, reached_cap
from decisioning.arbitration.experiments import Assignment, assign_arm, is_held_out
from decisioning.arbitration.scoring import Score
from decisioning.arbitration.unwanted import is_unwanted, unwanted_of
from decisioning.content.choosing import NoVariant
from decisioning.content.contents import Unusable
from decisioning.held import Candidate, Held, Needs
from decisioning.messages import Ask, PersonState, place_named, signals_of
from decisioning.rules.artifact import GroupKey
from decisioning.rules.conditions import Truth, evaluate
from decisioning.schedules import ZONE_ATTRIBUTE, known_zone
from decisioning.specs import CampaignSpec, Json, PlacementSpec

Drop = tuple[str, str]  # code and detail
NOTHING = Needs(frozenset(), (), frozenset())


class Passed(msgspec.Struct, frozen=True, gc=False):
    """A candidate that nothing speaks against, with its score and what its purposes rest on."""

    candidate: Candidate
    variant: str
    score: Score
    gate: GateResult
    assignment: Assignment | None


@dataclass(slots=True, kw_only=True)
class Weighing:
    """One decision in the making; remembers what several candidates share."""

    ask: Ask
    state: PersonState
    held: Held
    policy: PolicySpec | None
    now: datetime
    signals: Signals = field(init=False)
    unwanted: frozenset[str] = field(init=False)
    now_ms: int = field(init=False)
    gates: dict[tuple[tuple[str, ...], str], tuple[GateResult, Drop | None]] = field(
        default_factory=dict
    )
    permissions: dict[str, tuple[Judge, int]] = field(default_factory=dict)  # by channel
    facts: dict[GroupKey, dict[str, Any]] = field(default_factory=dict)
    matches: dict[GroupKey, frozenset[str]] = field(default_factory=dict)
    holdouts: dict[str, Drop | None] = field(default_factory=dict)  # by campaign
    assignments: dict[str, tuple[Assignment, ...]] = field(default_factory=dict)
    arms: dict[str, str] = field(default_factory=dict)
    used: dict[str, Any] = field(default_factory=dict)  # every fact that something was chosen by
    holes: dict[str, set[str]] = field(
        default_factory=dict
    )  # by rule: variants that proved unusable
    contents: dict[str, Json] = field(default_factory=dict)  # by offer: what was filled in
    judged: dict[str, Assignment] = field(default_factory=dict)  # rule -> the arm that changed it

    def __post_init__(self) -> None:
        said = signals_of(self.ask, now=self.now)
        place = self.place()
        self.signals = replace(said, place=place) if place else said
        self.unwanted = unwanted_of(self.state.consent)
        self.now_ms = int(self.now.timestamp() * 1000)

    def place(self) -> str:
        """Return where the request says that it comes from, as ISO 3166-2; "" where it does not or is nobody's code."""
        seen = self.state.consent
        if seen.resident or not seen.jurisdiction:
            return ""  # it would change nothing
        return place_named(*(self.from_context(key) for key in ("country", "region")))

    def from_context(self, key: str) -> str:
        spec = self.held.attributes.get(key)
        value = self.state.facts.get(key) if spec and spec.source == "context" else None
        if not isinstance(value, str):
            return ""
        self.used[key] = value
        return value

    def weigh(self, candidate: Candidate, placement: PlacementSpec) -> Passed | Drop:
        """Return the candidate with its score, or the first thing that speaks against it."""
        gate, not_permitted = self.gate(candidate.offer.purposes, placement.channel)
        objection = (
            (not_permitted if candidate.reads_zone else None)  # what it reads is theirs as well
            or self.not_running(candidate)
            or not_permitted
            or self.not_wanted(candidate)
            or self.not_matched(candidate)
            or self.capped(candidate, placement.channel)
            or self.held_out(candidate.campaign)
        )
        if objection is not None:
            return objection
        return self.in_experiment(candidate, gate)

    def gate(self, purposes: tuple[str, ...], channel: str) -> tuple[GateResult, Drop | None]:
        """Return what the person's consent says of these purposes on a channel."""
        known = self.gates.get((purposes, channel))
        if known is None:
            judge, granted = self.permitted(channel)
            required = self.held.masks.required[purposes]
            gate = judge.permits(purposes)
            why = ";".join(reason.name for reason in gate.reasons)
            drop = None if (granted & required) == required else (reasons.CONSENT, why)
            known = self.gates[purposes, channel] = gate, drop
        return known

    def permitted(self, channel: str) -> tuple[Judge, int]:
        """Return who judges the person's consent on a channel, and the bits of all that it permits."""
        known = self.permissions.get(channel)
        if known is None:
            judge = Judge(
                self.policy, self.state.consent, channel, self.signals, self.now.timestamp()
            )
            known = self.permissions[channel] = judge, self.held.masks.granted(judge)
        return known

    def not_running(self, candidate: Candidate) -> Drop | None:
        if self.state.stopped and is_stopped(self.state.stopped, candidate):
            return reasons.STOPPED, ""
        zone = self.zone(candidate.offer.purposes) if candidate.reads_zone else ""
        if not candidate.is_live(self.now, zone):
            return reasons.NOT_RUNNING, ""
        return (reasons.QUIET_HOURS, "") if candidate.quiet.hold(self.now, zone) else None

    def zone(self, purposes: tuple[str, ...]) -> str:
        """Return the person's time zone, "" where it is unknown or these purposes may not use it."""
        if not self.held.may_read(ZONE_ATTRIBUTE, purposes):
            return ""
        zone = known_zone(self.state.facts.get(ZONE_ATTRIBUTE))
        if zone:
            self.used[ZONE_ATTRIBUTE] = zone
        return zone

    def is_quiet(self, channel: str) -> bool:
        """Return whether a channel leaves the person alone now."""
        quiet = self.held.quiet[channel]
        return bool(quiet.windows) and quiet.hold(self.now, self.zone(()))

    def not_wanted(self, candidate: Candidate) -> Drop | None:
        if self.unwanted and is_unwanted(self.unwanted, candidate.offer, candidate.campaign):
            return reasons.UNWANTED, ""
        return None

    def not_matched(self, candidate: Candidate) -> Drop | None:
        matched = self.matches.get(candidate.group)
        if matched is None:
            visible = self.visible(candidate.group)
            matched = self.held.engine.match(candidate.group, visible, self.now.timestamp())
            self.matches[candidate.group] = matched
        rule = self.rule_of(candidate) if candidate.arm_trees else candidate.rule
        return None if rule in matched else (reasons.NOT_ELIGIBLE, "")

    def rule_of(self, candidate: Candidate) -> str:
        """Return the rule that judges an offer whose conditions an experiment compares.

        Who is held out takes part in no experiment: their own rule judges.
        """
        if self.held_out(candidate.campaign) is None:
            for one in self.drawn(candidate.campaign.key):
                if (one.experiment, one.arm) in candidate.arm_trees:
                    self.judged[candidate.rule] = one
                    return candidate.rule_in((one.experiment, one.arm))
        return candidate.rule

    def visible(self, group: GroupKey) -> dict[str, Any]:
        """Return the facts that the offers of a group may be chosen by."""
        known = self.facts.get(group)
        if known is None:
            needs = self.held.needs.get(group, NOTHING).keys
            known = {key: value for key, value in self.state.facts.items() if key in needs}
            self.facts[group] = known
            self.used.update(known)
        return known

    def capped(self, candidate: Candidate, channel: str) -> Drop | None:
        offer = candidate.offer
        if not offer.caps:
            return None
        if not self.state.redis:
            return reasons.CAPS_UNAVAILABLE, ""
        if offer.key in self.state.closed:
            return reasons.SOLD_OUT, ""
        state = self.state
        if needs_account(offer, state.belongs, state.shown_to):
            return reasons.CAPS_UNAVAILABLE, ""
        cap = reached_cap(offer, channel, state.shown, now_ms=self.now_ms, members=state.shown_to)
        if cap is None:
            return None
        span = "ever" if cap.window_s is None else cap.window_s
        return reasons.CAP_REACHED, f"{cap.limit} {cap.counts} {span}"

    def held_out(self, campaign: CampaignSpec) -> Drop | None:
        if campaign.key not in self.holdouts:
            self.holdouts[campaign.key] = self.holdout(campaign)
        return self.holdouts[campaign.key]

    def holdout(self, campaign: CampaignSpec) -> Drop | None:
        release = self.held.release
        if is_held_out(release.holdout_salt, self.ask.person, share=release.holdout_share):
            return reasons.HELD_OUT, ""
        salt = f"{release.holdout_salt}:{campaign.key}"
        if is_held_out(salt, self.ask.person, share=campaign.holdout_share):
            return reasons.CAMPAIGN_HELD_OUT, campaign.key
        return None

    def in_experiment(self, candidate: Candidate, gate: GateResult) -> Passed | Drop:
        """Return the candidate as the person's arms show and weigh it."""
        wanted, weights = "", candidate.weights
        drawn = self.judged.get(candidate.rule)
        for assignment in self.drawn(candidate.campaign.key):
            drawn = drawn or assignment
            name = assignment.experiment, assignment.arm
            arm = self.held.arms[name]
            if candidate.offer.key in arm.excluded_offers:
                return reasons.ARM_EXCLUDES, f"{assignment.experiment}/{assignment.arm}"
            named = arm.variants.get(candidate.offer.key, "")
            wanted = named if named in candidate.variants else wanted
            weights = self.held.arm_weights.get(name, weights)
        variant = self.variant_of(candidate, wanted=wanted)
        if not isinstance(variant, str):
            return variant
        score = scoring.score([self.value(term, candidate) for term, _ in weights], weights)
        return Passed(candidate, variant, score, gate, drawn)

    def variant_of(self, candidate: Candidate, *, wanted: str = "") -> str | Drop:
        """Return the variant to show: the arm's, else the one that fits best and has no hole."""
        if candidate.choice is None:
            return wanted or next(iter(candidate.variants))
        unusable = self.holes.get(candidate.rule, ())
        picked = candidate.choice.pick(self.said(candidate), wanted=wanted, unusable=unusable)
        if not isinstance(picked, NoVariant):
            return picked
        if picked.token:
            return reasons.MISSING_TOKEN, picked.token
        return reasons.NO_VARIANT, picked.context

    def said(self, candidate: Candidate) -> dict[str, Any]:
        """Return the facts that an offer's content may be chosen by and may say."""
        keys = candidate.choice.keys if candidate.choice else ()
        found = {key: self.state.facts[key] for key in keys if key in self.state.facts}
        self.used.update(found)
        return found

    def fill(self, candidate: Candidate, variant: str) -> bool:
        """Fill in the content of a winner; say whether it has no hole. One that has is not picked again."""
        # What an earlier round filled in may be another variant's.
        self.contents.pop(candidate.offer.key, None)
        if candidate.choice is None:
            return True
        content = candidate.choice.contents[variant]
        try:
            if content.plain is None:
                self.contents[candidate.offer.key] = content.fill(self.said(candidate))
        except Unusable:
            self.holes.setdefault(candidate.rule, set()).add(variant)
            return False
        return True

    def drawn(self, campaign: str) -> tuple[Assignment, ...]:
        """Return the person's arms in a campaign's experiments; new ones are noted to be kept."""
        known = self.assignments.get(campaign)
        if known is None:
            found = (
                assign_arm(one, self.ask.person, sticky=self.state.arms)
                for one in self.held.experiments.get(campaign, ())
            )
            known = self.assignments[campaign] = tuple(one for one in found if one is not None)
            self.arms.update({one.experiment: one.arm for one in known if not one.sticky})
        return known

    def value(self, term: str, candidate: Candidate) -> float | None:
        """Return a term's value, None where it is not known or the offer's purposes may not use it."""
        offer = candidate.offer
        match term:
            case "priority":
                return offer.priority
            case "value":
                return offer.value
            case "outcome_rate":
                return self.state.rates.get(candidate.rate)
            case "recency" if offer.purposes:
                return scoring.recency(self.state.last_event_ms, now_ms=self.now_ms)
            case "depth" if offer.purposes:
                return scoring.depth(self.scored(offer.purposes))
            case _:
                return None

    def scored(self, purposes: tuple[str, ...]) -> dict[str, Any]:
        """Return the facts that the term depth may read for these purposes."""
        found = {
            key: self.state.facts[key]
            for key in scoring.DEPTH_ATTRIBUTES
            if key in self.state.facts and self.held.may_read(key, purposes)
        }
        self.used.update(found)
        return found

    def meets(self, candidate: Candidate) -> bool:
        """Return whether a non-personal offer's own conditions hold in this context."""
        context = {
            key: value
            for key, value in self.state.facts.items()
            if key in self.held.attributes and self.held.may_read(key, ())
        }
        self.used.update(context)
        return evaluate(candidate.offer_tree, context, self.now.timestamp()) is Truth.TRUE


def is_stopped(stopped: Mapping[str, str], candidate: Candidate) -> bool:
    """Say whether an offer or its campaign was stopped in an emergency."""
    offer, campaign = candidate.offer.key, candidate.campaign.key
    return f"offer:{offer}" in stopped or f"campaign:{campaign}" in stopped
