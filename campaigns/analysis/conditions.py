"""The only place that examines the conditions of a release's things: segments, offers, campaigns; pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns.analysis.findings import Oddity, written
from campaigns.analysis.reasoning import Issue, examine
from decisioning.held import aggregate_may_serve
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.conditions import (
    ConditionError,
    Group,
    Node,
    SegmentUse,
    aggregates,
    attributes,
    parse,
)
from decisioning.rules.tree import Denied, Leaf, leaves, make_leaf
from decisioning.rules.visibility import HIDDEN, may_serve
from decisioning.specs import AttributeSpec, CampaignSpec, Condition, OfferSpec, SegmentSpec


@dataclass(frozen=True, slots=True)
class Place:
    """The condition of a thing."""

    kind: str
    key: str
    field: str
    condition: Condition


def of_segment(segment: SegmentSpec, catalogue: Catalogue, *, now: datetime) -> list[Oddity]:
    """Return what is odd about a segment's condition."""
    return of_condition(
        Place("segment", segment.key, "condition", segment.condition), catalogue, now=now
    )


def of_condition(place: Place, catalogue: Catalogue, *, now: datetime) -> list[Oddity]:
    """Return what is odd about a condition; nothing where it cannot be read."""
    tree = read(place.condition, catalogue)
    if tree is None:
        return []
    said = dict(_written_down(tree, place.condition))
    rows = {node: number for number, node in enumerate(said)}
    found = examine(tree, now=now.timestamp())
    return [_told(place, issue, said, catalogue, rows[id(issue.node)]) for issue in found]


def read(condition: Condition, catalogue: Catalogue) -> Node | None:
    """Return the tree of a condition, None where it cannot be read: `checking` says why."""
    try:
        return parse(condition, catalogue)
    except ConditionError:
        return None


def _written_down(node: Node, condition: Condition) -> Iterator[tuple[int, Condition]]:
    """Yield each node's identity with the JSON that it was read from."""
    yield id(node), condition
    if isinstance(node, Group) and node.kind in condition:
        for child, inner in zip(node.children, condition[node.kind], strict=True):
            yield from _written_down(child, inner)


def _told(
    place: Place, issue: Issue, said: Mapping[int, Condition], catalogue: Catalogue, row: int
) -> Oddity:
    """Return an issue as a finding; `row` is where its node stands, counted from the top as it is read."""
    args: dict[str, Any] = {"what": written(said.get(id(issue.node), {})), "row": row}
    others = [said[id(one)] for one in issue.others if id(one) in said]
    if issue.code in ("known", "excludes nobody"):
        args["of"] = _names(issue.others or (issue.node,), catalogue)
    elif others:
        args["other"] = written(others[0])
    code = issue.code.replace(" ", "_")
    if issue.code in ("never", "dead", "useless", "covered"):
        code += "_beside" if others else ""
    return Oddity(code, place.kind, place.key, place.field, args)


def _names(nodes: Iterable[Node], catalogue: Catalogue) -> list[str]:
    found: dict[str, None] = {}
    for leaf in (leaf for node in nodes for leaf in leaves(node)):
        spec = leaf.aggregate
        if spec is None:
            found[catalogue.name_of(leaf.fact)] = None
        elif spec.event in catalogue.events:
            found[catalogue.events[spec.event].name] = None
    return list(found)


def of_offer(
    offer: OfferSpec, campaigns: Iterable[CampaignSpec], catalogue: Catalogue, *, now: datetime
) -> list[Oddity]:
    """Return what is odd about an offer's condition, alone and in each of its campaigns."""
    place = Place("offer", offer.key, "eligibility", offer.eligibility)
    return of_shown(place, offer, campaigns, catalogue, now=now)


def of_shown(
    place: Place,
    offer: OfferSpec,
    campaigns: Iterable[CampaignSpec],
    catalogue: Catalogue,
    *,
    now: datetime,
) -> list[Oddity]:
    """Return what is odd about a condition by which an offer is shown, its own or an arm's."""
    found = of_condition(place, catalogue, now=now)
    tree = read(place.condition, catalogue)
    if tree is None or any(one.code.startswith("never") for one in found):
        return found
    found += _unseen(place, tree, offer, catalogue, now=now)
    for campaign in campaigns:
        found += _together(place, tree, campaign, catalogue, now=now)
    return found


def of_campaign(
    campaign: CampaignSpec, offers: Iterable[OfferSpec], catalogue: Catalogue, *, now: datetime
) -> list[Oddity]:
    """Return what is odd about a campaign's condition, alone and for its offers."""
    place = Place("campaign", campaign.key, "eligibility", campaign.eligibility)
    found = of_condition(place, catalogue, now=now)
    tree = read(campaign.eligibility, catalogue)
    if tree is None or any(one.code.startswith("never") for one in found):
        return found
    for offer in offers:
        found += _unseen(place, tree, offer, catalogue, now=now)
    return found


def _unseen(
    place: Place, tree: Node, offer: OfferSpec, catalogue: Catalogue, *, now: datetime
) -> list[Oddity]:
    """Return that a condition rests on what the offer's purposes may not see."""
    names = hidden_names(tree, offer.purposes, catalogue)
    if not names:
        return []
    seen = as_seen(tree, offer.purposes, catalogue)
    never = any(one.code == "never" for one in examine(seen, now=now.timestamp()))
    args = {"names": names, "offer": offer.name}
    return [Oddity("unseen_never" if never else "unseen", place.kind, place.key, place.field, args)]


def _together(
    place: Place, tree: Node, campaign: CampaignSpec, catalogue: Catalogue, *, now: datetime
) -> list[Oddity]:
    shared = read(campaign.eligibility, catalogue)
    if shared is None or not leaves_of(shared) or not leaves_of(tree):
        return []
    both = Group("all", (tree, shared))
    clash = [one for one in examine(both, now=now.timestamp()) if one.code == "never"]
    alone = [one for one in examine(shared, now=now.timestamp()) if one.code == "never"]
    if not clash or alone:
        return []
    args = {"campaign": campaign.name}
    return [Oddity("never_in_campaign", place.kind, place.key, place.field, args)]


def leaves_of(tree: Node) -> bool:
    """Return whether a tree has any condition."""
    return next(leaves(tree), None) is not None


def hidden_names(tree: Node, purposes: tuple[str, ...], catalogue: Catalogue) -> list[str]:
    """Return the names of what a tree reads and an offer shown for `purposes` may not."""
    hidden = [
        spec.name
        for key in sorted(attributes(tree))
        if isinstance(spec := catalogue.attributes.get(key), AttributeSpec)
        and not may_serve(spec, purposes)
    ]
    events = {key: event.purposes for key, event in catalogue.events.items()}
    counted = {one.event: one for one in aggregates(tree)}
    return hidden + [
        event.name if (event := catalogue.events.get(key)) else key
        for key in sorted(counted)
        if not aggregate_may_serve(counted[key], events, purposes)
    ]


def as_seen(node: Node, purposes: tuple[str, ...], catalogue: Catalogue) -> Node:
    """Return the tree with everything unknown that an offer shown for `purposes` may not see."""
    match node:
        case Leaf():
            return node if not hidden_names(node, purposes, catalogue) else _unknown(node)
        case Denied():
            return node
        case SegmentUse():
            return SegmentUse(node.key, as_seen(node.tree, purposes, catalogue))
        case Group():
            return Group(
                node.kind, tuple(as_seen(one, purposes, catalogue) for one in node.children)
            )


def _unknown(leaf: Leaf) -> Leaf:
    return make_leaf(HIDDEN + leaf.fact, "boolean", "eq", True)
