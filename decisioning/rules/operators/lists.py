"""The operators of lists of texts: what they contain, and how many."""

from typing import Final

from decisioning.rules.operators.operator import COMPARE, Operator, Said, Symbol
from decisioning.rules.operators.recurring import CONTAINS, compared, ignoring_case
from decisioning.rules.phrases import gettext_noop as _

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
        compared(symbol, _SIZED),
    )


_SIZES: Final = (
    _sized("eq", _("has exactly")),
    _sized("gt", _("has more than")),
    _sized("gte", _("has at least")),
    _sized("lt", _("has fewer than")),
    _sized("lte", _("has at most")),
)
_HAS: Final = CONTAINS.said.words
_LACKS: Final = CONTAINS.said.denied
_HAS_NONE: Final = _("{name} contains neither {value}")
_LIST_EXACT: Final = (
    CONTAINS,
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
LIST: Final = (*_LIST_EXACT, *map(ignoring_case, _LIST_EXACT), *_SIZES)
