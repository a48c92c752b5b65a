"""The only place that finds what a release has and nothing uses, or uses to no effect; pure."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from campaigns.analysis.findings import Oddity
from campaigns.analysis.layout import Layout
from decisioning.specs import ArmSpec, CampaignSpec, CapSpec, OfferSpec

PERSONAL_TERMS: Final = ("depth", "recency")  # they count nothing for an offer without purposes


def of_uses(layout: Layout) -> Iterator[Oddity]:
    """Yield what is there for nothing; offers are looked at one by one."""
    used = set(_segments_used(layout))
    for segment in layout.release.segments:
        if segment.key not in used:
            yield Oddity("segment_unused", "segment", segment.key, "name")
    for spec in layout.release.attributes:
        for purpose in sorted(layout.retired & set(spec.purposes)):
            args = {"purpose": purpose}
            yield Oddity("attribute_retired", "attribute", spec.key, "purposes", args)


def _segments_used(layout: Layout) -> Iterator[str]:
    release = layout.release
    yield from _mentioned([one.condition for one in release.segments])
    yield from _mentioned([one.leaving for one in release.segments])
    for trigger in release.triggers:
        yield trigger.segment
        yield from _mentioned(trigger.condition)
    yield from _mentioned([one.eligibility for one in release.offers])
    yield from _mentioned([one.eligibility for one in release.campaigns])
    for experiment in release.experiments:
        for arm in experiment.arms:
            # An arm may replace conditions; whatever field it keeps them in.
            yield from _mentioned([getattr(arm, name) for name in ArmSpec.__slots__])


def _mentioned(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("segment"), str):
            yield value["segment"]
        for inner in value.values():
            yield from _mentioned(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _mentioned(inner)


def of_offer(offer: OfferSpec, layout: Layout) -> Iterator[Oddity]:
    """Yield what is odd about how an offer is used."""
    campaigns = layout.campaigns_of(offer.key)
    if not campaigns:
        yield Oddity("offer_nowhere", "offer", offer.key, "name")
    for purpose in sorted(layout.retired & set(offer.purposes)):
        yield Oddity("offer_retired", "offer", offer.key, "purposes", {"purpose": purpose})
    if not offer.purposes and any(one.fallback_offer != offer.key for one in campaigns):
        yield from _without_purpose(offer, campaigns)
    for number, cap in enumerate(offer.caps):
        stricter = [
            other
            for place, other in enumerate(offer.caps)
            if place != number and _outdoes(other, cap) and (place < number or other != cap)
        ]
        if stricter:
            args = {"cap": _said(cap), "other": _said(stricter[0])}
            yield Oddity("cap_idle", "offer", offer.key, f"caps[{number}].limit", args)


def _without_purpose(offer: OfferSpec, campaigns: Iterable[CampaignSpec]) -> Iterator[Oddity]:
    weighing = [
        one.name for one in campaigns if any(one.weights.get(term) for term in PERSONAL_TERMS)
    ]
    if weighing:
        args = {"campaign": weighing[0]}
        yield Oddity("purpose_weighed", "offer", offer.key, "purposes", args)
    else:
        yield Oddity("purpose_none", "offer", offer.key, "purposes")


_WIDER: Final = {("person", "channel"), ("account", "person"), ("account", "channel")}


def _outdoes(one: CapSpec, other: CapSpec) -> bool:
    """Return whether a limit is always reached before another one."""
    if one.counts != other.counts or one.limit > other.limit:
        return False
    if not _covers(one, other):
        return False
    return one.window_s is None or (other.window_s is not None and one.window_s >= other.window_s)


def _covers(one: CapSpec, other: CapSpec) -> bool:
    """Return whether a limit counts all that another one counts.

    What is limited for a person on all channels together is so on each, and for an account for each member.
    """
    if one.scope == other.scope:
        return one.scope != "account" or one.of == other.of
    return (one.scope, other.scope) in _WIDER


def _said(cap: CapSpec) -> dict[str, Any]:
    return {
        "limit": cap.limit,
        "counts": cap.counts,
        "scope": cap.scope,
        "window_s": cap.window_s,
        "of": cap.of,
    }
