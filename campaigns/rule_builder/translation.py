"""The only place that turns an edited rule into condition JSON and back, and faults into messages at a row."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.rule_builder.form_tree import Kind, Node
from campaigns.rule_builder.meaning import (
    SEQUENCES,
    SESSIONS,
    Meaning,
    filter_catalogue,
    filtered_event,
    meaning,
)
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.conditions import READS, ConditionError, Fault, parse
from decisioning.rules.constants import CONSTANTS
from decisioning.rules.phrases import anew
from decisioning.rules.words import capitalised
from decisioning.specs import Condition
from rtts_site.foundation.language import ACTIVE

UNSHOWN: Final = gettext_lazy("This part cannot be shown here. Put another condition in its place.")
UNITS: Final = {"m": gettext_lazy("minutes"), "h": gettext_lazy("hours"), "d": gettext_lazy("days")}
_DIGITS: Final = re.compile(r"-?\d{1,16}(\.\d{1,12})?", re.ASCII)
_GROUPED: Final = re.compile(r"-?\d{1,3}(,\d{3}){1,5}(\.\d{1,12})?", re.ASCII)
SPAN: Final = re.compile(r"(\d+)([mhd])", re.ASCII)
_LINES: Final = re.compile(r"[\r\n]+")
_WORDED: Final = {  # the value is made of two fields, so the grammar's own words would mislead
    "duration": gettext_lazy("Write a whole number from 1 up, for example 30."),
    "place": gettext_lazy(
        "Write the distance in km, the latitude (-90 to 90) and the longitude (-180 to 180)."
    ),
    "boolean": gettext_lazy("Choose yes or no."),
    "texts": gettext_lazy("Give at least one value."),
}


@dataclass(frozen=True, slots=True)
class Message:
    """What to change about one node; `part` is the field it is about: "value", "is", "subject" and the like."""

    node: int
    part: str
    text: str  # "Write a number, for example 500."


@dataclass(slots=True)
class Written:
    """A condition with the way back from each of its JSON pointers to the node that wrote it."""

    condition: Condition
    nodes: dict[str, tuple[Node, Meaning | None]] = field(default_factory=dict)

    def origin(self, path: str) -> tuple[Node, Meaning | None, str]:
        """Return the node that a pointer lies in, its meaning, and what follows, e.g. "value"."""
        at = path
        while at and at not in self.nodes:
            at = at.rpartition("/")[0]
        return *self.nodes[at], path[len(at) :].strip("/")


# From the page to JSON


def write_condition(root: Node, catalogue: Catalogue) -> Written:
    """Return the condition JSON of an edited rule, faulty where what was typed is; ``{}`` is everyone."""
    written = Written({})
    written.nodes[""] = (root, None)
    if root.children:
        written.condition = _write_group(root, "", catalogue, written)
    return written


def _write_group(node: Node, path: str, catalogue: Catalogue, written: Written) -> Condition:
    children = [
        _write(child, f"{path}/{node.match}/{index}", catalogue, written)
        for index, child in enumerate(node.children)
    ]
    return {node.match: children}


def _write(node: Node, path: str, catalogue: Catalogue, written: Written) -> Condition:
    if node.kind != "leaf":
        written.nodes[path] = (node, None)
        return _write_group(node, path, catalogue, written)
    said = meaning(node, catalogue)
    written.nodes[path] = (node, said)
    if node.text("raw"):
        return _stored(node)
    match said.sort:
        case "event":
            return _write_event(node, said, path, catalogue, written)
        case "segment":
            return {"segment": said.key}
        case _:
            return {"attribute": said.key, **_comparison(node, said)}


def _stored(node: Node) -> Condition:
    """Return a part that the page cannot show, as it was stored; nothing of it is lost by an edit elsewhere."""
    try:
        part: Condition = json.loads(node.text("raw"))
    except (ValueError, RecursionError):
        return {}
    return part


def _write_event(
    node: Node, said: Meaning, path: str, catalogue: Catalogue, written: Written
) -> Condition:
    leaf: Condition = {"event": said.key} | ({"of": node.text("of")} if node.text("of") else {})
    if said.measure in SEQUENCES:
        then: Condition = {"event": node.text("then")}
        _write_filter(node, "then_where", then, f"{path}/{said.measure}", catalogue, written)
        leaf[said.measure] = then
    else:
        leaf[said.measure] = _comparison(node, said)
        if said.measure in READS:
            leaf[said.measure]["property"] = node.text("property")
    _write_filter(node, "where", leaf, path, catalogue, written)
    within = _within(node)
    return {**leaf, "within": within} if within else leaf


def _write_filter(
    node: Node, kind: Kind, into: Condition, path: str, catalogue: Catalogue, written: Written
) -> None:
    group = node.child(kind)
    if group is None:
        return
    inner = filter_catalogue(filtered_event(node, kind, catalogue), catalogue)
    single = group.match == "all" and len(group.children) == 1
    into["where"] = _write(group.children[0] if single else group, f"{path}/where", inner, written)


def _within(node: Node) -> str:
    unit = node.text("within_unit")
    if unit == SESSIONS:
        return f"{node.text('within').strip()} {SESSIONS}"
    if unit in UNITS:
        return f"{node.text('within').strip()}{unit}"
    return unit if unit in ("page", "session") else ""


def _comparison(node: Node, said: Meaning) -> Condition:
    written: Condition = {"is": node.text("is")}
    if said.constant != "none":
        written["value"] = _value(node, said.constant)
    return written


def _value(node: Node, kind: str) -> Any:
    text = node.text("value")
    match kind:
        case "number" | "count":
            return to_number(text)
        case "number_pair":
            return [to_number(node.text("low")), to_number(node.text("high"))]
        case "numbers":
            return [to_number(one) for one in _several(node)]
        case "texts":
            return _several(node)
        case "boolean":
            return {"yes": True, "no": False}.get(text)
        case "duration":
            return f"{node.text('amount').strip()}{node.text('unit')}"
        case "place":
            return {part: to_number(node.text(part)) for part in ("lat", "lon", "km")}
        case _:
            return text


def _several(node: Node) -> list[str]:
    lines = (line.strip() for one in node.fields.get("value", ()) for line in _LINES.split(one))
    return [line for line in lines if line]


def to_number(text: str) -> int | float | str:
    """Return the number that was typed, digits with or without thousands separators, else the text.

    >>> to_number("1,200"), to_number("1.5"), to_number("1e9")
    (1200, 1.5, '1e9')
    """
    text = text.strip()
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    if not _DIGITS.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)


# Faults


def check(written: Written, catalogue: Catalogue) -> list[Message]:
    """Return everything that must be changed before the rule can be saved, in page order."""
    try:
        parse(written.condition, catalogue)
    except ConditionError as error:
        return [_message(fault, written) for fault in error.faults]
    return []


def _message(fault: Fault, written: Written) -> Message:
    node, said, rest = written.origin(fault.path)
    if node.text("raw"):
        return Message(node.id, "raw", f"{UNSHOWN} {capitalised(anew(fault.message, ACTIVE))}.")
    if said is not None and not node.text("subject"):
        return Message(node.id, "subject", _("Choose what to look at."))
    part = rest.rpartition("/")[2]
    if part in ("attribute", "event"):
        part = "then" if rest.startswith(SEQUENCES) else "subject"
    return Message(node.id, part, _words(fault, node, said, part))


def _words(fault: Fault, node: Node, said: Meaning | None, part: str) -> str:
    kind = said.constant if said is not None and part == "value" else "none"
    if kind in _WORDED and not (kind == "texts" and _several(node)):
        return str(_WORDED[kind])
    text = capitalised(anew(fault.message, ACTIVE))
    if kind in ("number", "count"):
        example = CONSTANTS[kind].example
        text = _("{text}, for example {example}").format(text=text, example=example)
    if part == "segment" and not node.text("segment"):
        text = _("Choose a segment")
    return f"{text}."
