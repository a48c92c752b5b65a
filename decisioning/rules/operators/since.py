"""The operators of the time since an event."""

from typing import Final

from decisioning.rules.durations import parse_duration
from decisioning.rules.operators.operator import Operator, Symbol
from decisioning.rules.operators.recurring import compared, testing
from decisioning.rules.phrases import gettext_noop as _

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
        testing(symbol),
        compared(symbol, _AGO),
        parse_duration,
        native=lambda value: ((symbol, parse_duration(value)),),
    )


SINCE: Final = (
    _since("lt", _("less than")),
    _since("lte", _("at most")),
    _since("gt", _("more than")),
    _since("gte", _("at least")),
)
