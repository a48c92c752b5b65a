"""The operators of numbers, and of what is counted of events."""

from typing import Final

from decisioning.rules.operators.operator import Operator, Said, Symbol
from decisioning.rules.operators.recurring import comparing, membership
from decisioning.rules.phrases import gettext_noop as _

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


AGGREGATE: Final = (*comparing(_NUMBER_LABELS, "number"), _between())
NUMBER: Final = (*AGGREGATE, *membership("numbers"))
