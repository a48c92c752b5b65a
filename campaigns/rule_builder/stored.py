"""The only place that turns stored condition JSON into the tree that a page edits."""

import json
import math
from collections.abc import Iterator, Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any, Final

import rfc8785

from campaigns.rule_builder.form_tree import Kind, Node, new_tree
from campaigns.rule_builder.meaning import SEQUENCES, SESSIONS, Meaning, complete, meaning
from campaigns.rule_builder.translation import SPAN, write_condition
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.conditions import FUNCTIONS, LAST_SESSIONS
from decisioning.rules.tree import GROUPS

Json = Mapping[str, Any]
_EVENT_KEYS: Final = {"event", "within", "where", "of"}
_INSIDE: Final = {"is", "value", "property", "event", "where"}
_MOST: Final = 1_000_000


def read_condition(condition: Any, catalogue: Catalogue | None = None) -> Node:
    """Return the tree to edit for a stored condition; a part that cannot be shown is kept as it is, in a row of its own.

    With a catalogue also a value that the page would write otherwise is kept so.
    """
    root = new_tree()
    if condition in (None, "", {}):
        return root
    reader = _Reader(catalogue)
    if _is_group(condition):
        reader.group(condition, root)
    else:
        root.children.append(reader.node(condition))
    return root


def _kind_of(part: Json) -> str:
    return next((kind for kind in GROUPS if kind in part), "")


def _is_group(part: Any) -> bool:
    if not isinstance(part, Mapping) or len(part) != 1:
        return False
    return isinstance(part.get(_kind_of(part)), list | tuple)


class _Reader:
    def __init__(self, catalogue: Catalogue | None) -> None:
        self.catalogue = catalogue
        self.numbers: Iterator[int] = iter(range(2, _MOST))

    def group(self, part: Json, node: Node) -> None:
        node.match = _kind_of(part)
        node.children += [self.node(child) for child in part[node.match]]

    def node(self, part: Any, *, kind: Kind = "group") -> Node:
        if _is_group(part):
            node = Node(next(self.numbers), kind)
            self.group(part, node)
            return node
        number = next(self.numbers)
        leaf = self.leaf(part, number) if _is_leaf(part) else None
        if leaf is None or not self.is_written_alike(leaf, part):
            leaf = Node(number, "leaf", fields={"raw": [json.dumps(part, default=str)]})
        return leaf

    def leaf(self, part: Json, number: int) -> Node:
        leaf = Node(number, "leaf")
        if "event" in part:
            self.event(part, leaf)
        elif "segment" in part:
            leaf.fields = {"subject": ["segment:"], "segment": [part["segment"]]}
        else:
            leaf.fields = {"subject": [f"attribute:{part['attribute']}"]} | _compared(part)
        leaf.fields["about"] = leaf.fields["subject"]
        return leaf

    def event(self, part: Json, leaf: Node) -> None:
        measure = _measure_of(part)
        inside = part[measure]
        leaf.fields = {"subject": [f"event:{part['event']}"], "measure": [measure]}
        leaf.fields |= _read_within(part.get("within", ""))
        leaf.fields |= {"of": [part["of"]]} if part.get("of") else {}
        if measure in SEQUENCES:
            leaf.fields["then"] = [inside.get("event", "")]
            self.filter(inside, "then_where", leaf)
        else:
            leaf.fields |= _compared(inside)
            if inside.get("property"):
                leaf.fields["property"] = [inside["property"]]
        self.filter(part, "where", leaf)

    def filter(self, part: Json, kind: Kind, leaf: Node) -> None:
        where = part.get("where")
        if not where:
            return
        # A filter is about another catalogue: what it writes is compared as part of its condition.
        inner = _Reader(None)
        inner.numbers = self.numbers
        if _is_group(where):
            leaf.children.append(inner.node(where, kind=kind))
        else:
            group = Node(next(self.numbers), kind)
            group.children.append(inner.node(where))
            leaf.children.append(group)

    def is_written_alike(self, leaf: Node, part: Json) -> bool:
        """Say whether the page would write the same; what the catalogue lacks is told elsewhere."""
        if self.catalogue is None or not _is_whole(meaning(leaf, self.catalogue)):
            return True
        root = new_tree()
        root.children.append(deepcopy(leaf))
        complete(root, self.catalogue)
        (written,) = write_condition(root, self.catalogue).condition["all"]
        return _plain(written) == _plain(part)


def _is_whole(said: Meaning) -> bool:
    return said.operator is not None or (said.measure in SEQUENCES and said.event is not None)


def _plain(part: Any) -> bytes:
    try:
        return rfc8785.dumps(part)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError):
        return json.dumps(part, default=str, sort_keys=True).encode()


def _is_leaf(part: Any) -> bool:
    if not isinstance(part, Mapping):
        return False
    keys = set(part)
    if "event" in keys:
        return _is_event(part, keys)
    if "segment" in keys:
        return keys == {"segment"} and isinstance(part["segment"], str)
    named = isinstance(part.get("attribute"), str) and keys <= {"attribute", "is", "value"}
    return named and _is_comparison(part)


def _measure_of(part: Json) -> str:
    return next((one for one in (*SEQUENCES, *FUNCTIONS) if one in part), "")


def _is_event(part: Json, keys: set[str]) -> bool:
    measure = _measure_of(part)
    inside = part.get(measure)
    if keys - _EVENT_KEYS != {measure} or not isinstance(inside, Mapping):
        return False
    texts = (part["event"], part.get("within", ""), part.get("of", ""), inside.get("property", ""))
    named = all(isinstance(one, str) for one in (*texts, inside.get("event", "")))
    compares = measure in SEQUENCES or _is_comparison(inside)
    return named and compares and set(inside) <= _INSIDE


def _is_comparison(part: Json) -> bool:
    operator = part.get("is")
    if not isinstance(operator, str) or not operator:
        return False
    value = part.get("value")
    if isinstance(value, Mapping):
        return set(value) == {"lat", "lon", "km"} and all(map(_is_scalar, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_scalar, value))
    return value is None or _is_scalar(value)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _read_within(within: str) -> dict[str, list[str]]:
    span = SPAN.fullmatch(within)
    if span:
        return {"within": [span[1]], "within_unit": [span[2]]}
    sessions = LAST_SESSIONS.fullmatch(within)
    if sessions:
        return {"within": [sessions[1]], "within_unit": [SESSIONS]}
    return {"within_unit": [within or "ever"]}


def _compared(part: Json) -> dict[str, list[str]]:
    fields = {"is": [part.get("is", "")]}
    value = part.get("value")
    match value:
        case None:
            return fields
        case bool():
            return fields | {"value": ["yes" if value else "no"]}
        case {"lat": lat, "lon": lon, "km": km}:
            return fields | {"lat": [_shown(lat)], "lon": [_shown(lon)], "km": [_shown(km)]}
        case [low, high] if part.get("is") == "between":
            return fields | {"low": [_shown(low)], "high": [_shown(high)]}
        case list() | tuple():
            return fields | {"value": [_shown(one) for one in value]}
    span = SPAN.fullmatch(value) if isinstance(value, str) else None
    if span:
        return fields | {"amount": [span[1]], "unit": [span[2]], "value": [str(value)]}
    return fields | {"value": [_shown(value)]}


def _shown(value: Any) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return format(Decimal(repr(value)).normalize(), "f")
    return str(value)
