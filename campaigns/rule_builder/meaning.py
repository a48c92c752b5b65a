"""The only place that says what an edited condition is about, and so which operators and value fit it."""

from dataclasses import dataclass
from typing import Final, Literal

from django.utils.translation import gettext_lazy

from campaigns.rule_builder.form_tree import Node
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.conditions import READS
from decisioning.rules.constants import ConstantKind
from decisioning.rules.operators.operator import Family, Operator
from decisioning.rules.operators.registry import OPERATORS
from decisioning.specs import AttributeSpec, EventTypeSpec, PropertySpec

Sort = Literal["attribute", "event", "segment", ""]

SESSIONS: Final = "sessions"  # a measure, and the unit of its window
SEQUENCES: Final = ("then", "without")
MEASURES: Final = {
    "count": gettext_lazy("how often"),
    "sum": gettext_lazy("total of"),
    "average": gettext_lazy("average of"),
    "min": gettext_lazy("smallest"),
    "max": gettext_lazy("largest"),
    "distinct": gettext_lazy("number of different"),
    "recent_average": gettext_lazy("average, recent ones counting more, of"),
    "first": gettext_lazy("the first"),
    "last": gettext_lazy("the last"),
    "sessions": gettext_lazy("in how many of the last sessions"),
    "since_last": gettext_lazy("time since the last"),
    "since_first": gettext_lazy("time since the first"),
    "then": gettext_lazy("followed by"),
    "without": gettext_lazy("not followed by"),
}
# Whose events count, by the type of their account.
WHOSE: Final = {
    "": gettext_lazy("by the person"),
    "account": gettext_lazy("by all of their account"),
    "household": gettext_lazy("by all of their household"),
    "company": gettext_lazy("by all of their company"),
    "team": gettext_lazy("by all of their team"),
}
OF_PEOPLE_ALONE: Final = ("page", "session")  # windows that no account has
_SIDES: Final[dict[str, Literal["at_least", "at_most"]]] = {
    "gt": "at_least",
    "gte": "at_least",
    "lt": "at_most",
    "lte": "at_most",
}
# What a new condition about an event says until it is changed.
_EVENT_DEFAULTS: Final = {
    "measure": "count",
    "is": "gte",
    "value": "1",
    "within": "30",
    "within_unit": "d",
}
_EVENT_FIELDS: Final = ("measure", "within", "within_unit")


@dataclass(frozen=True, slots=True)
class Meaning:
    """A condition read with the catalogue; what is not chosen yet is empty."""

    sort: Sort = ""
    key: str = ""  # of the attribute, property or event
    attribute: AttributeSpec | PropertySpec | None = None
    event: EventTypeSpec | None = None
    measure: str = ""  # of an event: a key of MEASURES
    family: Family | None = None  # None: nothing to compare with
    operator: Operator | None = None

    @property
    def operators(self) -> dict[str, Operator]:
        """Return the operators to choose from."""
        return OPERATORS[self.family] if self.family else {}

    @property
    def constant(self) -> ConstantKind:
        """Return the kind of value to ask for."""
        return self.operator.constant if self.operator else "none"


def meaning(node: Node, catalogue: Catalogue) -> Meaning:
    """Return what a condition says so far; `catalogue` is the event's own inside a filter."""
    sort, _, key = node.text("subject").partition(":")
    if sort == "attribute":
        spec = catalogue.attributes.get(key)
        family: Family | None = spec.type if spec else None
        return Meaning("attribute", key, spec, None, "", family, _operator(family, node))
    if sort == "event":
        measure = node.text("measure")
        event = catalogue.events.get(key)
        family = _family_of(measure, event, node.text("property"))
        return Meaning("event", key, None, event, measure, family, _operator(family, node))
    return Meaning("segment", node.text("segment")) if sort == "segment" else Meaning()


def threshold_of(said: Meaning) -> Literal["at_least", "at_most"] | None:
    """Return on which side of its number a condition finds people, None where it has no such number."""
    if said.family not in ("number", "aggregate", "since") or said.operator is None:
        return None
    return _SIDES.get(said.operator.key)


def _family_of(measure: str, event: EventTypeSpec | None, read: str) -> Family | None:
    if measure in ("first", "last"):
        return (
            next((one.type for one in event.properties if one.key == read), None) if event else None
        )
    if measure.startswith("since"):
        return "since"
    return "aggregate" if measure in MEASURES and measure not in SEQUENCES else None


