"""The only place that knows a rule while it is being edited: what was typed, node by node, and the edits of it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from decisioning.rules import limits

Kind = Literal["group", "leaf", "where", "then_where"]

# What one condition may hold, as typed. `value` may have several entries, the others have one.
FIELDS: Final = (
    "subject", "is", "value", "low", "high", "amount", "unit", "lat", "lon", "km",
    "measure", "property", "within", "within_unit", "then", "segment", "about", "seen", "raw",
    "of",
)  # fmt: skip
GROUP_KINDS: Final[frozenset[Kind]] = frozenset({"group", "where", "then_where"})
MAX_NODES: Final = 2 * limits.MAX_LEAVES
_NODE: Final = re.compile(r"(\d{1,6}):(\d{0,6}):(group|leaf|where|then_where)", re.ASCII)
_MATCHES: Final = ("all", "any", "none")
DAMAGED: Final = gettext_lazy("The page is damaged. Reload it and try again.")


class TreeError(ValueError):
    """A form that cannot be read, or an edit that would pass a limit; the message says what to do."""


class FormData(Protocol):
    """What Django's QueryDict and MultiValueDict have in common here."""

    def getlist(self, key: str) -> list[Any]: ...


@dataclass(slots=True)
class Node:
    """A group with children, or a condition whose children are the filters of its events."""

    id: int
    kind: Kind
    match: str = "all"  # of a group: all, any, none
    fields: dict[str, list[str]] = field(default_factory=dict)  # of a condition, as typed
    children: "list[Node]" = field(default_factory=list)

    def text(self, name: str) -> str:
        """Return what was typed into a field, "" where nothing was."""
        return next(iter(self.fields.get(name, ())), "")

    def child(self, kind: Kind) -> "Node | None":
        """Return the filter of that kind."""
        return next((one for one in self.children if one.kind == kind), None)

    def walk(self) -> "Iterator[Node]":
        """Yield this node and all below it, in page order."""
        yield self
        for child in self.children:
            yield from child.walk()


def new_tree() -> Node:
    """Return a root group without conditions."""
    return Node(1, "group")


def read_tree(data: FormData, name: str) -> Node:
    """Return the tree that a page posted for the builder called `name`.

    Raises:
        TreeError: not a tree, or larger than a condition may be.
    """
    entries = data.getlist(f"{name}-node")
    if len(entries) > MAX_NODES:
        raise TreeError(_too_many())
    nodes: dict[int, Node] = {}
    for entry in entries:
        match = _NODE.fullmatch(str(entry))
        if match is None:
            raise TreeError(DAMAGED)
        _attach(nodes, int(match[1]), match[2], _node(data, name, match))
    if not nodes:
        raise TreeError(_("The rule is missing from the page. Reload it and try again."))
    root = next(iter(nodes.values()))
    _check_depth(root)
    return root


def _node(data: FormData, name: str, match: "re.Match[str]") -> Node:
    number, kind = int(match[1]), match[3]
    prefix = f"{name}-{number}-"
    node = Node(number, kind)  # type: ignore[arg-type]  # the pattern admits kinds only
    if kind in GROUP_KINDS:
        node.match = str(next(iter(data.getlist(f"{prefix}match")), "all"))
        if node.match not in _MATCHES:
            raise TreeError(DAMAGED)
        return node
    for key in FIELDS:
        values = [str(value) for value in data.getlist(prefix + key)]
        if any(values):
            node.fields[key] = values
    return node


def _attach(nodes: dict[int, Node], number: int, parent: str, node: Node) -> None:
    above = nodes.get(int(parent)) if parent else None
    fits = _fits(above, node) if nodes else not parent and node.kind == "group"
    if number in nodes or not fits:
        raise TreeError(DAMAGED)
    nodes[number] = node
    if above is not None:
        above.children.append(node)


def _fits(above: Node | None, node: Node) -> bool:
    if above is None:
        return False
    if node.kind in ("where", "then_where"):
        return above.kind == "leaf" and above.child(node.kind) is None
    return above.kind in GROUP_KINDS


def add(root: Node, above: int, kind: Kind) -> Node:
    """Add a condition, a group or a filter with one empty condition inside; return what gets the focus.

    Raises:
        TreeError: nothing of that kind can be there, or the rule would pass a limit.
    """
    parent = _found(root, above)
    node = Node(_next_id(root), kind)
    if not _fits(parent, node):
        raise TreeError(_("That cannot be added here. Reload the page and try again."))
    parent.children.append(node)
    if kind in GROUP_KINDS:
        node.children.append(Node(node.id + 1, "leaf"))
    _check_size(root)
    return node.children[0] if node.children else node


