"""What must hold between the parts of a candidate: references, conditions, content types."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import tokens, triggers
from campaigns.body_rules import is_everyone
from campaigns.mapping import PLACES
from campaigns.models.items import Kind
from consent.policy import PolicySpec, PurposeSpec
from decisioning.rules.conditions import Catalogue, ConditionError, aggregates, attributes, parse
from decisioning.rules.phrases import anew
from decisioning.specs import (
    ArmSpec,
    AttributeSpec,
    CampaignSpec,
    Condition,
    ExperimentSpec,
    OfferSpec,
    PlacementSpec,
    ReleaseSpec,
)
from rtts_site.foundation.language import ACTIVE

# What only one of the experiments that somebody is in can decide.
CLASHES: Final = {
    "variants": gettext_lazy(
        "Experiment “{other}” chooses the variant of “{offer}” too, and only one of them can:"
        " archive one, or leave this offer to it."
    ),
    "eligibility": gettext_lazy(
        "Experiment “{other}” has conditions for “{offer}” too, and only one of them can count:"
        " archive one, or leave this offer to it."
    ),
    "weights": gettext_lazy(
        "Experiment “{other}” changes the weights of this campaign too, and only one of them can:"
        " archive one, or leave the weights to it."
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one field of one thing, and what to do about it."""

    kind: str  # "offer"
    key: str
    field: str  # "variants[0].placements"
    message: str

    def __str__(self) -> str:
        return _("{kind} “{key}”, {field}: {message}").format(
            kind=Kind(self.kind).label.capitalize(),
            key=self.key,
            field=self.field,
            message=self.message,
        )


def check(release: ReleaseSpec, purposes: frozenset[str]) -> list[Finding]:
    """Return everything that keeps a candidate from being published, in the order of kinds and keys."""
    catalogue = Catalogue.of(release)
    return [
        *_catalogue_findings(release, purposes),
        *_segment_findings(release, catalogue),
        *_offer_findings(release, purposes, catalogue),
        *_campaign_findings(release, catalogue),
        *_experiment_findings(release, catalogue),
        *_trigger_findings(release, purposes, catalogue),
    ]


def check_one(release: ReleaseSpec, purposes: frozenset[str], kind: str, key: str) -> list[Finding]:
    """Return what is wrong with one thing of a candidate."""
    return check_some(release, purposes, {(kind, key)})


def check_some(
    release: ReleaseSpec, purposes: frozenset[str], names: AbstractSet[tuple[str, str]]
) -> list[Finding]:
    """Return what is wrong with these things of a candidate; the others are not read again."""
    kinds = {kind for kind, _key in names}
    # All experiments are read: two may not share a salt.
    narrowed: dict[str, Any] = {
        place: tuple(one for one in getattr(release, place) if (kind, one.key) in names)
        for kind, place in PLACES.items()
        if kind in kinds and kind != Kind.EXPERIMENT
    }
    few, catalogue = replace(release, **narrowed), Catalogue.of(release)
    found: list[Finding] = []
    if kinds & {Kind.ATTRIBUTE, Kind.EVENT_TYPE, Kind.PLACEMENT}:
        found += _catalogue_findings(replace(few, channels=release.channels), purposes)
    if Kind.SEGMENT in kinds:
        found += _segment_findings(few, catalogue)
    if Kind.OFFER in kinds:
        found += _offer_findings(replace(release, offers=few.offers), purposes, catalogue)
    if Kind.CAMPAIGN in kinds:
        found += _campaign_findings(replace(release, campaigns=few.campaigns), catalogue)
    if Kind.EXPERIMENT in kinds:
        found += _experiment_findings(release, catalogue)
    if Kind.TRIGGER in kinds:
        found += _trigger_findings(replace(release, triggers=few.triggers), purposes, catalogue)
    return [finding for finding in found if (finding.kind, finding.key) in names]


def _missing(named: Iterable[str], known: Iterable[str], what: str) -> Iterator[str]:
    known = frozenset(known)
    for name in named:
        if name not in known:
            yield _("There is no {what} “{name}”; choose another or add it to this change.").format(
                what=what, name=name
            )


def _condition(
    kind: str, key: str, field: str, condition: Condition, catalogue: Catalogue
) -> Iterator[Finding]:
    if is_everyone(condition):
        return
    try:
        parse(condition, catalogue)
    except ConditionError as error:
        for fault in error.faults:
            yield Finding(kind, key, field, anew(fault.message, ACTIVE))


def _catalogue_findings(release: ReleaseSpec, purposes: frozenset[str]) -> Iterator[Finding]:
    for attribute in release.attributes:
        for text in _missing(attribute.purposes, purposes, "purpose"):
            yield Finding(Kind.ATTRIBUTE, attribute.key, "purposes", text)
    for event_type in release.event_types:
        for text in _missing(event_type.purposes, purposes, "purpose"):
            yield Finding(Kind.EVENT_TYPE, event_type.key, "purposes", text)
    channels = [channel.key for channel in release.channels]
    for placement in release.placements:
        for text in _missing([placement.channel], channels, "channel"):
            yield Finding(Kind.PLACEMENT, placement.key, "channel", text)


