"""The one registry of operators, by family; parser, evaluator, compiler, builder and words read it."""

import operator as op
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from decisioning.rules.constants import ConstantKind
from decisioning.rules.durations import parse_duration
from decisioning.rules.values import distance_km, parse_date, version_key
from decisioning.specs import ValueType

# Attributes have the family of their type; "aggregate" and "since" are those of event conditions.
Family = ValueType | Literal["aggregate", "since"]
Symbol = Literal["eq", "ne", "lt", "lte", "gt", "gte"]
Comparison = tuple[Symbol, Any]  # with a number, text or boolean
Test = Callable[[Any, Any, float], bool]  # fact, prepared value, now in epoch seconds

DAY_S: Final = 86_400
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
class Operator:
    """One operator of a family; `test` is only asked about facts of the family's type."""

    key: str  # "any_of"
    label: str  # "is any of": stands between the name and the value
    constant: ConstantKind
    test: Test
    prepare: Callable[[Any], Any] = _unchanged  # the value, once, when a tree is read
    native: Callable[[Any], tuple[Comparison, ...]] | None = None  # all must hold; None: predicate
    presence: bool | None = None  # is_set True, is_not_set False, others None


def _comparing(labels: Mapping[Symbol, str], constant: ConstantKind) -> tuple[Operator, ...]:
    """Return operators that compare a fact with a value as it is, and that the engine knows too."""
    return tuple(
        Operator(key, label, constant, _test(key), native=_natively(key))
        for key, label in labels.items()
    )


def _test(symbol: Symbol) -> Test:
    compare = COMPARE[symbol]
    return lambda fact, value, now: bool(compare(fact, value))


def _natively(symbol: Symbol) -> Callable[[Any], tuple[Comparison, ...]]:
    return lambda value: ((symbol, value),)


def _is_set() -> tuple[Operator, ...]:
    def never(fact: Any, value: Any, now: float) -> bool:
        raise AssertionError("presence is decided before a fact is looked at")

    return (
        Operator("is_set", "is set", "none", never, presence=True),
        Operator("is_not_set", "is not set", "none", never, presence=False),
    )


# Numbers

_NUMBER_LABELS: Final[dict[Symbol, str]] = {
    "eq": "is",
    "ne": "is not",
    "gt": "is more than",
    "gte": "is at least",
    "lt": "is less than",
    "lte": "is at most",
}


def _between() -> Operator:
    return Operator(
        "between",
        "is between",
        "number_pair",
        lambda fact, value, now: bool(value[0] <= fact <= value[1]),
        native=lambda value: (("gte", value[0]), ("lte", value[1])),
    )


def _membership(constant: ConstantKind) -> tuple[Operator, ...]:
    return (
        Operator("any_of", "is any of", constant, lambda f, v, now: f in v, frozenset),
        Operator("none_of", "is none of", constant, lambda f, v, now: f not in v, frozenset),
    )


_AGGREGATE: Final = (*_comparing(_NUMBER_LABELS, "number"), _between())
_NUMBER: Final = (*_AGGREGATE, *_membership("numbers"))


# Text and lists of text


def matches_pattern(text: str, parts: tuple[str, ...]) -> bool:
    """Return whether `text` is `parts` in order with anything between them.

    Linear in the text for each part: there is no backtracking to be trapped in.

    >>> matches_pattern("/shop/tents/2", ("/shop/", "/2"))
    True
    """
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    at, end = len(first), len(text) - len(last)
    if at > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _ignoring_case(operator: Operator) -> Operator:
    def prepare(value: Any) -> Any:
        return operator.prepare(_folded(value))

    def test(fact: Any, value: Any, now: float) -> bool:
        return operator.test(_folded(fact), value, now)

    return replace(
        operator,
        key=f"{operator.key}_ignoring_case",
        label=f"{operator.label} (ignoring case)",
        test=test,
        prepare=prepare,
        native=None,
    )


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else [one.casefold() for one in value]


def _parts(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.split("*"))


_TEXT_EXACT: Final = (
    *_comparing({"eq": "is", "ne": "is not"}, "text"),
    *_membership("texts"),
    Operator("contains", "contains", "text", lambda f, v, now: v in f),
    Operator("starts_with", "starts with", "text", lambda f, v, now: f.startswith(v)),
    Operator("ends_with", "ends with", "text", lambda f, v, now: f.endswith(v)),
    Operator("matches", "matches", "pattern", lambda f, v, now: matches_pattern(f, v), _parts),
)
_TEXT: Final = (*_TEXT_EXACT, *map(_ignoring_case, _TEXT_EXACT))