def remove(root: Node, number: int) -> Node:
    """Take a node out; return the one that gets the focus: its follower, else its parent."""
    parent, index = _place(root, number)
    del parent.children[index]
    return parent.children[index] if index < len(parent.children) else parent


def move(root: Node, number: int, step: Literal[-1, 1]) -> Node:
    """Move a node past a neighbour; at the end of its group nothing happens."""
    parent, index = _place(root, number)
    other = index + step
    siblings = parent.children
    if 0 <= other < len(siblings):
        siblings[index], siblings[other] = siblings[other], siblings[index]
    return _found(root, number)


def move_out(root: Node, number: int) -> Node:
    """Move a node out of its group, in front of it; in the outermost group nothing happens."""
    parent, index = _place(root, number)
    if parent is root or parent.kind != "group":
        return _found(root, number)
    above, place = _place(root, parent.id)
    node = parent.children.pop(index)
    above.children.insert(place, node)
    return node


def move_into(root: Node, number: int) -> Node:
    """Move a node to the end of the group right above it; where there is none nothing happens.

    Raises:
        TreeError: groups would be too deep.
    """
    parent, index = _place(root, number)
    node = parent.children[index]
    above = parent.children[index - 1] if index else None
    if above is None or above.kind != "group" or node.kind not in ("group", "leaf"):
        return node
    del parent.children[index]
    above.children.append(node)
    _check_depth(root)
    return node


def graft(root: Node, above: int, twig: Node) -> Node:
    """Put a copy of a tree, such as a template's, at the end of a group; return the copy.

    Raises:
        TreeError: it cannot be there, or the rule would pass a limit.
    """
    parent = _found(root, above)
    if parent.kind not in GROUP_KINDS:
        raise TreeError(_("That cannot be added here. Reload the page and try again."))
    twin = _renumbered(twig, _next_id(root))
    parent.children.append(twin)
    _check_size(root)
    return twin


def _renumbered(node: Node, start: int) -> Node:
    twin = thaw(freeze(node))
    for number, one in enumerate(twin.walk(), start):
        one.id = number
    return twin


def copy(root: Node, number: int) -> Node:
    """Put a copy of a node behind it; return the copy.

    Raises:
        TreeError: the rule would pass a limit.
    """
    parent, index = _place(root, number)
    if parent.kind == "leaf":
        raise TreeError(_("A condition has one filter of each kind. Copy the condition instead."))
    twin = _renumbered(parent.children[index], _next_id(root))
    parent.children.insert(index + 1, twin)
    _check_size(root)
    return twin


def freeze(node: Node) -> list[Any]:
    """Return a node as JSON, for example ``[1, "group", "all", {}, [[2, "leaf", "all", {…}, []]]]``."""
    typed = {key: values for key, values in node.fields.items() if any(values)}
    return [node.id, node.kind, node.match, typed, [freeze(one) for one in node.children]]


def thaw(frozen: list[Any]) -> Node:
    """Return the node of `freeze`; fields are copied."""
    number, kind, match, fields, children = frozen
    return Node(
        number,
        kind,
        match,
        {key: list(values) for key, values in _items(fields)},
        [thaw(one) for one in children],
    )


def _items(fields: Mapping[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    yield from fields.items()


def _found(root: Node, number: int) -> Node:
    for node in root.walk():
        if node.id == number:
            return node
    raise TreeError(_("That part of the rule is no longer there."))


def _place(root: Node, number: int) -> tuple[Node, int]:
    for parent in root.walk():
        for index, child in enumerate(parent.children):
            if child.id == number:
                return parent, index
    raise TreeError(_("That part of the rule is no longer there."))


def _next_id(root: Node) -> int:
    return max(node.id for node in root.walk()) + 1


def _check_size(root: Node) -> None:
    leaves = sum(1 for node in root.walk() if node.kind == "leaf")
    if leaves > limits.MAX_LEAVES or sum(1 for _ in root.walk()) > MAX_NODES:
        raise TreeError(_too_many())
    _check_depth(root)


def _check_depth(root: Node) -> None:
    if _depth(root) > limits.MAX_DEPTH:
        raise TreeError(
            _(
                "Groups can be {MAX_DEPTH} deep. Make a segment of the inner ones and use it here."
            ).format(MAX_DEPTH=limits.MAX_DEPTH)
        )


def _depth(node: Node) -> int:
    below = max(map(_depth, node.children), default=0)
    return below + (1 if node.kind in GROUP_KINDS else 0)


def _too_many() -> str:
    return _(
        "A rule can have {MAX_LEAVES} conditions. Move some into a segment and use it here."
    ).format(MAX_LEAVES=limits.MAX_LEAVES)
