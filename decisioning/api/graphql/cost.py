"""The only place that says what a GraphQL query may cost: its depth, and how much it could make the server read; pure."""

from collections.abc import Mapping
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

MAX_DEPTH: Final = 6
MAX_COST: Final = 2_000
MOST: Final = 100  # rows of a list
USUAL: Final = 10  # where a list is asked for without `first`
LISTS: Final = frozenset({"events", "orders", "decisions"})  # one row in all where `first` is 1
STEEP: Final = {"profile": 10, "segments": 20, "aggregates": 20}  # they read a store or compute


class TooDear(Exception):
    """A query that is refused before anything is read; the message says what to leave out."""


def check(
    document: DocumentNode, *, operation: str | None, variables: Mapping[str, Any]
) -> tuple[int, int]:
    """Return depth and cost of a valid document's operation; introspection costs nothing and is not deep.

    A field costs 1, or what STEEP says, and what is below a list counts once for each row that it may have.

    Raises:
        TooDear: deeper than MAX_DEPTH, or dearer than MAX_COST.
    """
    fragments = {
        one.name.value: one
        for one in document.definitions
        if isinstance(one, FragmentDefinitionNode)
    }
    weighed = [
        _Weigher(fragments, variables).of(one.selection_set)
        for one in document.definitions
        if isinstance(one, OperationDefinitionNode) and operation in (None, _name(one))
    ]
    depth = max((one[0] for one in weighed), default=0)
    cost = max((one[1] for one in weighed), default=0)
    if depth > MAX_DEPTH:
        raise TooDear(f"The query is {depth} fields deep; at most {MAX_DEPTH} are answered.")
    if cost > MAX_COST:
        raise TooDear(
            f"The query costs {cost:,}; at most {MAX_COST:,} is answered. Ask for fewer fields or rows."
        )
    return depth, cost


def _name(one: OperationDefinitionNode) -> str | None:
    return one.name.value if one.name is not None else None


class _Weigher:
    """Weighs selections; fragments of a valid document never go round in circles."""

    def __init__(
        self, fragments: Mapping[str, FragmentDefinitionNode], variables: Mapping[str, Any]
    ) -> None:
        self._fragments = fragments
        self._variables = variables
        self._known: dict[str, tuple[int, int]] = {}  # of fragments, which may be named often

    def of(self, selections: SelectionSetNode | None) -> tuple[int, int]:
        """Return depth and cost."""
        depth = cost = 0
        for one in selections.selections if selections is not None else ():
            deep, dear = self._one(one)
            depth, cost = max(depth, deep), cost + dear
        return depth, cost

    def _one(self, one: Any) -> tuple[int, int]:
        if isinstance(one, FieldNode):
            return self._field(one)
        if isinstance(one, InlineFragmentNode):
            return self.of(one.selection_set)
        assert isinstance(one, FragmentSpreadNode)  # noqa: S101  # there is no fourth kind
        name = one.name.value
        if name not in self._known:
            self._known[name] = self.of(self._fragments[name].selection_set)
        return self._known[name]

    def _field(self, one: FieldNode) -> tuple[int, int]:
        name = one.name.value
        if name.startswith("__"):
            return 0, 0
        depth, cost = self.of(one.selection_set)
        rows = self._first(one) if name in LISTS else 1
        return depth + 1, STEEP.get(name, 1) + rows * cost

    def _first(self, one: FieldNode) -> int:
        for argument in one.arguments or ():
            if argument.name.value == "first":
                return min(MOST, max(1, self._number(argument.value)))
        return USUAL

    def _number(self, value: Any) -> int:
        if isinstance(value, IntValueNode):
            return int(value.value)
        said = self._variables.get(value.name.value) if isinstance(value, VariableNode) else None
        return said if isinstance(said, int) else MOST
