"""The one registry of operators, by family; parser, evaluator, compiler, builder and words read it."""

from typing import Final

from decisioning.rules.operators.booleans import BOOLEAN
from decisioning.rules.operators.dates import DATE
from decisioning.rules.operators.lists import LIST
from decisioning.rules.operators.numbers import AGGREGATE, NUMBER
from decisioning.rules.operators.operator import Family, Operator
from decisioning.rules.operators.places import PLACE
from decisioning.rules.operators.recurring import is_set
from decisioning.rules.operators.since import SINCE
from decisioning.rules.operators.texts import TEXT
from decisioning.rules.operators.versions import VERSION
from decisioning.specs import ValueType


def _keyed(*operators: Operator) -> dict[str, Operator]:
    return {operator.key: operator for operator in operators}


OPERATORS: Final[dict[Family, dict[str, Operator]]] = {
    "number": _keyed(*NUMBER, *is_set()),
    "text": _keyed(*TEXT, *is_set()),
    "boolean": _keyed(*BOOLEAN, *is_set()),
    "date": _keyed(*DATE, *is_set()),
    "list": _keyed(*LIST, *is_set()),
    "place": _keyed(*PLACE, *is_set()),
    "version": _keyed(*VERSION, *is_set()),
    "aggregate": _keyed(*AGGREGATE),
    "since": _keyed(*SINCE),
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
