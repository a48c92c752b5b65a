"""The only place that expands a condition tree into paths of comparisons that the engine can join."""

import json
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, Final

from decisioning.rules.operators.operator import COMPLEMENT, Symbol
from decisioning.rules.operators.registry import TYPE_OF
from decisioning.rules.tree import Denied, Group, Leaf, Node, to_plain
from decisioning.specs import Condition, ValueType

MAX_PATHS: Final = 8  # of one rule; what has more becomes a predicate
MAX_ATOMS: Final = 60  # of one path


@dataclass(frozen=True, slots=True)
class Comparison:
    """A fact that the engine compares with a constant of the fact's own type."""

    fact: str
    type: ValueType
    symbol: Symbol
    value: float | int | str | bool

    def order(self) -> tuple[Any, ...]:
        return (0, self.fact, self.type, self.symbol, type(self.value).__name__, self.value)


@dataclass(frozen=True, slots=True)
class Computed:
    """A condition whose truth is handed to the engine as one boolean."""

    text: str  # plain form as JSON, sorted
    wanted: bool  # False: it must be known and false

    @property
    def condition(self) -> Condition:
        plain: Condition = json.loads(self.text)
        return plain

    def order(self) -> tuple[Any, ...]:
        return (1, self.text, self.wanted)


Atom = Comparison | Computed
Path = frozenset[Atom]
Paths = tuple[Path, ...]


def expand(tree: Node) -> Paths:
    """Return the paths of a tree in negation normal form; it matches where all atoms of a path hold.

    An empty path matches everyone; no path matches nobody. At most `MAX_PATHS` of `MAX_ATOMS` each.
    """
    paths = _paths(tree)
    return _computed(tree) if any(len(path) > MAX_ATOMS for path in paths) else paths


def _paths(tree: Node) -> Paths:
    match tree:
        case Leaf():
            return _leaf(tree, wanted=True)
        case Denied():
            return _leaf(tree.leaf, wanted=False)
        case Group(kind="any"):
            return _any(tree)
        case Group(kind="all"):
            return _all(tree)
        case _:
            raise TypeError("paths are made of trees in negation normal form")


def _leaf(leaf: Leaf, *, wanted: bool) -> Paths:
    if leaf.operator.native is None:
        return (frozenset({Computed(_text(leaf), wanted)}),)
    type_ = TYPE_OF[leaf.family]
    comparisons = leaf.operator.native(leaf.value)
    if wanted:
        return (frozenset(Comparison(leaf.fact, type_, *one) for one in comparisons),)
    # Not (a and b) is (not a) or (not b); each is false of a missing fact, as it must be.
    return tuple(
        frozenset({Comparison(leaf.fact, type_, COMPLEMENT[symbol], value)})
        for symbol, value in comparisons
    )


def _any(group: Group) -> Paths:
    found = tuple(dict.fromkeys(path for child in group.children for path in _paths(child)))
    return _computed(group) if len(found) > MAX_PATHS else found


def _all(group: Group) -> Paths:
    parts = [_paths(child) for child in group.children]
    while prod(map(len, parts)) > MAX_PATHS:
        widest = max(range(len(parts)), key=lambda number: len(parts[number]))
        parts[widest] = _computed(group.children[widest])
    return tuple(dict.fromkeys(frozenset().union(*chosen) for chosen in product(*parts)))


def _computed(tree: Node) -> Paths:
    return (frozenset({Computed(_text(tree), wanted=True)}),)


def _text(tree: Node) -> str:
    return json.dumps(to_plain(tree), sort_keys=True, separators=(",", ":"))
