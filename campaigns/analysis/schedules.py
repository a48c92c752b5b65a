"""The only place that compares dates of offers, campaigns and placements: what is over, waits or never meets; pure."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from campaigns.analysis.findings import Oddity
from campaigns.analysis.layout import Layout
from decisioning.specs import CampaignSpec, OfferSpec

EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
LATEST: Final = datetime.max.replace(tzinfo=UTC)
Scheduled = OfferSpec | CampaignSpec


def span(thing: Scheduled) -> tuple[datetime, datetime]:
    """Return start and end; the end is not part of it."""
    return thing.starts_at or EARLIEST, thing.ends_at or LATEST


def shared_span(*things: Scheduled) -> tuple[datetime, datetime] | None:
    """Return when all of them run, None where that is never."""
    spans = [span(one) for one in things]
    start, end = max(one[0] for one in spans), min(one[1] for one in spans)
    return (start, end) if start < end else None


def of_dates(layout: Layout, *, now: datetime) -> Iterator[Oddity]:
    """Yield what is odd about the dates of a release."""
    for campaign in layout.release.campaigns:
        yield from of_campaign(campaign, layout, now=now)
    for offer in layout.release.offers:
        if offer.ends_at and offer.ends_at <= now and layout.campaigns_of(offer.key):
            args = {"ended": _told(offer.ends_at)}
            yield Oddity("offer_ended", "offer", offer.key, "ends_at", args)
    for placement in layout.release.placements:
        yield from _of_placement(placement.key, layout, now=now)
    ended = {one.key: one for one in layout.release.campaigns if span(one)[1] <= now}
    for experiment in layout.release.experiments:
        if experiment.campaign in ended:
            args = {"campaign": ended[experiment.campaign].name}
            yield Oddity("experiment_over", "experiment", experiment.key, "campaign", args)


def of_campaign(campaign: CampaignSpec, layout: Layout, *, now: datetime) -> Iterator[Oddity]:
    """Yield what is odd about the dates of a campaign and its offers."""
    if campaign.ends_at and campaign.ends_at <= now:
        args = {"ended": _told(campaign.ends_at)}
        yield Oddity("campaign_ended", "campaign", campaign.key, "ends_at", args)
        return
    offers = layout.offers_of(campaign)
    apart = [one for one in offers if shared_span(one, campaign) is None]
    for offer in apart:
        field = "starts_at" if span(offer)[0] >= span(campaign)[1] else "ends_at"
        args = {"campaign": campaign.name}
        yield Oddity("dates_apart", "offer", offer.key, field, args)
    alive = [one for one in offers if one not in apart and span(one)[1] > now]
    if offers and not alive:
        yield Oddity("campaign_empty", "campaign", campaign.key, "offers")


def _of_placement(key: str, layout: Layout, *, now: datetime) -> Iterator[Oddity]:
    pairs = layout.shown_in(key)
    if not pairs:
        yield Oddity("placement_unused", "placement", key, "name")
        return
    spans = [found for offer, campaign in pairs if (found := shared_span(offer, campaign))]
    coming = [one for one in spans if one[1] > now]
    if not coming:
        yield Oddity("placement_over", "placement", key, "name")
    elif all(one[0] > now for one in coming):
        args = {"starts": _told(min(one[0] for one in coming))}
        yield Oddity("placement_waits", "placement", key, "name", args)


def _told(moment: datetime) -> str:
    return moment.isoformat()
