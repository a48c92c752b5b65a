"""What a process holds in memory to decide with: the live release laid out by placement, and its engine."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from django.conf import settings

from consent.policy import Masks
from decisioning.arbitration.scoring import DEPTH_ATTRIBUTES, Weights, shares
from decisioning.content.choosing import Choice, Chooser
from decisioning.content.contents import cleaned, fixed
from decisioning.messages import Chosen
from decisioning.observing.schemas import Schemas
from decisioning.profiles.accounts import Reads
from decisioning.profiles.aggregates import Aggregates
from decisioning.releases import Verified
from decisioning.rules.artifact import Artifact, GroupKey
from decisioning.rules.catalogue import with_moment
from decisioning.rules.compiler import Arm, arm_rule, arm_trees
from decisioning.rules.conditions import Catalogue, Node, parse
from decisioning.rules.engine import Engine
from decisioning.rules.membership import MEMBER
from decisioning.rules.moment import kept_with_events
from decisioning.rules.signals import events_read
from decisioning.rules.tree import leaves
from decisioning.rules.visibility import may_serve, sight_of, without_hidden
from decisioning.schedules import (
    ZONE_ATTRIBUTE,
    QuietHours,
    Schedule,
    quiet_hours_of,
    read_zones,
    schedule_of,
)
from decisioning.specs import (
    AggregateSpec,
    ArmSpec,
    AttributeSpec,
    CampaignSpec,
    ExperimentSpec,
    Json,
    OfferSpec,
    PlacementSpec,
    ReleaseSpec,
    VariantSpec,
)

Purposes = tuple[str, ...]
GRACE_SECONDS = 15.0  # a replaced engine is closed when no request can still hold it


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One offer of one campaign, as a placement can show it."""

    rule: str  # its name in the engine, "campaign/offer"
    campaign: CampaignSpec
    offer: OfferSpec
    variants: Mapping[str, VariantSpec]  # those of this placement, in order
    offer_tree: Node  # what the offer's purposes may not see is unknown, as in the compiled rules
    campaign_tree: Node
    group: GroupKey
    weights: Weights  # the campaign's; an arm may have its own
    rate: str  # its learned outcome rate, "offer|placement"
    arm_trees: Mapping[Arm, Node]  # what stands in for the offer's tree in an arm
    choice: Choice | None  # between variants; None: the first, shown as it is
    schedule: Schedule
    quiet: QuietHours  # when it is not shown on the placement's channel

    def rule_in(self, arm: Arm) -> str:
        """Return the name of the rule that judges it in an arm, its own where the arm says nothing of it."""
        return arm_rule(self.rule, *arm) if arm in self.arm_trees else self.rule

    def tree_in(self, arm: Arm) -> Node:
        """Return the offer's conditions as an arm has them."""
        return self.arm_trees.get(arm, self.offer_tree)

    @property
    def reads_zone(self) -> bool:
        """Return whether it depends on a person's clock."""
        return self.schedule.follows_person or bool(self.quiet.windows)

    def is_live(self, now: datetime, person_zone: str = "") -> bool:
        """Return whether offer and campaign both run at `now` for somebody in a zone; "" is unknown."""
        return self.schedule.runs(now, person_zone)


@dataclass(frozen=True, slots=True)
class Needs:
    """Which facts a group of rules may see: those that its trees mention and its purposes allow."""

    attributes: frozenset[str]
    aggregates: tuple[AggregateSpec, ...]
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a placement may need of a person, all its groups together."""

    attributes: frozenset[str]
    aggregates: tuple[AggregateSpec, ...]
    rated: tuple[str, ...]  # "offer|placement" where a campaign weighs the learned outcome rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The live release of a process; replaced as a whole, never changed."""

    version: int
    digest: str
    canary: bool
    release: ReleaseSpec
    catalogue: Catalogue
    engine: Engine
    placements: Mapping[str, PlacementSpec]
    candidates: Mapping[str, tuple[Candidate, ...]]  # by placement
    fallbacks: Mapping[str, tuple[Candidate, ...]]  # by placement: the campaigns' own
    experiments: Mapping[str, tuple[ExperimentSpec, ...]]  # by campaign
    offers: Mapping[str, OfferSpec]
    attributes: Mapping[str, AttributeSpec]
    needs: Mapping[GroupKey, Needs]
    arms: Mapping[tuple[str, str], ArmSpec]  # by experiment and arm
    arm_weights: Mapping[tuple[str, str], Weights]  # only arms that weigh differently
    wanted: Mapping[str, Wanted]  # by placement
    kept: Aggregates  # what events are folded by
    variants: Mapping[tuple[str, str], VariantSpec]  # by offer and variant
    contents: Mapping[tuple[str, str], Json]  # by offer and variant, cleaned; tokens not filled in
    quiet: Mapping[str, QuietHours]  # by channel
    accounts: Reads  # what is read of the accounts that a person belongs to
    schemas: Schemas  # what events are judged by
    kept_with_events: Mapping[str, frozenset[str]]  # events whose segments of then are asked for
    masks: Masks  # what its offers need of a person's consent

    def content(self, chosen: Chosen, filled: Mapping[str, Json]) -> Json:
        """Return what an offer shows; `filled` are the contents that a decision filled in, by offer."""
        return filled.get(chosen.offer) or self.contents[chosen.offer, chosen.variant]

    def may_read(self, attribute: str, purposes: Purposes) -> bool:
        """Return whether an offer shown for `purposes` may read an attribute of the catalogue."""
        spec = self.attributes.get(attribute)
        return spec is not None and may_serve(spec, purposes)


