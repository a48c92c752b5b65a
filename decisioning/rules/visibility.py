"""The only place that says which attributes rules may see, and makes the others unknown to them."""

from collections.abc import Iterable
from typing import Final

from decisioning.rules.tree import Denied, Group, Leaf, Node, SegmentUse, make_leaf
from decisioning.specs import AttributeSpec

HIDDEN: Final = "hidden:"  # before the key of an attribute; no fact is ever called so


def may_serve(attribute: AttributeSpec, purposes: Iterable[str]) -> bool:
    """Return whether an offer shown for `purposes` may read an attribute; without purposes only context."""
    wanted = set(purposes)
    return attribute.source == "context" or bool(wanted and wanted <= set(attribute.purposes))


def without_hidden(node: Node, hidden: frozenset[str]) -> Node:
    """Return the tree with "is set" and "is not set" of hidden attributes made unknown.

    Any other condition on a hidden attribute is unknown by itself, because its fact is never there.
    """
    match node:
        case Leaf():
            return _unknown(node) if _tells(node, hidden) else node
        case Denied():
            return Denied(_unknown(node.leaf)) if _tells(node.leaf, hidden) else node
        case SegmentUse():
            return SegmentUse(node.key, without_hidden(node.tree, hidden))
        case Group():
            return Group(node.kind, tuple(without_hidden(one, hidden) for one in node.children))


def _tells(leaf: Leaf, hidden: frozenset[str]) -> bool:
    return leaf.operator.presence is not None and leaf.fact in hidden


def _unknown(leaf: Leaf) -> Leaf:
    return make_leaf(HIDDEN + leaf.fact, "boolean", "eq", True)
