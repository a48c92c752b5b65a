"""The only place that finds the smallest change of what is known that makes a condition true, or untrue; pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from decisioning.rules.membership import MEMBER
from decisioning.rules.operators.registry import TYPE_OF
from decisioning.rules.substitutes import ABSENT, edges_in_time, substitutes
from decisioning.rules.tree import Denied, Group, Leaf, Node, leaves, to_nnf
from decisioning.rules.truth import Truth, evaluate
from decisioning.rules.values import Facts, typed
from decisioning.rules.visibility import HIDDEN

WIDTH: Final = 12  # ways kept at each group, the cheapest; more would be slower, never wrong
LIST_REPAIRS: Final = 3
_WHOLE: Final = ("count", "distinct", "sessions", "session_number")
_NUMERIC: Final = ("number", "aggregate", "since", "date")


@dataclass(frozen=True, slots=True)
class Change:
    """One fact that would have to be another."""

    fact: str
    value: Any  # None: it would have to be unknown
    before: Any  # None: it is unknown
    literals: tuple[Leaf | Denied, ...]  # the conditions that the change makes true


@dataclass(frozen=True, slots=True)
class _Way:
    """Literals, by their numbers, that together make a node true, by fact; and what that costs."""

    wishes: Mapping[str, frozenset[int]]
    cost: float


def nearest(node: Node, facts: Facts, now: float, *, untrue: bool = False) -> tuple[Change, ...]:
    """Return the fewest and smallest changes after which the reference evaluator finds a tree true.

    With `untrue` the tree is false after them. Empty where it is so already, or where no change was found: what the
    purposes may not see cannot be changed. Facts are taken one by one: another aggregate of the same event stays as it is.
    """
    tree = to_nnf(node, negated=untrue)
    if evaluate(tree, facts, now) is Truth.TRUE:
        return ()
    search = _Search(facts, now)
    for way in search.ways(tree):
        changes = tuple(search.changes(way))
        changed = applied(facts, changes)
        if evaluate(tree, changed, now) is Truth.TRUE:
            return changes
    return ()


def applied(facts: Facts, changes: Iterable[Change]) -> dict[str, Any]:
    """Return the facts as they would be after the changes."""
    found = dict(facts)
    for change in changes:
        found.pop(change.fact, None)
        if change.value is not ABSENT:
            found[change.fact] = change.value
    return found


def nearest_time(node: Node, facts_at: Callable[[float], Facts], now: float) -> float | None:
    """Return the first moment after `now`, epoch seconds, at which time alone makes a tree true; None without one.

    `facts_at` gives what is known at a moment if nothing happens until then.
    """
    facts = facts_at(now)
    edges: set[float] = set()
    for leaf in leaves(node):
        fact = facts.get(leaf.fact)
        if isinstance(fact, int | float) and not isinstance(fact, bool):
            edges.update(edges_in_time(leaf, fact))
            if leaf.family == "since" and leaf.operator.native is not None:
                waits = [edge - fact for _, edge in leaf.operator.native(leaf.value)]
                edges.update(now + wait + more for wait in waits for more in (0, 1))
    later = sorted(edge for edge in edges if edge > now)
    return next((at for at in later if evaluate(node, facts_at(at), at) is Truth.TRUE), None)


class _Search:
    def __init__(self, facts: Facts, now: float) -> None:
        self.facts = facts
        self.now = now
        self.literals: list[Leaf | Denied] = []
        self.solved: dict[tuple[str, frozenset[int]], tuple[float, Any] | None] = {}

    def ways(self, node: Node) -> list[_Way]:
        """Return ways to make a tree in negation normal form true, the cheapest first."""
        if not isinstance(node, Group):
            return list(self._way_of_literal(node))
        if node.kind == "any":
            found = [way for child in node.children for way in self.ways(child)]
            return sorted(found, key=_cost)[:WIDTH]
        together = [_Way({}, 0.0)]
        for child in node.children:
            pairs = product(together, self.ways(child))
            joined = (self._join(one, other) for one, other in pairs)
            together = sorted((way for way in joined if way is not None), key=_cost)[:WIDTH]
        return together

    def _way_of_literal(self, node: Node) -> Iterator[_Way]:
        if not isinstance(node, Leaf | Denied):
            return
        leaf = node.leaf if isinstance(node, Denied) else node
        if leaf.fact.startswith((HIDDEN, MEMBER)):
            return
        self.literals.append(node)
        wishes = {leaf.fact: frozenset({len(self.literals) - 1})}
        way = self._priced(wishes)
        if way is not None:
            yield way

    def _join(self, one: _Way, other: _Way) -> _Way | None:
        wishes = dict(one.wishes)
        for fact, numbers in other.wishes.items():
            wishes[fact] = wishes.get(fact, frozenset()) | numbers
        return self._priced(wishes)

    def _priced(self, wishes: Mapping[str, frozenset[int]]) -> _Way | None:
        cost = 0.0
        for fact, numbers in wishes.items():
            found = self._solve(fact, numbers)
            if found is None:
                return None
            cost += found[0]
        return _Way(wishes, cost)

    def changes(self, way: _Way) -> Iterator[Change]:
        """Yield the changes that a way asks for."""
        for fact, numbers in way.wishes.items():
            found = self._solve(fact, numbers)
            if found is not None and found[0] > 0:
                literals = [self.literals[number] for number in sorted(numbers)]
                untrue = tuple(one for one in literals if not self._holds(one, self.facts))
                yield Change(fact, found[1], self.facts.get(fact), untrue)

    def _solve(self, fact: str, numbers: frozenset[int]) -> tuple[float, Any] | None:
        """Return cost and value of the allowed value next to the present one, None where nothing is allowed."""
        known = (fact, numbers)
        if known not in self.solved:
            self.solved[known] = self._find(fact, [self.literals[one] for one in sorted(numbers)])
        return self.solved[known]

    def _find(self, fact: str, literals: list[Leaf | Denied]) -> tuple[float, Any] | None:
        if all(self._holds(one, self.facts) for one in literals):
            return 0.0, self.facts.get(fact)
        read = [one.leaf if isinstance(one, Denied) else one for one in literals]
        current = typed(self.facts[fact], TYPE_OF[read[0].family]) if fact in self.facts else None
        for step in steps(read, current):
            tried = [
                (price(value, current, read[0]), value)
                for value in self._tries(read, current, step)
                if self._allowed(fact, value, literals)
            ]
            if tried:
                return min(tried, key=lambda pair: pair[0])
        return None

    def _tries(self, read: list[Leaf], current: Any, step: float) -> Iterator[Any]:
        for leaf in read:
            for value in substitutes(leaf, current, step=step, now=self.now):
                if is_possible(leaf, value):
                    yield value
        if read[0].family == "list":
            yield self._repaired(read, current)

    def _repaired(self, read: list[Leaf], current: Any) -> Any:
        """Return a list brought in line with one comparison after the other."""
        value = current if isinstance(current, list) else []
        for _ in range(LIST_REPAIRS):
            for leaf in read:
                if evaluate(leaf, {leaf.fact: value}, self.now) is not Truth.TRUE:
                    value = next(substitutes(leaf, value, step=1, now=self.now))
        return value

    def _allowed(self, fact: str, value: Any, literals: list[Leaf | Denied]) -> bool:
        facts = {} if value is ABSENT else {fact: value}
        return all(self._holds(one, facts) for one in literals)

    def _holds(self, literal: Leaf | Denied, facts: Facts) -> bool:
        return evaluate(literal, facts, self.now) is Truth.TRUE


def _cost(way: _Way) -> float:
    return way.cost


def is_possible(leaf: Leaf, value: Any) -> bool:
    """Return whether a fact can ever have this value: nothing is counted below 0, and only whole."""
    if leaf.aggregate is None or value is ABSENT or isinstance(value, bool):
        return True
    if leaf.aggregate.function in _WHOLE:
        return bool(value >= 0 and value == int(value))
    return leaf.family != "since" or bool(value >= 0)


def steps(read: list[Leaf], current: Any) -> tuple[float, ...]:
    """Return the differences to try on a fact, the one that people would write first."""
    if read[0].family not in ("number", "aggregate"):
        return (1,)
    said: list[Any] = [current]
    for leaf in read:
        said += leaf.value if isinstance(leaf.value, list) else [leaf.value]
    whole = all(one is None or isinstance(one, int) for one in said)
    return (1, 0.01, 0.000001) if whole else (0.01, 0.000001)


def price(value: Any, current: Any, leaf: Leaf) -> float:
    """Return what a change costs: one for each fact, and less than one for how far it goes."""
    if leaf.family in _NUMERIC and isinstance(value, int | float):
        if not isinstance(current, int | float):
            return 1.6 + 0.1 * _share(abs(value), 1.0)
        return 1.0 + 0.5 * _share(abs(value - current), abs(current))
    if value is ABSENT:
        return 1.9
    if isinstance(value, list) and isinstance(current, list):
        return 1.5 + 0.2 * _share(len(set(value) ^ set(current)), len(current))
    return 1.7


def _share(distance: float, scale: float) -> float:
    return distance / (distance + scale + 1)
