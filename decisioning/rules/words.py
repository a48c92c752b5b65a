"""The only place that puts conditions and explanations into English."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from decisioning.rules.catalogue import Catalogue
from decisioning.rules.conditions import parse
from decisioning.rules.durations import duration_words, grain_seconds, seconds_words
from decisioning.rules.tree import Denied, Group, Leaf, Node, SegmentUse, load
from decisioning.rules.truth import Explanation, Truth
from decisioning.rules.values import parse_date
from decisioning.rules.visibility import HIDDEN
from decisioning.specs import AggregateSpec, AttributeSpec, Condition

_IGNORING_CASE: Final = "_ignoring_case"
_HEADINGS: Final = {
    "all": "All of these must be true",
    "any": "At least one of these must be true",
    "none": "None of these may be true",
}
_TIMES: Final = {
    "eq": "exactly",
    "ne": "any number of times but",
    "gt": "more than",
    "gte": "at least",
    "lt": "fewer than",
    "lte": "at most",
    "between": "between",
}
_OVER: Final = {
    "sum": "the sum of {property} of {event}",
    "min": "the lowest {property} of {event}",
    "max": "the highest {property} of {event}",
    "average": "the average {property} of {event}",
    "distinct": "the number of different values of {property} of {event}",
}
_TRUTHS: Final = {Truth.TRUE: "true", Truth.FALSE: "false", Truth.UNKNOWN: "unknown"}


def sentence(condition: Node | Condition, catalogue: Catalogue) -> str:
    """Return a condition as one line, e.g. "Country is any of DE or AT and Total spend is more than 500 EUR".

    Raises:
        ConditionError: a condition given as JSON cannot be read.
    """
    return _words(_tree(condition, catalogue), catalogue)


def outline(condition: Node | Condition, catalogue: Catalogue) -> tuple[tuple[int, str], ...]:
    """Return a condition as (indent, line) pairs, groups as headings above their members.

    Raises:
        ConditionError: a condition given as JSON cannot be read.
    """
    return tuple(_lines(_tree(condition, catalogue), catalogue, 0))


def explanation_words(explanation: Explanation, catalogue: Catalogue) -> dict[str, Any]:
    """Return an explanation as JSON: words, truth ("true", "false", "unknown"), actual value, parts."""
    told: dict[str, Any] = {
        "words": _heading(explanation.node, catalogue),
        "truth": _TRUTHS[explanation.truth],
    }
    if isinstance(explanation.node, Leaf):
        told["actual"] = explanation.actual
    if explanation.parts:
        told["parts"] = [explanation_words(part, catalogue) for part in explanation.parts]
    return told


def _tree(condition: Node | Condition, catalogue: Catalogue) -> Node:
    return parse(condition, catalogue) if isinstance(condition, dict) else condition


def _lines(node: Node, catalogue: Catalogue, indent: int) -> Iterable[tuple[int, str]]:
    yield indent, _heading(node, catalogue)
    if isinstance(node, Group):
        for child in node.children:
            yield from _lines(child, catalogue, indent + 1)


def _heading(node: Node, catalogue: Catalogue) -> str:
    if isinstance(node, Group) and node.children:
        return _HEADINGS[node.kind]
    return _words(node, catalogue)


def _words(node: Node, catalogue: Catalogue) -> str:
    match node:
        case Leaf(aggregate=AggregateSpec() as spec):
            return _event(node, spec, catalogue)
        case Leaf():
            return _attribute(node, catalogue)
        case Denied():
            return f"not ({_words(node.leaf, catalogue)})"
        case SegmentUse():
            found = catalogue.segments.get(node.key)
            return f"is in the segment {found.name if found else node.key}"
        case Group():
            return _group(node, catalogue)


def _group(group: Group, catalogue: Catalogue) -> str:
    if not group.children:
        return "nobody" if group.kind == "any" else "everyone"
    inner = [_inner(child, catalogue) for child in group.children]
    if group.kind == "none":
        return f"none of ({'; '.join(inner)})" if len(inner) > 1 else f"not ({inner[0]})"
    return (" and " if group.kind == "all" else " or ").join(inner)


def _inner(node: Node, catalogue: Catalogue) -> str:
    words = _words(node, catalogue)
    joined = isinstance(node, Group) and node.kind != "none" and len(node.children) > 1
    return f"({words})" if joined else words


def _attribute(leaf: Leaf, catalogue: Catalogue) -> str:
    if leaf.fact.startswith(HIDDEN):
        name = catalogue.name_of(leaf.fact.removeprefix(HIDDEN))
        return f"{name} may not be seen for these purposes"
    name = catalogue.name_of(leaf.fact)
    spec = catalogue.attributes.get(leaf.fact)
    unit = f" {spec.unit}" if isinstance(spec, AttributeSpec) and spec.unit else ""
    return f"{name} {_predicate(leaf, unit)}"


def _predicate(leaf: Leaf, unit: str = "") -> str:
    """Return operator and value, e.g. "is any of DE or AT"."""
    operator = leaf.operator
    label, value = operator.label, _value(leaf)
    if operator.constant in ("number", "numbers", "number_pair"):
        value += unit
    if operator.key.endswith(_IGNORING_CASE):
        return f"{label.removesuffix(' (ignoring case)')} {value} (ignoring case)"
    return f"{label} {value}".rstrip()


def _value(leaf: Leaf) -> str:
    if leaf.operator.key.startswith("contains_all"):
        return _listed(leaf.value, "and")
    return _VALUES[leaf.operator.constant](leaf.value)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6f}".rstrip("0").rstrip(".")


def _text(value: str) -> str:
    return value if value.strip() == value and value else f'"{value}"'


def _listed(values: Iterable[Any], joint: str = "or") -> str:
    *most, last = [_text(one) if isinstance(one, str) else _number(one) for one in values]
    return f"{', '.join(most)} {joint} {last}" if most else last


def _date(value: str) -> str:
    seconds, whole_day = parse_date(value)
    moment = datetime.fromtimestamp(seconds, UTC)
    day = f"{moment.day} {moment:%B %Y}"
    return (
        f"{day} (UTC)" if whole_day else f"{day}, {moment:%H:%M:%S} UTC".replace(":00 UTC", " UTC")
    )


def _place(value: dict[str, float]) -> str:
    return f"{_number(value['km'])} km of {value['lat']}, {value['lon']}"


_VALUES: Final[dict[str, Callable[[Any], str]]] = {
    "none": lambda value: "",
    "number": _number,
    "count": lambda value: f"{value:,} value" if value == 1 else f"{value:,} values",
    "number_pair": lambda value: f"{_number(value[0])} and {_number(value[1])}",
    "numbers": _listed,
    "text": _text,
    "texts": _listed,
    "pattern": _text,
    "boolean": lambda value: "true" if value else "false",
    "date": _date,
    "duration": duration_words,
    "place": _place,
    "version": str,
}


def _event(leaf: Leaf, spec: AggregateSpec, catalogue: Catalogue) -> str:
    event = _event_name(spec.event, catalogue)
    condition = _where(spec.event, spec.where, catalogue)
    period, grain = _period(spec.within), _grain(spec.within)
    if spec.function == "sequence":
        then = _event_name(spec.then, catalogue) + _where(spec.then, spec.then_where, catalogue)
        link = "and then not" if spec.without else "and then"
        return f"has done {event}{condition} {link} {then}{period}{grain}"
    if spec.function == "count":
        return f"has done {event} {_times(leaf)}{period}{condition}{grain}"
    if spec.function in ("since_first", "since_last"):
        which = spec.function.removeprefix("since_")
        return f"{which} did {event} {_predicate(leaf)} ago{period}{condition}{grain}"
    name = spec.property.replace("_", " ").capitalize()
    over = _OVER[spec.function].format(property=name, event=event)
    return f"{over}{period}{condition} {_predicate(leaf)}{grain}"


def _event_name(key: str, catalogue: Catalogue) -> str:
    found = catalogue.events.get(key)
    return found.name if found else key


def _times(leaf: Leaf) -> str:
    noun = "time" if leaf.value == 1 else "times"
    return f"{_TIMES[leaf.operator.key]} {_value(leaf)} {noun}"


def _period(within: str) -> str:
    if within in ("page", "session"):
        return " in the current page view" if within == "page" else " in the current session"
    return f" in the last {duration_words(within)}" if within else ""


def _grain(within: str) -> str:
    if within in ("", "page", "session"):
        return ""
    return f" (counted in steps of {seconds_words(grain_seconds(within))})"


def _where(event: str, where: Condition | None, catalogue: Catalogue) -> str:
    if where is None:
        return ""
    found = catalogue.events.get(event)
    properties = Catalogue.of_event(found) if found else Catalogue()
    return f" where {_words(load(where), properties)}"
