"""The reference evaluator: the three-valued truth of a tree, and the explanation of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from decisioning.rules.operators.registry import TYPE_OF
from decisioning.rules.tree import Denied, Group, Leaf, Node, SegmentUse
from decisioning.rules.values import Facts, typed


class Truth(IntEnum):
    """Kleene's three values in order: "all" is the least of them, "any" the greatest."""

    FALSE = 0
    UNKNOWN = 1
    TRUE = 2

    def __invert__(self) -> "Truth":
        return _OPPOSITE[self]


_OPPOSITE: Final = (Truth.TRUE, Truth.UNKNOWN, Truth.FALSE)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a node is as it is; `words.explanation_words` puts it into English."""

    node: Node
    truth: Truth
    actual: Any = None  # a leaf's fact; None where it is unknown
    parts: "tuple[Explanation, ...]" = ()  # of a group or a segment, in order


def evaluate(node: Node, facts: Facts, now: float) -> Truth:
    """Return the truth of a tree; it *matches* only where this is TRUE.

    `now` is in epoch seconds. A fact that is absent, or not of the type that its leaf compares, is unknown.
    """
    match node:
        case Leaf():
            return _judge(node, _known(node, facts), now)
        case Denied():
            return ~evaluate(node.leaf, facts, now)
        case SegmentUse():
            return evaluate(node.tree, facts, now)
        case Group():
            return _combine(node, (evaluate(child, facts, now) for child in node.children))


def explain(node: Node, facts: Facts, now: float) -> Explanation:
    """Return the truth of every node of a tree, with the facts that made it so."""
    match node:
        case Leaf():
            actual = _known(node, facts)
            return Explanation(node, _judge(node, actual, now), actual)
        case Denied():
            inner = explain(node.leaf, facts, now)
            return Explanation(node, ~inner.truth, inner.actual, (inner,))
        case SegmentUse():
            inner = explain(node.tree, facts, now)
            return Explanation(node, inner.truth, parts=(inner,))
        case Group():
            parts = tuple(explain(child, facts, now) for child in node.children)
            return Explanation(node, _combine(node, (part.truth for part in parts)), parts=parts)


def _known(leaf: Leaf, facts: Facts) -> Any:
    value = facts.get(leaf.fact)
    return None if value is None else typed(value, TYPE_OF[leaf.family])


def _judge(leaf: Leaf, fact: Any, now: float) -> Truth:
    operator = leaf.operator
    if operator.presence is not None:
        return Truth.TRUE if operator.presence == (fact is not None) else Truth.FALSE
    if fact is None:
        return Truth.UNKNOWN
    return Truth.TRUE if operator.test(fact, leaf.prepared, now) else Truth.FALSE


def _combine(group: Group, truths: Iterable[Truth]) -> Truth:
    deciding = Truth.FALSE if group.kind == "all" else Truth.TRUE
    found = ~deciding
    for truth in truths:
        if truth is deciding:
            found = deciding
            break
        if truth is Truth.UNKNOWN:
            found = truth
    return ~found if group.kind == "none" else found
