"""The only place that knows what a condition tree is made of, and how to walk and rewrite one."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypedDict, Unpack

import rfc8785

from decisioning.rules.moment import AT_EVENT, read_moment
from decisioning.rules.operators.operator import Family, Operator
from decisioning.rules.operators.registry import OPERATORS, TYPE_OF
from decisioning.rules.properties import read_property
from decisioning.rules.values import Facts, conform
from decisioning.specs import AggregateSpec, Condition

GroupKind = Literal["all", "any", "none"]
AggregateFunction = Literal[
    "count", "sum", "min", "max", "average", "distinct", "since_first", "since_last", "sequence",
    "recent_average", "first", "last", "sessions", "share", "days_since", "session_number",
    "session_duration", "session_intent", "cart_value", "cart_age",
]  # fmt: skip
_NO_CONTEXT: Final[Mapping[str, Any]] = {}
GROUPS: Final[tuple[GroupKind, ...]] = ("all", "any", "none")


class AggregateFields(TypedDict, total=False):
    """The optional fields of an AggregateSpec."""

    property: str
    within: str
    where: Condition | None
    then: str
    then_where: Condition | None
    without: bool
    type: Literal["", "number", "text", "version", "date", "boolean"]
    of: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """One comparison of one fact with one value."""

    fact: str  # attribute key, or "agg:…"
    family: Family
    operator: Operator
    value: Any  # normal form of the JSON value
    aggregate: AggregateSpec | None = field(default=None, compare=False)  # of an event condition
    prepared: Any = field(default=None, compare=False, repr=False)
    of_account: bool = field(default=False, compare=False)  # an account says it, never the person


@dataclass(frozen=True, slots=True)
class Group:
    """All, any or none of the children must be true; without children, all and none are true."""

    kind: GroupKind
    children: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class SegmentUse:
    """A segment by name, with the tree that it stands for."""

    key: str
    tree: "Node"


@dataclass(frozen=True, slots=True)
class Denied:
    """The leaf must be known and false; only negation normal form holds these."""

    leaf: Leaf


Node = Leaf | Denied | Group | SegmentUse
EVERYONE: Final = Group("all", ())


def make_leaf(
    fact: str,
    family: Family,
    operator: str,
    value: Any,
    *,
    aggregate: AggregateSpec | None = None,
    of_account: bool = False,
) -> Leaf:
    """Return a leaf with its value prepared.

    Raises:
        KeyError: the family has no such operator.
        ValueError: the value does not fit the operator.
    """
    found = OPERATORS[family][operator]
    return Leaf(fact, family, found, value, aggregate, found.prepare(value), of_account)


def leaves(node: Node) -> Iterator[Leaf]:
    """Yield every leaf, those of segments included, in order."""
    match node:
        case Leaf():
            yield node
        case Denied():
            yield node.leaf
        case SegmentUse():
            yield from leaves(node.tree)
        case Group():
            for child in node.children:
                yield from leaves(child)


def depth(node: Node) -> int:
    """Return how many groups and segments stand inside each other; 0 for a leaf."""
    match node:
        case Group():
            return 1 + max(map(depth, node.children), default=0)
        case SegmentUse():
            return 1 + depth(node.tree)
        case _:
            return 0


def inline_segments(node: Node) -> Node:
    """Return the tree with every segment replaced by what it stands for."""
    match node:
        case SegmentUse():
            return inline_segments(node.tree)
        case Group():
            return Group(node.kind, tuple(map(inline_segments, node.children)))
        case _:
            return node


def aggregates(node: Node) -> frozenset[AggregateSpec]:
    """Return what must be kept of events for this tree."""
    return frozenset(leaf.aggregate for leaf in leaves(node) if leaf.aggregate is not None)


def attributes(node: Node) -> frozenset[str]:
    """Return the keys of the attributes that this tree reads."""
    return frozenset(leaf.fact for leaf in leaves(node) if leaf.aggregate is None)


def said_by_accounts(node: Node) -> frozenset[str]:
    """Return the keys of those attributes that accounts say."""
    return frozenset(leaf.fact for leaf in leaves(node) if leaf.of_account)


def to_nnf(node: Node, *, negated: bool = False) -> Node:
    """Return the tree in negation normal form: "all" and "any" groups, denial at the leaves only.

    In this form "a missing fact makes its leaf false" is exactly the three-valued answer.
    """
    match node:
        case SegmentUse():
            return to_nnf(node.tree, negated=negated)
        case Leaf():
            return Denied(node) if negated else node
        case Denied():
            return node.leaf if negated else node
        case Group():
            inner = negated != (node.kind == "none")
            kind: GroupKind = "any" if (node.kind == "any") != negated else "all"
            return Group(kind, tuple(to_nnf(child, negated=inner) for child in node.children))


def to_plain(node: Node) -> Condition:
    """Return the tree as JSON that `load` reads without a catalogue; segments are put in place.

    A leaf is ``{"attribute": "country", "family": "text", "is": "eq", "value": "DE"}``.
    """
    match node:
        case Leaf():
            leaf = {"attribute": node.fact, "family": node.family, "is": node.operator.key}
            leaf |= {"of": "account"} if node.of_account else {}
            return leaf if node.value is None else {**leaf, "value": node.value}
        case Denied():
            return {"none": [to_plain(node.leaf)]}
        case SegmentUse():
            return to_plain(node.tree)
        case Group():
            return {node.kind: [to_plain(child) for child in node.children]}


def load(plain: Condition) -> Node:
    """Return the tree of `to_plain`, for example an aggregate's ``where`` or a predicate's condition.

    Raises:
        KeyError, ValueError: not written by `to_plain` of this version.
    """
    for kind in GROUPS:
        if kind in plain:
            return Group(kind, tuple(map(load, plain[kind])))
    of_account = plain.get("of") == "account"
    return make_leaf(
        plain["attribute"], plain["family"], plain["is"], plain.get("value"), of_account=of_account
    )


def property_facts(
    node: Node, properties: Mapping[str, Any], context: Mapping[str, Any] = _NO_CONTEXT
) -> Facts:
    """Return what a ``where`` tree reads of an event's JSON properties and context, as typed facts."""
    facts = {}
    for leaf in leaves(node):
        if leaf.fact.startswith(AT_EVENT):
            told = read_moment(context, leaf.fact.removeprefix(AT_EVENT))
        else:
            told = read_property(properties, leaf.fact)
        value = conform(told, TYPE_OF[leaf.family])
        if value is not None:
            facts[leaf.fact] = value
    return facts


def make_aggregate(
    event: str, function: AggregateFunction, **fields: Unpack[AggregateFields]
) -> AggregateSpec:
    """Return a specification whose key is a hash of its content: equal leaves share one aggregate."""
    content = {"event": event, "function": function, **fields}
    digest = hashlib.sha256(rfc8785.dumps(content)).hexdigest()  # type: ignore[arg-type]
    return AggregateSpec(key=f"agg:{digest[:20]}", event=event, function=function, **fields)
