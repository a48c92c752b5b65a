"""The front door to conditions: read them, judge them, explain them, ask what they need.

``parse`` raises :class:`ConditionError` with the path and what to do. ``now`` is in epoch seconds everywhere.
"""

from collections.abc import Iterable
from typing import Final

from decisioning.rules.catalogue import Catalogue
from decisioning.rules.reading import (
    FOR_EVER,
    FUNCTIONS,
    LAST_SESSIONS,
    READS,
    ConditionError,
    Fault,
    parse,
)
from decisioning.rules.tree import (
    EVERYONE,
    Denied,
    Group,
    Leaf,
    Node,
    SegmentUse,
    aggregates,
    attributes,
    inline_segments,
    load,
    property_facts,
    to_nnf,
    to_plain,
)
from decisioning.rules.truth import Explanation, Truth, evaluate, explain
from decisioning.rules.values import Facts, Value, conform
from decisioning.specs import AggregateSpec

__all__ = [
    "EVERYONE",
    "FOR_EVER",
    "FUNCTIONS",
    "LAST_SESSIONS",
    "READS",
    "Catalogue",
    "ConditionError",
    "Denied",
    "Explanation",
    "Facts",
    "Fault",
    "Group",
    "Leaf",
    "Node",
    "SegmentUse",
    "Truth",
    "Value",
    "aggregates",
    "attributes",
    "conform",
    "evaluate",
    "explain",
    "facts_of_nobody",
    "inline_segments",
    "load",
    "parse",
    "property_facts",
    "to_nnf",
    "to_plain",
]


_ZERO: Final = ("count", "sum", "distinct", "sessions", "session_number", "cart_value")


def facts_of_nobody(needed: Iterable[AggregateSpec]) -> Facts:
    """Return what is known of a person without any event: what is counted is 0, no sequence, nothing of accounts."""
    facts: dict[str, float | bool] = {}
    for spec in needed:
        if spec.of:
            continue
        if spec.function in _ZERO:
            facts[spec.key] = 0
        elif spec.function == "sequence":
            facts[spec.key] = False
    return facts
