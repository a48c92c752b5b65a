"""The only place that knows which authored things name which others, and in which field."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from campaigns.models.items import Kind
from consent.policy import EVERY_PURPOSE, ON_DEVICES
from decisioning.rules.moment import AT_EVENT, SEGMENTS

Body = dict[str, Any]
Name = tuple[str, str]  # (kind, key)
Reference = tuple[str, str, str]  # (kind, key, field that names it)

TOKEN: Final = re.compile(r"\{[{%](.*?)[%}]\}", re.DOTALL)
PATH: Final = re.compile(r"[^\W\d][\w-]*(?:\.[\w-]+)*")


@dataclass(frozen=True, slots=True, order=True)
class Use:
    """One thing that names another."""

    kind: str
    key: str
    field: str  # "eligibility", "variants"


def users_by_name(bodies: Mapping[Name, Body]) -> dict[Name, tuple[Use, ...]]:
    """Return who names each thing, in the order of kinds and keys; nobody names what is not in it."""
    found: dict[Name, set[Use]] = {}
    for (kind, key), body in bodies.items():
        for named_kind, named_key, field in references(kind, body):
            found.setdefault((named_kind, named_key), set()).add(Use(kind, key, field))
    return {name: tuple(sorted(users)) for name, users in found.items()}


def references(kind: str, body: Body) -> Iterator[Reference]:
    """Yield what a body names; one thing may come more than once."""
    for field, read in _FIELDS.get(kind, {}).items():
        for named_kind, key in read(body.get(field)):
            yield named_kind, key, field


def named_by_condition(node: Any) -> Iterator[Name]:
    """Yield the attributes, event types and segments that a condition names; event properties are none."""
    if not isinstance(node, dict):
        return
    if isinstance(node.get("event"), str):
        yield Kind.EVENT_TYPE, node["event"]
        yield from named_by_filter(node.get("where"))
        for step in ("then", "without"):
            yield from named_by_condition(node.get(step))
    elif isinstance(node.get("attribute"), str):
        yield Kind.ATTRIBUTE, node["attribute"]
    elif isinstance(node.get("segment"), str):
        yield Kind.SEGMENT, node["segment"]
    for group in ("all", "any", "none"):
        children = node.get(group)
        for child in children if isinstance(children, list) else ():
            yield from named_by_condition(child)


def named_by_filter(node: Any) -> Iterator[Name]:
    """Yield the attributes and segments that the filter of an event names, as they were at the time of the event."""
    if not isinstance(node, dict):
        return
    key = str(node.get("attribute", ""))
    if key == AT_EVENT + SEGMENTS:
        said = node.get("value")
        for one in said if isinstance(said, list) else ():
            yield Kind.SEGMENT, one
    elif key.startswith(AT_EVENT):
        yield Kind.ATTRIBUTE, key.removeprefix(AT_EVENT)
    for group in ("all", "any", "none"):
        children = node.get(group)
        for child in children if isinstance(children, list) else ():
            yield from named_by_filter(child)


def named_by_content(content: Any) -> Iterator[Name]:
    """Yield the attributes that the tokens of a content may name, and maybe words that are none."""
    if isinstance(content, str):
        for token in TOKEN.findall(content):
            for path in PATH.findall(token):
                yield Kind.ATTRIBUTE, path
    elif isinstance(content, dict):
        for value in content.values():
            yield from named_by_content(value)
    elif isinstance(content, list):
        for value in content:
            yield from named_by_content(value)


Reader = Callable[[Any], Iterator[Name]]


def _keys(kind: Kind) -> Reader:
    def read(value: Any) -> Iterator[Name]:
        for key in [value] if isinstance(value, str) else value or ():
            if key:
                yield kind, key

    return read


def _all_but(kind: Kind, *others: str) -> Reader:
    def read(value: Any) -> Iterator[Name]:
        yield from ((kind, key) for key in value or () if key not in others)

    return read


def _variants(rows: Any) -> Iterator[Name]:
    for row in rows or ():
        yield from ((Kind.PLACEMENT, key) for key in row["placements"])
        yield from named_by_content(row["content"])


def _arms(rows: Any) -> Iterator[Name]:
    for row in rows or ():
        eligibility = row.get("eligibility") or {}
        for key in (*row["variants"], *row["excluded_offers"], *eligibility):
            yield Kind.OFFER, key
        for condition in eligibility.values():
            yield from named_by_condition(condition)


_FIELDS: dict[str, dict[str, Reader]] = {
    Kind.ATTRIBUTE: {"purposes": _keys(Kind.PURPOSE)},
    Kind.EVENT_TYPE: {"purposes": _keys(Kind.PURPOSE)},
    Kind.PLACEMENT: {"channel": _keys(Kind.CHANNEL), "fallback": named_by_content},
    Kind.SEGMENT: {"condition": named_by_condition, "leaving": named_by_condition},
    Kind.OFFER: {
        "purposes": _keys(Kind.PURPOSE),
        "eligibility": named_by_condition,
        "variants": _variants,
    },
    Kind.CAMPAIGN: {
        "offers": _keys(Kind.OFFER),
        "fallback_offer": _keys(Kind.OFFER),
        "goal_event": _keys(Kind.EVENT_TYPE),
        "eligibility": named_by_condition,
    },
    Kind.TRIGGER: {
        "segment": _keys(Kind.SEGMENT),
        "event": _keys(Kind.EVENT_TYPE),
        "where": named_by_filter,
        "then": _keys(Kind.EVENT_TYPE),
        "then_where": named_by_filter,
        "condition": named_by_condition,
        "placement": _keys(Kind.PLACEMENT),
        "purposes": _keys(Kind.PURPOSE),
    },
    Kind.JURISDICTION: {
        "mechanisms": _keys(Kind.PURPOSE),
        "validity_days": _all_but(Kind.PURPOSE, EVERY_PURPOSE, ON_DEVICES),
    },
    Kind.NOTICE: {"purposes": _keys(Kind.PURPOSE)},
    Kind.EXPERIMENT: {"campaign": _keys(Kind.CAMPAIGN), "arms": _arms},
}
