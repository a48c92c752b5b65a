"""The only place that says what an operator is."""

import operator as op
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from decisioning.rules.constants import ConstantKind
from decisioning.specs import ValueType

# Attributes have the family of their type; "aggregate" and "since" are those of event conditions.
Family = ValueType | Literal["aggregate", "since"]
Symbol = Literal["eq", "ne", "lt", "lte", "gt", "gte"]
Comparison = tuple[Symbol, Any]  # with a number, text or boolean
Test = Callable[[Any, Any, float], bool]  # fact, prepared value, now in epoch seconds

DAY_S: Final = 86_400
IGNORING_CASE: Final = "_ignoring_case"  # ends the keys of operators that fold
COMPARE: Final[dict[Symbol, Callable[[Any, Any], Any]]] = {
    "eq": op.eq,
    "ne": op.ne,
    "lt": op.lt,
    "lte": op.le,
    "gt": op.gt,
    "gte": op.ge,
}
COMPLEMENT: Final[dict[Symbol, Symbol]] = {
    "eq": "ne",
    "ne": "eq",
    "lt": "gte",
    "gte": "lt",
    "lte": "gt",
    "gt": "lte",
}


def _unchanged(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Said:
    """How a condition reads: English sources with places for its {name} and its {value}.

    A pair of numbers fills {low} and {high}, a span of time {span} and {last} or {next}, a place {km} and {at}.
    """

    words: str  # "{name} is more than {value}"
    denied: str  # where the condition must be known and false
    one: str = ""  # the same of a list of one value; "" is no different
    one_denied: str = ""
    joint: Literal["or", "and", "nor"] = "or"  # before the last value of a list
    joint_denied: Literal["or", "and", "nor"] = "or"


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of a family; `test` is only asked about facts of the family's type."""

    key: str  # "any_of"
    label: str  # "is any of": stands in a menu between the name and the value
    constant: ConstantKind
    test: Test
    said: Said
    prepare: Callable[[Any], Any] = _unchanged  # the value, once, when a tree is read
    native: Callable[[Any], tuple[Comparison, ...]] | None = None  # all must hold; None: predicate
    presence: bool | None = None  # is_set True, is_not_set False, others None
