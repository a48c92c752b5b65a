"""The only place that puts conditions and explanations into words, in the language that is passed in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from decisioning.rules.catalogue import Catalogue
from decisioning.rules.conditions import parse
from decisioning.rules.leaf_words import Speaker
from decisioning.rules.operators.operator import IGNORING_CASE, Operator
from decisioning.rules.phrases import ENGLISH, Phrases
from decisioning.rules.phrases import gettext_noop as _
from decisioning.rules.tree import Denied, Group, Leaf, Node, SegmentUse
from decisioning.rules.truth import Explanation, Truth
from decisioning.rules.value_words import quoted
from decisioning.specs import AggregateSpec, Condition

HEADINGS: Final = {  # what stands above the members of a group
    "all": _("All of these must be true"),
    "any": _("At least one of these must be true"),
    "none": _("None of these may be true"),
}
_TRUTHS: Final = {Truth.TRUE: "true", Truth.FALSE: "false", Truth.UNKNOWN: "unknown"}


def sentence(condition: Node | Condition, catalogue: Catalogue, phrases: Phrases = ENGLISH) -> str:
    """Return a condition as one line, e.g. "Country is DE or AT, and Total spend is more than 500 EUR".

    Raises:
        ConditionError: a condition given as JSON cannot be read.
    """
    return capitalised(_Teller(phrases).tell(_tree(condition, catalogue), catalogue))


def outline(
    condition: Node | Condition, catalogue: Catalogue, phrases: Phrases = ENGLISH
) -> tuple[tuple[int, str], ...]:
    """Return a condition as (indent, line) pairs, groups as headings above their members.

    Raises:
        ConditionError: a condition given as JSON cannot be read.
    """
    return tuple(_lines(_tree(condition, catalogue), catalogue, phrases, 0))


def explanation_words(
    explanation: Explanation, catalogue: Catalogue, phrases: Phrases = ENGLISH
) -> dict[str, Any]:
    """Return an explanation as JSON: words, truth ("true", "false", "unknown"), actual value, parts."""
    told: dict[str, Any] = {
        "words": _heading(explanation.node, catalogue, phrases),
        "truth": _TRUTHS[explanation.truth],
    }
    if isinstance(explanation.node, Leaf):
        told["actual"] = explanation.actual
    if explanation.parts:
        told["parts"] = [explanation_words(part, catalogue, phrases) for part in explanation.parts]
    return told


def measured(spec: AggregateSpec, catalogue: Catalogue, phrases: Phrases = ENGLISH) -> str:
    """Return what an aggregate tells, e.g. "The number of “Order Completed” in the last 30 days"."""
    speaker = Speaker(catalogue, phrases, _Teller(phrases).tell)
    return capitalised(speaker.measured(spec))


def label_of(operator: Operator, phrases: Phrases = ENGLISH) -> str:
    """Return what a menu calls an operator, e.g. "is any of (ignoring case)"."""
    if not operator.key.endswith(IGNORING_CASE):
        return phrases.gettext(operator.label)
    exact = phrases.gettext(operator.label)
    return phrases.gettext("{operator} (ignoring case)").format(operator=exact)


def capitalised(words: str) -> str:
    """Return words with a capital first letter."""
    return words[:1].upper() + words[1:]


def _tree(condition: Node | Condition, catalogue: Catalogue) -> Node:
    return parse(condition, catalogue) if isinstance(condition, dict) else condition


def _lines(
    node: Node, catalogue: Catalogue, phrases: Phrases, indent: int
) -> Iterable[tuple[int, str]]:
    yield indent, _heading(node, catalogue, phrases)
    if isinstance(node, Group):
        for child in node.children:
            yield from _lines(child, catalogue, phrases, indent + 1)


def _heading(node: Node, catalogue: Catalogue, phrases: Phrases) -> str:
    if isinstance(node, Group) and node.children:
        return phrases.gettext(HEADINGS[node.kind])
    return sentence(node, catalogue, phrases)


@dataclass(frozen=True, slots=True)
class _Teller:
    phrases: Phrases

    def tell(self, node: Node, catalogue: Catalogue) -> str:
        """Return a tree as a sentence that starts in lower case."""
        match node:
            case Leaf():
                return Speaker(catalogue, self.phrases, self.tell).leaf(node)
            case Denied():
                return self._denied(node.leaf, catalogue)
            case SegmentUse():
                return self._fill(
                    _("the person is in the segment {segment}"),
                    segment=self._segment(node, catalogue),
                )
            case Group():
                return self._group(node, catalogue)

    def _fill(self, source: str, **places: str) -> str:
        return self.phrases.gettext(source).format(**places)

    def _segment(self, node: SegmentUse, catalogue: Catalogue) -> str:
        found = catalogue.segments.get(node.key)
        return quoted(found.name if found else node.key, self.phrases)

    def _denied(self, node: Node, catalogue: Catalogue) -> str:
        """Return that a tree is known and false."""
        match node:
            case Leaf():
                return Speaker(catalogue, self.phrases, self.tell).leaf(node, denied=True)
            case SegmentUse():
                return self._fill(
                    _("the person is not in the segment {segment}"),
                    segment=self._segment(node, catalogue),
                )
            case _:
                return self._fill(_("not ({condition})"), condition=self.tell(node, catalogue))

    def _group(self, group: Group, catalogue: Catalogue) -> str:
        if not group.children:
            return self._fill(_("nobody") if group.kind == "any" else _("everyone"))
        if group.kind == "none":
            parts = [self._denied(child, catalogue) for child in group.children]
        else:
            parts = [self._inner(child, catalogue) for child in group.children]
        together = _("{one}, or {another}") if group.kind == "any" else _("{one}, and {another}")
        told, *others = parts
        for other in others:
            told = self._fill(together, one=told, another=other)
        return told

    def _inner(self, node: Node, catalogue: Catalogue) -> str:
        words = self.tell(node, catalogue)
        joined = isinstance(node, Group) and len(node.children) > 1
        return f"({words})" if joined else words
