"""The operators of versions, e.g. of an app: 2.10 is newer than 2.9."""

from typing import Final

from decisioning.rules.operators.operator import COMPARE, Operator, Symbol
from decisioning.rules.operators.recurring import compared
from decisioning.rules.phrases import gettext_noop as _
from decisioning.rules.values import version_key

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
        compared(symbol, _VERSIONED),
        version_key,
    )


VERSION: Final = (
    _versioned("eq", _("is")),
    _versioned("ne", _("is not")),
    _versioned("gt", _("is newer than")),
    _versioned("gte", _("is at least")),
    _versioned("lt", _("is older than")),
    _versioned("lte", _("is at most")),
)
