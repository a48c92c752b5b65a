"""What may be published but is hardly meant: conditions on what an offer's purposes may not use."""

from collections.abc import Iterator

from campaigns.checking import Finding
from campaigns.mapping import is_everyone
from campaigns.models.items import Kind
from decisioning.held import aggregate_may_serve
from decisioning.rules.conditions import (
    Catalogue,
    ConditionError,
    Node,
    aggregates,
    attributes,
    parse,
)
from decisioning.rules.visibility import may_serve
from decisioning.specs import AttributeSpec, Condition, OfferSpec, ReleaseSpec


def cautions(release: ReleaseSpec) -> list[Finding]:
    """Return where an offer's or its campaign's conditions read what stays unknown for that offer."""
    catalogue = Catalogue.of(release)
    offers = {offer.key: offer for offer in release.offers}
    found = []
    for offer in release.offers:
        for text in _unseen(offer.eligibility, offer, catalogue):
            found.append(Finding(Kind.OFFER, offer.key, "eligibility", text))
    for campaign in release.campaigns:
        for key in campaign.offers:
            for text in _unseen(campaign.eligibility, offers.get(key), catalogue):
                found.append(Finding(Kind.CAMPAIGN, campaign.key, "eligibility", text))
    return found


def _unseen(condition: Condition, offer: OfferSpec | None, catalogue: Catalogue) -> Iterator[str]:
    if offer is None or is_everyone(condition):
        return
    try:
        tree = parse(condition, catalogue)
    except ConditionError:
        return
    for name in _hidden(tree, offer.purposes, catalogue):
        yield (
            f"“{name}” may not be used for every purpose of “{offer.name}”, so it is unknown there "
            "and the condition may never be met."
        )


def _hidden(tree: Node, purposes: tuple[str, ...], catalogue: Catalogue) -> Iterator[str]:
    for key in sorted(attributes(tree)):
        spec = catalogue.attributes.get(key)
        if isinstance(spec, AttributeSpec) and not may_serve(spec, purposes):
            yield spec.name
    events = {key: event.purposes for key, event in catalogue.events.items()}
    counted = {one.event: one for one in aggregates(tree)}
    for key in sorted(counted):
        if not aggregate_may_serve(counted[key], events, purposes):
            yield catalogue.events[key].name
