"""The operators that recur in several families: comparisons, presence, membership, and ignoring case."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from decisioning.rules.constants import ConstantKind
from decisioning.rules.operators.operator import (
    COMPARE,
    COMPLEMENT,
    IGNORING_CASE,
    Comparison,
    Operator,
    Said,
    Symbol,
    Test,
)
from decisioning.rules.phrases import gettext_noop as _


def comparing(labels: Mapping[Symbol, str], constant: ConstantKind) -> tuple[Operator, ...]:
    """Return operators that compare a fact with a value as it is, and that the engine knows too."""
    return tuple(
        Operator(key, label, constant, testing(key), compared(key, COMPARED), native=_natively(key))
        for key, label in labels.items()
    )


COMPARED: Final[dict[Symbol, str]] = {
    "eq": _("{name} is {value}"),
    "ne": _("{name} is not {value}"),
    "gt": _("{name} is more than {value}"),
    "gte": _("{name} is at least {value}"),
    "lt": _("{name} is less than {value}"),
    "lte": _("{name} is at most {value}"),
}


def compared(symbol: Symbol, words: Mapping[Symbol, str]) -> Said:
    """Return how a comparison reads: it is denied by the words of its complement."""
    return Said(words[symbol], words[COMPLEMENT[symbol]])


def testing(symbol: Symbol) -> Test:
    """Return the test that compares a fact with a value as it is."""
    compare = COMPARE[symbol]
    return lambda fact, value, now: bool(compare(fact, value))


def _natively(symbol: Symbol) -> Callable[[Any], tuple[Comparison, ...]]:
    return lambda value: ((symbol, value),)


def is_set() -> tuple[Operator, ...]:
    """Return the two operators that ask whether a fact is known."""

    def never(fact: Any, value: Any, now: float) -> bool:
        raise AssertionError("presence is decided before a fact is looked at")

    known, unknown = _("{name} is set"), _("{name} is not set")
    return (
        Operator("is_set", _("is set"), "none", never, Said(known, unknown), presence=True),
        Operator(
            "is_not_set", _("is not set"), "none", never, Said(unknown, known), presence=False
        ),
    )


def membership(constant: ConstantKind) -> tuple[Operator, ...]:
    """Return the two operators that look a fact up among several values."""
    one, not_one = COMPARED["eq"], COMPARED["ne"]
    many, none = _("{name} is {value}"), _("{name} is neither {value}")
    within = Said(many, none, one, not_one, "or", "nor")
    without = Said(none, many, not_one, one, "nor", "or")
    return (
        Operator("any_of", _("is any of"), constant, lambda f, v, now: f in v, within, frozenset),
        Operator(
            "none_of", _("is none of"), constant, lambda f, v, now: f not in v, without, frozenset
        ),
    )


CONTAINS: Final = Operator(
    "contains",
    _("contains"),
    "text",
    lambda f, v, now: v in f,
    Said(_("{name} contains {value}"), _("{name} does not contain {value}")),
)


def ignoring_case(operator: Operator) -> Operator:
    """Return the operator that does the same whatever case the fact and the value are in."""

    def prepare(value: Any) -> Any:
        return operator.prepare(_folded(value))

    def test(fact: Any, value: Any, now: float) -> bool:
        return operator.test(_folded(fact), value, now)

    return replace(
        operator,
        key=f"{operator.key}{IGNORING_CASE}",
        label=f"{operator.label} (ignoring case)",
        test=test,
        prepare=prepare,
        native=None,
    )


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else [one.casefold() for one in value]
