"""The one registry of operators, by family; parser, evaluator, compiler, builder and words read it."""

import operator as op
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from decisioning.rules.constants import ConstantKind
from decisioning.rules.durations import parse_duration
from decisioning.rules.phrases import gettext_noop as _
from decisioning.rules.values import distance_km, parse_date, version_key
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


def _comparing(labels: Mapping[Symbol, str], constant: ConstantKind) -> tuple[Operator, ...]:
    """Return operators that compare a fact with a value as it is, and that the engine knows too."""
    return tuple(
        Operator(key, label, constant, _test(key), _compared(key, _COMPARED), native=_natively(key))
        for key, label in labels.items()
    )


_COMPARED: Final[dict[Symbol, str]] = {
    "eq": _("{name} is {value}"),
    "ne": _("{name} is not {value}"),
    "gt": _("{name} is more than {value}"),
    "gte": _("{name} is at least {value}"),
    "lt": _("{name} is less than {value}"),
    "lte": _("{name} is at most {value}"),
}


def _compared(symbol: Symbol, words: Mapping[Symbol, str]) -> Said:
    return Said(words[symbol], words[COMPLEMENT[symbol]])


def _test(symbol: Symbol) -> Test:
    compare = COMPARE[symbol]
    return lambda fact, value, now: bool(compare(fact, value))


def _natively(symbol: Symbol) -> Callable[[Any], tuple[Comparison, ...]]:
    return lambda value: ((symbol, value),)


def _is_set() -> tuple[Operator, ...]:
    def never(fact: Any, value: Any, now: float) -> bool:
        raise AssertionError("presence is decided before a fact is looked at")

    known, unknown = _("{name} is set"), _("{name} is not set")
    return (
        Operator("is_set", _("is set"), "none", never, Said(known, unknown), presence=True),
        Operator(
            "is_not_set", _("is not set"), "none", never, Said(unknown, known), presence=False
        ),
    )


# Numbers

_NUMBER_LABELS: Final[dict[Symbol, str]] = {
    "eq": _("is"),
    "ne": _("is not"),
    "gt": _("is more than"),
    "gte": _("is at least"),
    "lt": _("is less than"),
    "lte": _("is at most"),
}


def _between() -> Operator:
    return Operator(
        "between",
        _("is between"),
        "number_pair",
        lambda fact, value, now: bool(value[0] <= fact <= value[1]),
        Said(
            _("{name} is between {low} and {high}"),
            _("{name} is not between {low} and {high}"),
        ),
        native=lambda value: (("gte", value[0]), ("lte", value[1])),
    )


def _membership(constant: ConstantKind) -> tuple[Operator, ...]:
    one, not_one = _COMPARED["eq"], _COMPARED["ne"]
    many, none = _("{name} is {value}"), _("{name} is neither {value}")
    within = Said(many, none, one, not_one, "or", "nor")
    without = Said(none, many, not_one, one, "nor", "or")
    return (
        Operator("any_of", _("is any of"), constant, lambda f, v, now: f in v, within, frozenset),
        Operator(
            "none_of", _("is none of"), constant, lambda f, v, now: f not in v, without, frozenset
        ),
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
        key=f"{operator.key}{IGNORING_CASE}",
        label=f"{operator.label} (ignoring case)",
        test=test,
        prepare=prepare,
        native=None,
    )


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else [one.casefold() for one in value]


def _parts(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.split("*"))


_CONTAINS: Final = Said(_("{name} contains {value}"), _("{name} does not contain {value}"))
_STARTS: Final = Said(_("{name} starts with {value}"), _("{name} does not start with {value}"))
_ENDS: Final = Said(_("{name} ends with {value}"), _("{name} does not end with {value}"))
_MATCHES: Final = Said(_("{name} matches {value}"), _("{name} does not match {value}"))
_TEXT_EXACT: Final = (
    *_comparing({"eq": _("is"), "ne": _("is not")}, "text"),
    *_membership("texts"),
    Operator("contains", _("contains"), "text", lambda f, v, now: v in f, _CONTAINS),
    Operator("starts_with", _("starts with"), "text", lambda f, v, now: f.startswith(v), _STARTS),
    Operator("ends_with", _("ends with"), "text", lambda f, v, now: f.endswith(v), _ENDS),
    Operator(
        "matches",
        _("matches"),
        "pattern",
        lambda f, v, now: matches_pattern(f, v),
        _MATCHES,
        _parts,
    ),
)
_TEXT: Final = (*_TEXT_EXACT, *map(_ignoring_case, _TEXT_EXACT))


_SIZED: Final[dict[Symbol, str]] = {
    "eq": _("{name} has exactly {value}"),
    "ne": _("{name} does not have exactly {value}"),
    "gt": _("{name} has more than {value}"),
    "gte": _("{name} has at least {value}"),
    "lt": _("{name} has fewer than {value}"),
    "lte": _("{name} has at most {value}"),
}


def _sized(symbol: Symbol, label: str) -> Operator:
    compare = COMPARE[symbol]
    return Operator(
        f"size_{symbol}",
        label,
        "count",
        lambda f, v, now: bool(compare(len(f), v)),
        _compared(symbol, _SIZED),
    )