class Retired:
    """What was replaced by the one thread that uses this; engines are closed when no request can hold them."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, Held]] = []  # due (monotonic) and what

    def add(self, held: Held) -> None:
        self._waiting.append((time.monotonic() + GRACE_SECONDS, held))

    def close_due(self) -> None:
        now = time.monotonic()
        for due, held in self._waiting:
            if due <= now:
                held.engine.close()
        self._waiting = [one for one in self._waiting if one[0] > now]


def hold(verified: Verified) -> Held:
    """Return a release ready to decide with. Tens of milliseconds, seconds where it is large: never in a request."""
    read_zones()
    release = verified.release
    catalogue = Catalogue.of(release)
    layout = _Layout(
        release,
        Chooser.of(release, base=settings.MEDIA_URL),
        {one.key: parse(one.eligibility, catalogue) for one in release.offers},
        {one.key: parse(one.eligibility, catalogue) for one in release.campaigns},
        {one.key: shares(one.weights) for one in release.campaigns},
        arm_trees(release, catalogue),
        quiet_hours_by_channel(release),
    )
    candidates = {one.key: layout.candidates(one) for one in release.placements}
    needs = needs_by_group(release, verified.artifact)
    weighed = weighed_terms(release)
    return Held(
        quiet=layout.quiet,
        masks=Masks.of(offer.purposes for offer in release.offers),
        accounts=Reads.of(
            release.attributes,
            verified.artifact.aggregates,
            caps=(cap for offer in release.offers for cap in offer.caps),
        ),
        schemas=Schemas(release.event_types),
        version=verified.version,
        digest=verified.digest,
        canary=False,
        release=release,
        catalogue=catalogue,
        engine=Engine(verified.artifact),
        placements={one.key: _with_fixed_fallback(one) for one in release.placements},
        candidates=candidates,
        fallbacks={one.key: layout.fallbacks(one) for one in release.placements},
        experiments=experiments_by_campaign(release.experiments),
        offers={one.key: one for one in release.offers},
        attributes=with_moment(release.attributes),
        kept_with_events=kept_with_events(asdict(release)),
        needs=needs,
        arms={(one.key, arm.key): arm for one in release.experiments for arm in one.arms},
        arm_weights={
            (one.key, arm.key): shares(arm.weights)
            for one in release.experiments
            for arm in one.arms
            if arm.weights
        },
        wanted={
            key: wanted_in(key, found, needs, weighed=weighed) for key, found in candidates.items()
        },
        kept=Aggregates.of(verified.artifact.aggregates),
        variants={
            (one.key, variant.key): variant for one in release.offers for variant in one.variants
        },
        contents={
            (one.key, variant.key): cleaned(variant.content, variant.content_type)
            for one in release.offers
            for variant in one.variants
        },
    )


def _with_fixed_fallback(placement: PlacementSpec) -> PlacementSpec:
    shown = fixed(
        placement.fallback,
        placement.content_type,
        slot=placement.picture_width,
        base=settings.MEDIA_URL,
    )
    return replace(placement, fallback=shown)


@dataclass(frozen=True, slots=True)
class _Layout:
    release: ReleaseSpec
    chooser: Chooser
    offer_trees: Mapping[str, Node]
    campaign_trees: Mapping[str, Node]
    weights: Mapping[str, Weights]
    arm_trees: Mapping[tuple[str, str], Mapping[Arm, Node]]  # by campaign and offer
    quiet: Mapping[str, QuietHours]  # by channel

    def candidates(self, placement: PlacementSpec) -> tuple[Candidate, ...]:
        offers = {one.key: one for one in self.release.offers}
        found = (
            self.candidate(campaign, offers[key], placement)
            for campaign in self.release.campaigns
            for key in campaign.offers
        )
        return tuple(one for one in found if one is not None)

    def fallbacks(self, placement: PlacementSpec) -> tuple[Candidate, ...]:
        offers = {one.key: one for one in self.release.offers}
        found = (
            self.candidate(campaign, offers[campaign.fallback_offer], placement)
            for campaign in self.release.campaigns
            if campaign.fallback_offer
        )
        return tuple(one for one in found if one is not None and not one.offer.purposes)

    def candidate(
        self, campaign: CampaignSpec, offer: OfferSpec, placement: PlacementSpec
    ) -> Candidate | None:
        variants = {
            one.key: one
            for one in offer.variants
            if placement.key in one.placements and one.content_type == placement.content_type
        }
        if not variants:
            return None
        sight = sight_of(self.release, offer.purposes)
        return Candidate(
            rule=f"{campaign.key}/{offer.key}",
            campaign=campaign,
            offer=offer,
            variants=variants,
            offer_tree=without_hidden(self.offer_trees[offer.key], sight),
            campaign_tree=without_hidden(self.campaign_trees[campaign.key], sight),
            group=GroupKey(placement.key, tuple(sorted(offer.purposes))),
            weights=self.weights[campaign.key],
            rate=f"{offer.key}|{placement.key}",
            arm_trees={
                arm: without_hidden(tree, sight)
                for arm, tree in self.arm_trees.get((campaign.key, offer.key), {}).items()
            },
            choice=self.chooser.choice(campaign, offer, placement, variants),
            schedule=schedule_of(offer, campaign),
            quiet=QuietHours() if campaign.in_quiet_hours else self.quiet[placement.channel],
        )


def quiet_hours_by_channel(release: ReleaseSpec) -> dict[str, QuietHours]:
    """Return when each channel of a release is quiet; one that placements name but nobody made never is."""
    channels = {one.key: one for one in release.channels}
    named = {*channels, *(one.channel for one in release.placements)}
    return {key: quiet_hours_of(channels.get(key)) for key in named}


def experiments_by_campaign(
    experiments: Iterable[ExperimentSpec],
) -> dict[str, tuple[ExperimentSpec, ...]]:
    """Return the experiments of each campaign, in order of their keys."""
    found: dict[str, tuple[ExperimentSpec, ...]] = {}
    for one in experiments:
        found[one.campaign] = (*found.get(one.campaign, ()), one)
    return found


def weighed_terms(release: ReleaseSpec) -> dict[str, frozenset[str]]:
    """Return the terms that each campaign weighs, in any arm."""
    terms = {one.key: set(one.weights) for one in release.campaigns}
    for experiment in release.experiments:
        for arm in experiment.arms:
            terms.setdefault(experiment.campaign, set()).update(arm.weights)
    return {key: frozenset(found) for key, found in terms.items()}


def needs_by_group(release: ReleaseSpec, artifact: Artifact) -> dict[GroupKey, Needs]:
    """Return what each group of rules may see of a person."""
    attributes = with_moment(release.attributes)
    aggregates = {one.key: one for one in artifact.aggregates}
    events = {one.key: one.purposes for one in release.event_types}
    memberships = _Memberships(release, attributes, events)
    found: dict[GroupKey, Needs] = {}
    for group in artifact.groups:
        purposes = group.key.purposes
        keys = frozenset(
            key for key in group.needs if key in attributes and may_serve(attributes[key], purposes)
        ) | memberships.that_may_serve(group.needs, purposes)
        specs = tuple(
            aggregates[key]
            for key in group.needs
            if key in aggregates and aggregate_may_serve(aggregates[key], events, purposes)
        )
        found[group.key] = Needs(keys, specs, keys | {spec.key for spec in specs})
    return found


@dataclass(frozen=True, slots=True)
class _Memberships:
    """Judges who may know that somebody is in a segment: who may see all that the segment rests on."""

    release: ReleaseSpec
    attributes: Mapping[str, AttributeSpec]
    events: Mapping[str, Purposes]

    def that_may_serve(self, keys: Iterable[str], purposes: Purposes) -> frozenset[str]:
        named = [key for key in keys if key.startswith(MEMBER)]
        if not named:
            return frozenset()
        catalogue = Catalogue.of(self.release)
        return frozenset(
            key
            for key in named
            if self._may_serve(parse({"segment": key.removeprefix(MEMBER)}, catalogue), purposes)
        )

    def _may_serve(self, tree: Node, purposes: Purposes) -> bool:
        return all(
            aggregate_may_serve(leaf.aggregate, self.events, purposes)
            if leaf.aggregate is not None
            else leaf.fact.startswith(MEMBER) or may_serve(self.attributes[leaf.fact], purposes)
            for leaf in leaves(tree)
        )


def wanted_in(
    placement: str,
    candidates: tuple[Candidate, ...],
    needs: Mapping[GroupKey, Needs],
    *,
    weighed: Mapping[str, frozenset[str]],
) -> Wanted:
    """Return what a placement may need of a person."""
    groups = [need for key, need in needs.items() if key.placement == placement]
    scored = {
        key
        for one in candidates
        if "depth" in weighed.get(one.campaign.key, ())
        for key in DEPTH_ATTRIBUTES
    }
    said = {key for one in candidates if one.choice for key in one.choice.keys}
    zone = {ZONE_ATTRIBUTE} if any(one.reads_zone for one in candidates) else set()
    return Wanted(
        frozenset(scored | said | zone).union(*(need.attributes for need in groups)),
        tuple({spec.key: spec for need in groups for spec in need.aggregates}.values()),
        tuple(
            one.rate for one in candidates if "outcome_rate" in weighed.get(one.campaign.key, ())
        ),
    )


def aggregate_may_serve(
    spec: AggregateSpec, events: Mapping[str, Purposes], purposes: Purposes
) -> bool:
    """Return whether an aggregate may be read for `purposes`; all events that it counts must allow them."""
    named = events_read(spec)
    return bool(purposes) and all(set(purposes) <= set(events.get(name, ())) for name in named)