def _segment_findings(release: ReleaseSpec, catalogue: Catalogue) -> Iterator[Finding]:
    for segment in release.segments:
        for field, condition in (("condition", segment.condition), ("leaving", segment.leaving)):
            yield from _condition(Kind.SEGMENT, segment.key, field, condition, catalogue)


def _trigger_findings(
    release: ReleaseSpec, purposes: frozenset[str], catalogue: Catalogue
) -> Iterator[Finding]:
    for trigger in release.triggers:
        for text in _missing(trigger.purposes, purposes, "purpose"):
            yield Finding(Kind.TRIGGER, trigger.key, "purposes", text)
        for field, text in triggers.faults_beside(trigger, release, catalogue):
            yield Finding(Kind.TRIGGER, trigger.key, field, text)


def _offer_findings(
    release: ReleaseSpec, purposes: frozenset[str], catalogue: Catalogue
) -> Iterator[Finding]:
    placements = {placement.key: placement for placement in release.placements}
    for offer in release.offers:
        for text in _missing(offer.purposes, purposes, "purpose"):
            yield Finding(Kind.OFFER, offer.key, "purposes", text)
        yield from _condition(Kind.OFFER, offer.key, "eligibility", offer.eligibility, catalogue)
        if not offer.purposes and is_personal(offer.eligibility, catalogue):
            text = _("The eligibility uses what is known of the person: say for which purposes.")
            yield Finding(Kind.OFFER, offer.key, "purposes", text)
        yield from _variant_findings(offer, placements)
        for field, text in tokens.troubles(offer, release):
            yield Finding(Kind.OFFER, offer.key, field, text)


def consent_findings(release: ReleaseSpec, policy: PolicySpec) -> Iterator[Finding]:
    """Yield where data or offers are used for purposes that do not ask people for enough.

    Source: GDPR, articles 9(2)(a) and 22.
    """
    purposes = {purpose.key: purpose for purpose in policy.purposes}
    for attribute in release.attributes:
        if attribute.special_category:
            yield from _special_findings(attribute, purposes)
    for offer in release.offers:
        if not offer.significant_effect:
            continue
        if not offer.review_route.strip():
            text = _("Say how people ask for a human's review of the decision.")
            yield Finding(Kind.OFFER, offer.key, "review_route", text)
        named = [purposes[key] for key in offer.purposes if key in purposes]
        if not named or not all(one.significant_effect or one.basis == "contract" for one in named):
            text = _("Choose purposes that rest on a contract or ask for decisions like this.")
            yield Finding(Kind.OFFER, offer.key, "purposes", text)


def _special_findings(
    attribute: AttributeSpec, purposes: Mapping[str, PurposeSpec]
) -> Iterator[Finding]:
    if attribute.source == "context":
        text = _("What the request says may serve any purpose: keep this in the profile.")
        yield Finding(Kind.ATTRIBUTE, attribute.key, "source", text)
    for key in attribute.purposes:
        if key in purposes and not purposes[key].special_category:
            text = _("“{name}” does not ask for explicit consent to such data.")
            text = text.format(name=purposes[key].name)
            yield Finding(Kind.ATTRIBUTE, attribute.key, "purposes", text)


def is_personal(condition: Condition, catalogue: Catalogue) -> bool:
    """Say whether a condition reads a profile; one that cannot be read counts as not."""
    if is_everyone(condition):
        return False
    try:
        tree = parse(condition, catalogue)
    except ConditionError:
        return False
    profile = {
        a.key for a in catalogue.attributes.values() if getattr(a, "source", "") == "profile"
    }
    return bool(aggregates(tree) or attributes(tree) & profile)


def _variant_findings(offer: OfferSpec, placements: dict[str, PlacementSpec]) -> Iterator[Finding]:
    for index, variant in enumerate(offer.variants):
        field = f"variants[{index}].placements"
        for text in _missing(variant.placements, placements, "placement"):
            yield Finding(Kind.OFFER, offer.key, field, text)
        for key in variant.placements:
            placement = placements.get(key)
            if placement and placement.content_type != variant.content_type:
                text = _("“{key}” takes {takes}; variant “{variant}” is {given}.").format(
                    key=key,
                    takes=placement.content_type,
                    variant=variant.key,
                    given=variant.content_type,
                )
                yield Finding(Kind.OFFER, offer.key, f"variants[{index}].content_type", text)


def _campaign_findings(release: ReleaseSpec, catalogue: Catalogue) -> Iterator[Finding]:
    offers = {offer.key: offer for offer in release.offers}
    events = [event_type.key for event_type in release.event_types]
    for campaign in release.campaigns:
        for text in _missing(campaign.offers, offers, "offer"):
            yield Finding(Kind.CAMPAIGN, campaign.key, "offers", text)
        for text in _missing([campaign.goal_event], events, _("event type")):
            yield Finding(Kind.CAMPAIGN, campaign.key, "goal_event", text)
        yield from _condition(
            Kind.CAMPAIGN, campaign.key, "eligibility", campaign.eligibility, catalogue
        )
        yield from _fallback_findings(campaign, offers)