_SIZES: Final = (
    _sized("eq", _("has exactly")),
    _sized("gt", _("has more than")),
    _sized("gte", _("has at least")),
    _sized("lt", _("has fewer than")),
    _sized("lte", _("has at most")),
)
_HAS: Final = _CONTAINS.words
_LACKS: Final = _CONTAINS.denied
_HAS_NONE: Final = _("{name} contains neither {value}")
_LIST_EXACT: Final = (
    Operator("contains", _("contains"), "text", lambda f, v, now: v in f, _CONTAINS),
    Operator(
        "contains_any",
        _("contains any of"),
        "texts",
        lambda f, v, now: not v.isdisjoint(f),
        Said(_HAS, _HAS_NONE, _HAS, _LACKS, "or", "nor"),
        frozenset,
    ),
    Operator(
        "contains_all",
        _("contains all of"),
        "texts",
        lambda f, v, now: v.issubset(f),
        Said(_HAS, _("{name} does not contain all of {value}"), _HAS, _LACKS, "and", "and"),
        frozenset,
    ),
    Operator(
        "contains_none",
        _("contains none of"),
        "texts",
        lambda f, v, now: v.isdisjoint(f),
        Said(_HAS_NONE, _HAS, _LACKS, _HAS, "nor", "or"),
        frozenset,
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
        _("is before"),
        "date",
        lambda fact, value, now: bool(fact < value),
        Said(_("{name} is before {value}"), _("{name} is not before {value}")),
        _start,
        native=lambda value: (("lt", _start(value)),),
    ),
    Operator(
        "after",
        _("is after"),
        "date",
        lambda fact, value, now: bool(COMPARE[value[0]](fact, value[1])),
        Said(_("{name} is after {value}"), _("{name} is not after {value}")),
        _after,
        native=lambda value: (_after(value),),
    ),
    Operator(
        "on",
        _("is on"),
        "date",
        lambda f, v, now: bool(v[0] <= f < v[1]),
        Said(_("{name} is on {value}"), _("{name} is not on {value}")),
        _day,
    ),
    Operator(
        "within_last",
        _("is within the last"),
        "duration",
        lambda fact, value, now: bool(now - value <= fact <= now),
        Said(_("{name} was {last}"), _("{name} was not {last}")),
        parse_duration,
    ),
    Operator(
        "more_than_ago",
        _("is longer ago than"),
        "duration",
        lambda fact, value, now: bool(fact < now - value),
        Said(_("{name} was more than {span} ago"), _("{name} was not more than {span} ago")),
        parse_duration,
    ),
    Operator(
        "within_next",
        _("is within the next"),
        "duration",
        lambda fact, value, now: bool(now < fact <= now + value),
        Said(_("{name} is {next}"), _("{name} is not {next}")),
        parse_duration,
    ),
)


# Place, version, time since an event


def _near(fact: tuple[float, float], value: dict[str, float], now: float) -> bool:
    return distance_km(fact, (value["lat"], value["lon"])) <= value["km"]


_VERSIONED: Final[dict[Symbol, str]] = {
    "eq": _("{name} is {value}"),
    "ne": _("{name} is not {value}"),
    "gt": _("{name} is newer than {value}"),
    "gte": _("{name} is {value} or newer"),
    "lt": _("{name} is older than {value}"),
    "lte": _("{name} is {value} or older"),
}


def _versioned(symbol: Symbol, label: str) -> Operator:
    compare = COMPARE[symbol]
    return Operator(
        symbol,
        label,
        "version",
        lambda fact, value, now: bool(compare(version_key(fact), value)),
        _compared(symbol, _VERSIONED),
        version_key,
    )


# The event stands in for {name}: "{name} less than 5 days ago" is "the person last bought …".
_AGO: Final[dict[Symbol, str]] = {
    "lt": _("less than {span} ago"),
    "lte": _("at most {span} ago"),
    "gt": _("more than {span} ago"),
    "gte": _("at least {span} ago"),
}


def _since(symbol: Symbol, label: str) -> Operator:
    return Operator(
        symbol,
        label,
        "duration",
        _test(symbol),
        _compared(symbol, _AGO),
        parse_duration,
        native=lambda value: ((symbol, parse_duration(value)),),
    )


_VERSION: Final = (
    _versioned("eq", _("is")),
    _versioned("ne", _("is not")),
    _versioned("gt", _("is newer than")),
    _versioned("gte", _("is at least")),
    _versioned("lt", _("is older than")),
    _versioned("lte", _("is at most")),
)
_SINCE: Final = (
    _since("lt", _("less than")),
    _since("lte", _("at most")),
    _since("gt", _("more than")),
    _since("gte", _("at least")),
)
_NEAR: Final = Said(
    _("{name} is within {km} km of {at}"),
    _("{name} is not within {km} km of {at}"),
)
# Yes and no are each other's denial, so the value is turned round instead.
_TOLD: Final = Said(_("{name}: {value}"), _("{name}: {value}"))


def _keyed(*operators: Operator) -> dict[str, Operator]:
    return {operator.key: operator for operator in operators}


OPERATORS: Final[dict[Family, dict[str, Operator]]] = {
    "number": _keyed(*_NUMBER, *_is_set()),
    "text": _keyed(*_TEXT, *_is_set()),
    "boolean": _keyed(replace(*_comparing({"eq": _("is")}, "boolean"), said=_TOLD), *_is_set()),
    "date": _keyed(*_DATE, *_is_set()),
    "list": _keyed(*_LIST, *_is_set()),
    "place": _keyed(Operator("within_km", _("is within"), "place", _near, _NEAR), *_is_set()),
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
