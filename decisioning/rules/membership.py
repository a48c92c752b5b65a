"""The only place that says what it means to be in a segment that people leave otherwise than they enter it."""

from typing import Final

from decisioning.rules.tree import Group, Leaf, Node, make_leaf
from decisioning.specs import Condition, SegmentSpec

# Before the key of a segment: the fact for how many seconds a person is in it; absent where they are not.
MEMBER: Final = "member:"


def member_fact(segment: str) -> str:
    """Return the fact that tells for how many seconds a person is in a segment, "member:loyal"."""
    return MEMBER + segment


def remembers(spec: SegmentSpec) -> bool:
    """Return whether being in a segment depends on having been in it before."""
    return bool(spec.leaving or spec.stay_s)


def meaning(spec: SegmentSpec) -> Condition:
    """Return the condition that is true of who is in a segment; it names the segment where that remembers."""
    return {"segment": spec.key} if remembers(spec) else spec.condition


def lasting(spec: SegmentSpec, entering: Node, leaving: Node | None) -> Node:
    """Return the tree of who is in a segment: who enters, and who is in it and does not leave.

    Who is in it leaves once `leaving` is true (without one, once `entering` is not), never before `stay_s` is over.
    """
    stays: list[Node] = []
    if leaving is not None:
        stays.append(Group("none", (leaving,)))
    if spec.stay_s:
        stays.append(_compared(spec, "lt", spec.stay_s))
    kept = Group("all", (_compared(spec, "gte", 0), Group("any", tuple(stays))))
    return Group("any", (entering, kept))


def _compared(spec: SegmentSpec, operator: str, seconds: int) -> Leaf:
    return make_leaf(member_fact(spec.key), "number", operator, seconds)