def _fallback_findings(campaign: CampaignSpec, offers: dict[str, OfferSpec]) -> Iterator[Finding]:
    if not campaign.fallback_offer:
        return
    for text in _missing([campaign.fallback_offer], offers, "offer"):
        yield Finding(Kind.CAMPAIGN, campaign.key, "fallback_offer", text)
    offer = offers.get(campaign.fallback_offer)
    if offer and (offer.purposes or offer.caps):
        text = _("A fallback needs no consent and has no limit: choose an offer without both.")
        yield Finding(Kind.CAMPAIGN, campaign.key, "fallback_offer", text)


def _experiment_findings(release: ReleaseSpec, catalogue: Catalogue) -> Iterator[Finding]:
    campaigns = {campaign.key: campaign for campaign in release.campaigns}
    offers = {offer.key: offer for offer in release.offers}
    taken: dict[str, str] = {}
    for experiment in release.experiments:
        for text in _missing([experiment.campaign], campaigns, "campaign"):
            yield Finding(Kind.EXPERIMENT, experiment.key, "campaign", text)
        other = taken.setdefault(experiment.salt, experiment.key)
        if other != experiment.key:
            text = _(
                "Experiment “{other}” has the same salt; two would split people alike."
            ).format(other=other)
            yield Finding(Kind.EXPERIMENT, experiment.key, "salt", text)
        campaign = campaigns.get(experiment.campaign)
        if campaign:
            yield from _arm_findings(experiment, campaign, offers)
            yield from _arm_conditions(experiment, campaign, offers, catalogue)
    yield from _clashes(release)


def _clashes(release: ReleaseSpec) -> Iterator[Finding]:
    """Yield what several experiments of a campaign replace: for who is in both only their keys would decide."""
    names = {one.key: one.name for one in release.experiments}
    offers = {one.key: one.name for one in release.offers}
    replaced: dict[tuple[str, str, str], dict[str, int]] = {}  # -> the arm, by experiment
    for experiment in release.experiments:
        for index, arm in enumerate(experiment.arms):
            for field, offer in _replaced(arm):
                place = experiment.campaign, field, offer
                replaced.setdefault(place, {}).setdefault(experiment.key, index)
    for (_campaign, field, offer), arms in replaced.items():
        for key, index in arms.items():
            others = [names[other] for other in arms if other != key]
            if others:
                text = CLASHES[field].format(other=others[0], offer=offers.get(offer, offer))
                yield Finding(Kind.EXPERIMENT, key, f"arms[{index}].{field}", text)


def _replaced(arm: ArmSpec) -> Iterator[tuple[str, str]]:
    yield from (("variants", offer) for offer in arm.variants)
    yield from (("eligibility", offer) for offer in arm.eligibility)
    if arm.weights:
        yield "weights", ""


def _arm_conditions(
    experiment: ExperimentSpec,
    campaign: CampaignSpec,
    offers: dict[str, OfferSpec],
    catalogue: Catalogue,
) -> Iterator[Finding]:
    for index, arm in enumerate(experiment.arms):
        field = f"arms[{index}].eligibility"
        for text in _missing(arm.eligibility, campaign.offers, _("offer of the campaign")):
            yield Finding(Kind.EXPERIMENT, experiment.key, field, text)
        for key, condition in arm.eligibility.items():
            yield from _condition(Kind.EXPERIMENT, experiment.key, field, condition, catalogue)
            offer = offers.get(key)
            if offer and not offer.purposes and is_personal(condition, catalogue):
                text = _(
                    "The conditions for “{key}” use what is known of the person: give the offer purposes."
                ).format(key=key)
                yield Finding(Kind.EXPERIMENT, experiment.key, field, text)


def _arm_findings(
    experiment: ExperimentSpec, campaign: CampaignSpec, offers: dict[str, OfferSpec]
) -> Iterator[Finding]:
    for index, arm in enumerate(experiment.arms):
        for text in _missing(arm.excluded_offers, campaign.offers, _("offer of the campaign")):
            yield Finding(Kind.EXPERIMENT, experiment.key, f"arms[{index}].excluded_offers", text)
        field = f"arms[{index}].variants"
        for text in _missing(arm.variants, campaign.offers, _("offer of the campaign")):
            yield Finding(Kind.EXPERIMENT, experiment.key, field, text)
        for key, variant in arm.variants.items():
            offer = offers.get(key)
            known = [v.key for v in offer.variants] if offer else [variant]
            for text in _missing([variant], known, _("variant of {key}").format(key=key)):
                yield Finding(Kind.EXPERIMENT, experiment.key, field, text)
