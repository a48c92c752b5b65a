"""The only place that says which number of a condition is looked at: its fact, its side, its value."""

from dataclasses import dataclass
from typing import Final, Literal

from campaigns.rule_builder.form_tree import Node, new_tree, thaw
from campaigns.rule_builder.form_tree import freeze as frozen
from campaigns.rule_builder.meaning import meaning, threshold_of
from campaigns.rule_builder.translation import to_number, write_condition
from decisioning.rules.catalogue import Catalogue
from decisioning.rules.conditions import ConditionError, Leaf, parse
from decisioning.rules.constants import CONSTANTS
from decisioning.rules.durations import UNITS, parse_duration
from decisioning.specs import AggregateSpec, AttributeSpec

DAY_S: Final = 86_400
HOUR_S: Final = 3_600
Unit = Literal["", "m", "h", "d"]  # of a span of time; "" is a plain number


@dataclass(frozen=True, slots=True)
class Question:
    """One number of a rule; times are in seconds."""

    fact: str  # attribute key, or "agg:…"
    aggregate: AggregateSpec | None
    side: Literal["at_least", "at_most"]  # where the people are that it finds
    strict: bool  # the number itself is not found
    threshold: float | None  # None: nothing that can be read was typed
    unit: Unit  # the one that was chosen, of a span of time
    unit_words: str = ""  # "EUR"
    of_account: bool = False  # an attribute that accounts say

    @property
    def scale(self) -> int:
        """Return by how much values are divided to be shown."""
        return UNITS[self.unit] if self.unit else 1

    def finds(self, value: float | None, threshold: float) -> bool:
        """Say whether a condition with this threshold is true of a value; unknown is not."""
        if value is None:
            return False
        if value == threshold:
            return not self.strict
        return value > threshold if self.side == "at_least" else value < threshold


def question_of(node: Node, catalogue: Catalogue) -> Question | None:
    """Return what the number of a condition asks, None where it has none or is not finished otherwise."""
    said = meaning(node, catalogue)
    side = threshold_of(said)
    if side is None or said.operator is None:
        return None
    leaf, is_typed = _leaf(node, catalogue)
    if leaf is None:
        return None
    unit: Unit = node.text("unit") if said.constant == "duration" else ""  # type: ignore[assignment]
    words = said.attribute.unit if isinstance(said.attribute, AttributeSpec) else ""
    return Question(
        fact=leaf.fact,
        aggregate=leaf.aggregate,
        side=side,
        strict=said.operator.key in ("gt", "lt"),
        threshold=float(leaf.prepared) if is_typed else None,
        unit=unit if unit in UNITS else "",
        unit_words=words,
        of_account=leaf.of_account,
    )


def _leaf(node: Node, catalogue: Catalogue) -> tuple[Leaf | None, bool]:
    """Return the condition on its own, and whether its number could be read."""
    for example in (False, True):
        root = new_tree()
        root.children.append(thaw(frozen(node)))
        if example:
            _put_example(root.children[0], catalogue)
        written = write_condition(root, catalogue).condition
        try:
            tree = parse(written["all"][0], catalogue)
        except ConditionError:
            continue
        if isinstance(tree, Leaf):
            return tree, not example
    return None, False


def _put_example(node: Node, catalogue: Catalogue) -> None:
    if meaning(node, catalogue).constant == "duration":
        node.fields |= {"amount": ["1"], "unit": [node.text("unit") or "d"]}
    else:
        node.fields["value"] = [str(CONSTANTS["number"].example)]


def put_value(node: Node, typed: str, catalogue: Catalogue) -> bool:
    """Write a number as it was typed into a condition; say whether it can be one."""
    typed = typed.strip()
    if meaning(node, catalogue).constant == "duration":
        try:
            parse_duration(typed)
        except ValueError:
            return False
        node.fields |= {"amount": [typed[:-1]], "unit": [typed[-1]]}
        return True
    if isinstance(to_number(typed), str):
        return False
    node.fields["value"] = [typed]
    return True
