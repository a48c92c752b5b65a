"""The only place that compares two versions for a reader: texts word by word, conditions by what they say.

A condition that stands in another group than before is moved, not removed and added.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from django.utils.translation import gettext as _

from decisioning.rules.words import HEADINGS
from decisioning.specs import Condition

Mark = Literal["", "added", "removed", "changed", "moved"]
Words = Callable[[Condition], str]
GROUPS = ("all", "any", "none")
ALIKE = 0.35  # share of words that two texts have in common before they are worth comparing


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text, marked where it is on one side only."""

    text: str
    mark: Mark = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of one side."""

    spans: tuple[Span, ...]
    mark: Mark = ""
    indent: int = 0
    note: str = ""  # e.g. "moved from: At least one of these must be true"


@dataclass(eq=False, slots=True)
class _Node:
    kind: str  # "all", "any", "none" or "leaf"
    words: str
    content: str  # canonical JSON
    subject: str  # what a leaf looks at; "" of a group
    indent: int
    parent: "_Node | None" = None
    inside: set[str] = field(default_factory=set)  # contents of all leaves below
    twin: "_Node | None" = None  # the same on the other side

    @property
    def is_group(self) -> bool:
        return self.kind != "leaf"


def compare_texts(before: str, after: str) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Return both texts with the words marked that only one of them has; "" gives no row."""
    if not before or not after:
        return _one(before, "removed"), _one(after, "added")
    was, now = compare_words(before, after)
    return (Row(was, "changed"),), (Row(now, "changed"),)


def _one(text: str, mark: Mark) -> tuple[Row, ...]:
    return (Row((Span(text),), mark),) if text else ()


def compare_words(before: str, after: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Return the spans of both texts; wholly marked where they have little in common."""
    old, new = re.findall(r"\s+|\w+|[^\w\s]", before), re.findall(r"\s+|\w+|[^\w\s]", after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < ALIKE:
        return (Span(before, "removed"),), (Span(after, "added"),)
    was, now = [], []
    for tag, i, j, k, m in matcher.get_opcodes():
        was.append(Span("".join(old[i:j]), "" if tag == "equal" else "removed"))
        now.append(Span("".join(new[k:m]), "" if tag == "equal" else "added"))
    return tuple(span for span in was if span.text), tuple(span for span in now if span.text)


def compare_conditions(
    before: Condition | None, after: Condition | None, *, words: Words
) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Return both trees as rows, in reading order; None is a side that is not there."""
    old = list(_flat(before, words)) if before is not None else []
    new = list(_flat(after, words)) if after is not None else []
    if old and new:
        _pair(old, new)
    return tuple(_row(one, "removed") for one in old), tuple(_row(one, "added") for one in new)


def _flat(condition: Condition, words: Words) -> Iterator[_Node]:
    kind = _kind(condition)
    root = condition if kind else {"all": [condition] if condition else []}
    yield from _nodes(root, words, None, 0)


def _kind(condition: Condition) -> str:
    return next((kind for kind in GROUPS if isinstance(condition.get(kind), list)), "")


def _nodes(
    condition: Condition, words: Words, parent: _Node | None, indent: int
) -> Iterator[_Node]:
    kind, content = _kind(condition), json.dumps(condition, sort_keys=True)
    if not kind or (parent and not condition[kind]):  # an empty group says as much as a leaf
        yield _Node("leaf", words(condition), content, _subject(condition), indent, parent)
        _tell_parents(parent, content)
        return
    children = condition[kind]
    node = _Node(
        kind, _(HEADINGS[kind]) if children else words(condition), content, "", indent, parent
    )
    yield node
    for child in children:
        yield from _nodes(child, words, node, indent + 1)


def _tell_parents(parent: _Node | None, content: str) -> None:
    while parent is not None:
        parent.inside.add(content)
        parent = parent.parent


def _subject(leaf: Condition) -> str:
    return next(
        (f"{key}:{leaf[key]}" for key in ("attribute", "event", "segment") if key in leaf), ""
    )


def _pair(old: list[_Node], new: list[_Node]) -> None:
    _join(old[0], new[0])
    _pair_leaves(old, new, lambda a, b: a.content == b.content and _path(a) == _path(b))
    _pair_leaves(old, new, lambda a, b: a.content == b.content)
    _pair_groups(old, new)
    _pair_leaves(old, new, lambda a, b: a.subject == b.subject and _is_home(a, b))
    _pair_leaves(old, new, lambda a, b: a.subject == b.subject)


def _join(one: _Node, other: _Node) -> None:
    one.twin, other.twin = other, one


def _path(node: _Node) -> tuple[str, ...]:
    return (*_path(node.parent), node.parent.kind) if node.parent else ()


def _is_home(one: _Node, other: _Node) -> bool:
    return one.parent is not None and one.parent.twin is other.parent


def _pair_leaves(old: list[_Node], new: list[_Node], fit: Callable[[_Node, _Node], bool]) -> None:
    for one in old:
        if one.is_group or one.twin:
            continue
        free = (other for other in new if not other.is_group and not other.twin)
        other = next((other for other in free if fit(one, other)), None)
        if other:
            _join(one, other)


def _pair_groups(old: list[_Node], new: list[_Node]) -> None:
    """Pair the groups that share the most conditions, the fullest first."""
    pairs = [
        (len(one.inside & other.inside), one.kind == other.kind, -number, one, other)
        for number, one in enumerate(old)
        for other in new
        if one.is_group and other.is_group and one.inside & other.inside
    ]
    for *_rank, one, other in sorted(pairs, key=lambda pair: pair[:3], reverse=True):
        if not one.twin and not other.twin:
            _join(one, other)


def _row(node: _Node, alone: Mark) -> Row:
    twin = node.twin
    if twin is None:
        return Row((Span(node.words),), alone, node.indent)
    spans = _spans(node, twin, alone)
    if node.parent and twin.parent and node.parent.twin is not twin.parent:
        words = _("moved to: %(group)s") if alone == "removed" else _("moved from: %(group)s")
        return Row(spans, "moved", node.indent, words % {"group": twin.parent.words})
    return Row(spans, "changed" if node.words != twin.words else "", node.indent)


def _spans(node: _Node, twin: _Node, alone: Mark) -> tuple[Span, ...]:
    if node.words == twin.words:
        return (Span(node.words),)
    if alone == "removed":
        return compare_words(node.words, twin.words)[0]
    return compare_words(twin.words, node.words)[1]
