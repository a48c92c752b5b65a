"""The operators of dates; facts and prepared values are epoch seconds."""

from typing import Final

from decisioning.rules.durations import parse_duration
from decisioning.rules.operators.operator import COMPARE, DAY_S, Comparison, Operator, Said
from decisioning.rules.phrases import gettext_noop as _
from decisioning.rules.values import parse_date


def _start(value: str) -> float:
    return parse_date(value)[0]


def _after(value: str) -> Comparison:
    # "After 22 November" begins with the 23rd; after an instant begins right behind it.
    seconds, whole_day = parse_date(value)
    return ("gte", seconds + DAY_S) if whole_day else ("gt", seconds)


def _day(value: str) -> tuple[float, float]:
    start = _start(value) // DAY_S * DAY_S
    return start, start + DAY_S


DATE: Final = (
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