def _sized(symbol: Symbol, label: str) -> Operator:
    compare = COMPARE[symbol]
    return Operator(f"size_{symbol}", label, "count", lambda f, v, now: bool(compare(len(f), v)))


_SIZES: Final = (
    _sized("eq", "has exactly"),
    _sized("gt", "has more than"),
    _sized("gte", "has at least"),
    _sized("lt", "has fewer than"),
    _sized("lte", "has at most"),
)
_LIST_EXACT: Final = (
    Operator("contains", "contains", "text", lambda f, v, now: v in f),
    Operator(
        "contains_any",
        "contains any of",
        "texts",
        lambda f, v, now: not v.isdisjoint(f),
        frozenset,
    ),
    Operator(
        "contains_all", "contains all of", "texts", lambda f, v, now: v.issubset(f), frozenset
    ),
    Operator(
        "contains_none", "contains none of", "texts", lambda f, v, now: v.isdisjoint(f), frozenset
    ),
)
_LIST: Final = (*_LIST_EXACT, *map(_ignoring_case, _LIST_EXACT), *_SIZES)


# Dates: facts and prepared values are epoch seconds


def _start(value: str) -> float:
    return parse_date(value)[0]


def _after(value: str) -> Comparison:
    # "After 22 November" begins with the 23rd; after an instant begins right behind it.
    seconds, whole_day = parse_date(value)
    return ("gte", seconds + DAY_S) if whole_day else ("gt", seconds)


def _day(value: str) -> tuple[float, float]:
    start = _start(value) // DAY_S * DAY_S
    return start, start + DAY_S


_DATE: Final = (
    Operator(
        "before",
        "is before",
        "date",
        lambda fact, value, now: bool(fact < value),
        _start,
        native=lambda value: (("lt", _start(value)),),
    ),
    Operator(
        "after",
        "is after",
        "date",
        lambda fact, value, now: bool(COMPARE[value[0]](fact, value[1])),
        _after,
        native=lambda value: (_after(value),),
    ),
    Operator("on", "is on", "date", lambda f, v, now: bool(v[0] <= f < v[1]), _day),
    Operator(
        "within_last",
        "is within the last",
        "duration",
        lambda fact, value, now: bool(now - value <= fact <= now),
        parse_duration,
    ),
    Operator(
        "more_than_ago",
        "is longer ago than",
        "duration",
        lambda fact, value, now: bool(fact < now - value),
        parse_duration,
    ),
    Operator(
        "within_next",
        "is within the next",
        "duration",
        lambda fact, value, now: bool(now < fact <= now + value),
        parse_duration,
    ),
)


# Place, version, time since an event


def _near(fact: tuple[float, float], value: dict[str, float], now: float) -> bool:
    return distance_km(fact, (value["lat"], value["lon"])) <= value["km"]


def _versioned(symbol: Symbol, label: str) -> Operator:
    compare = COMPARE[symbol]
    return Operator(
        symbol,
        label,
        "version",
        lambda fact, value, now: bool(compare(version_key(fact), value)),
        version_key,
    )


def _since(symbol: Symbol, label: str) -> Operator:
    return Operator(
        symbol,
        label,
        "duration",
        _test(symbol),
        parse_duration,
        native=lambda value: ((symbol, parse_duration(value)),),
    )


_VERSION: Final = (
    _versioned("eq", "is"),
    _versioned("ne", "is not"),
    _versioned("gt", "is newer than"),
    _versioned("gte", "is at least"),
    _versioned("lt", "is older than"),
    _versioned("lte", "is at most"),
)
_SINCE: Final = (
    _since("lt", "less than"),
    _since("lte", "at most"),
    _since("gt", "more than"),
    _since("gte", "at least"),
)


def _keyed(*operators: Operator) -> dict[str, Operator]:
    return {operator.key: operator for operator in operators}


OPERATORS: Final[dict[Family, dict[str, Operator]]] = {
    "number": _keyed(*_NUMBER, *_is_set()),
    "text": _keyed(*_TEXT, *_is_set()),
    "boolean": _keyed(*_comparing({"eq": "is"}, "boolean"), *_is_set()),
    "date": _keyed(*_DATE, *_is_set()),
    "list": _keyed(*_LIST, *_is_set()),
    "place": _keyed(Operator("within_km", "is within", "place", _near), *_is_set()),
    "version": _keyed(*_VERSION, *_is_set()),
    "aggregate": _keyed(*_AGGREGATE),
    "since": _keyed(*_SINCE),
}
TYPE_OF: Final[dict[Family, ValueType]] = {
    "number": "number",
    "text": "text",
    "boolean": "boolean",
    "date": "date",
    "list": "list",
    "place": "place",
    "version": "version",
    "aggregate": "number",
    "since": "number",
}
