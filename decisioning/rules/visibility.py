"""The only place that says which attributes rules may see, and makes the others unknown to them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from decisioning.rules.catalogue import HasCatalogue
from decisioning.rules.signals import events_read
from decisioning.rules.tree import Denied, Group, Leaf, Node, SegmentUse, make_leaf
from decisioning.specs import AttributeSpec

HIDDEN: Final = "hidden:"  # before the key of an attribute; no fact is ever called so


def may_serve(attribute: AttributeSpec, purposes: Iterable[str]) -> bool:
    """Return whether an offer shown for `purposes` may read an attribute; without purposes only context."""
    wanted = set(purposes)
    return attribute.source == "context" or bool(wanted and wanted <= set(attribute.purposes))


@dataclass(frozen=True, slots=True)
class Sight:
    """What an offer shown for some purposes may not read of attributes, and may read of events."""

    hidden: frozenset[str]
    events: frozenset[str]


def sight_of(release: HasCatalogue, purposes: Iterable[str]) -> Sight:
    """Return what an offer shown for `purposes` sees of a release."""
    wanted = set(purposes)
    return Sight(
        frozenset(one.key for one in release.attributes if not may_serve(one, wanted)),
        frozenset(one.key for one in release.event_types if wanted and wanted <= set(one.purposes)),
    )


def without_hidden(node: Node, sight: Sight) -> Node:
    """Return the tree with "is set" and "is not set" of what is hidden made unknown.

    Any other condition on it is unknown by itself, because its fact is never there.
    """
    match node:
        case Leaf():
            return _unknown(node) if _tells(node, sight) else node
        case Denied():
            return Denied(_unknown(node.leaf)) if _tells(node.leaf, sight) else node
        case SegmentUse():
            return SegmentUse(node.key, without_hidden(node.tree, sight))
        case Group():
            return Group(node.kind, tuple(without_hidden(one, sight) for one in node.children))


def _tells(leaf: Leaf, sight: Sight) -> bool:
    if leaf.operator.presence is None:
        return False
    if leaf.aggregate is not None:
        return not events_read(leaf.aggregate) <= sight.events
    return leaf.fact in sight.hidden


def _unknown(leaf: Leaf) -> Leaf:
    return make_leaf(HIDDEN + leaf.fact, "boolean", "eq", True)