def _operator(family: Family | None, node: Node) -> Operator | None:
    return OPERATORS[family].get(node.text("is")) if family else None


def filter_catalogue(event: EventTypeSpec | None, catalogue: Catalogue) -> Catalogue:
    """Return what a filter of this event may name; nothing where the event is not chosen."""
    return catalogue.within(event) if event else Catalogue()


def filtered_event(leaf: Node, filter_kind: str, catalogue: Catalogue) -> EventTypeSpec | None:
    """Return the event that a filter of a condition is about: the first, or the one that follows."""
    if filter_kind == "then_where":
        return catalogue.events.get(leaf.text("then"))
    return catalogue.events.get(leaf.text("subject").partition(":")[2])


def complete(node: Node, catalogue: Catalogue) -> None:
    """Bring every condition below in line with what is chosen: fitting operators, no left-over values."""
    if node.kind == "leaf":
        _complete_leaf(node, catalogue)
    for child in node.children:
        inner = catalogue
        if child.kind in ("where", "then_where"):
            inner = filter_catalogue(filtered_event(node, child.kind, catalogue), catalogue)
        complete(child, inner)


def _complete_leaf(node: Node, catalogue: Catalogue) -> None:
    if node.text("raw"):
        return
    asks_anew = _forget_what_was_for_another(node)
    if node.text("measure") not in SEQUENCES:
        node.children = [child for child in node.children if child.kind == "where"]
    _complete_property(node, meaning(node, catalogue), asks_anew=asks_anew)
    node.fields["about"] = [about(node)]
    said = meaning(node, catalogue)
    # An operator that stopped fitting, as the attribute has another type now, stays and is told.
    if said.operators and said.operator is None and (asks_anew or not node.text("is")):
        node.fields["is"] = [_default(said)]
    _complete_units(node, meaning(node, catalogue))


def about(node: Node) -> str:
    """Return what operator and value of a condition were chosen for, "event:Order Completed|count"."""
    measure = node.text("measure")
    # What the first and last value are compared with is of the property's type.
    read = f"|{node.text('property')}" if measure in ("first", "last") else ""
    return f"{node.text('subject')}|{measure}{read}"


def _forget_what_was_for_another(node: Node) -> bool:
    """Drop what belonged to another subject; say whether subject or measure are new."""
    subject, before = node.text("subject"), node.text("about")
    if before in (subject, about(node)):
        return False
    if before.startswith(f"{subject}|"):
        return True
    kept = ("subject", "segment", "seen")
    node.fields = {key: node.fields[key] for key in kept if key in node.fields}
    node.children = []
    if subject.startswith("event:"):
        node.fields |= {key: [value] for key, value in _EVENT_DEFAULTS.items()}
    return True


def _complete_property(node: Node, said: Meaning, *, asks_anew: bool) -> None:
    fitting = properties_of(said)
    chosen = node.text("property")
    if not chosen or (asks_anew and fitting and chosen not in fitting):
        node.fields["property"] = fitting[:1]


def _complete_units(node: Node, said: Meaning) -> None:
    if said.constant == "duration" and not node.text("unit"):
        node.fields["unit"] = ["d"]
    if said.measure == SESSIONS and node.text("within_unit") != SESSIONS:
        node.fields |= {"within": ["5"], "within_unit": [SESSIONS]}
    if said.measure != SESSIONS and node.text("within_unit") == SESSIONS:
        node.fields |= {"within": ["30"], "within_unit": ["d"]}
    if node.text("of") and node.text("within_unit") in OF_PEOPLE_ALONE:
        node.fields |= {"within": ["30"], "within_unit": ["d"]}
    if said.measure in SEQUENCES and node.text("within_unit") == "ever":
        node.fields |= {"within": ["30"], "within_unit": ["d"]}


def properties_of(said: Meaning) -> list[str]:
    """Return the keys of the properties that an event's measure can read."""
    types = READS.get(said.measure, ())
    return [one.key for one in said.event.properties if one.type in types] if said.event else []


def _default(said: Meaning) -> str:
    values = getattr(said.attribute, "values", ())
    if said.family == "text" and values:
        return "any_of"
    if said.family == "aggregate":
        return "gte"
    return next(iter(said.operators))
