"""Translates GrowthBook conditions into ours.

Source: GrowthBook SDK specification 0.8.0, section evalCondition.
"""

import re

from decisioning.rules.values import typed
from tests.peers.judging import EVERYONE, OutOfScope, Translation, anything, everything, opposite

COMPARISONS = {"$lt": "lt", "$lte": "lte", "$gt": "gt", "$gte": "gte"}
VERSIONS = {f"$v{key}": key for key in ("eq", "ne", "lt", "lte", "gt", "gte")}
LITERAL = re.compile(r"\^?\(?([\w /@:|,-]+)\)?\$?")

TYPES_MIX = "compares values of different types: we coerce nothing"
WHOLE = "compares whole lists or objects"
ELEMENTS = "looks inside the elements of a list"
REGEX = "a regular expression with more than anchors and alternatives: our patterns know only *"
ORDER = "orders texts"
MISSING_ZERO = "counts something missing as 0"
NOT_SEMVER = "not a semantic version"
MALFORMED = "malformed: we refuse it when it is saved"
TYPE_OPERATOR = "asks for the type of a value: ours is fixed by the catalogue"
TEXT_LISTS = "a list of other things than texts"


def matches(case):
    """Return whether we match a case ``(condition, attributes, saved groups)``."""
    return _GrowthBook(*case).judge()


def family(value):
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
        case _:
            raise OutOfScope(WHOLE)


class _GrowthBook(Translation):
    def __init__(self, condition, data, groups):
        super().__init__()
        self.condition, self.data, self.groups = condition, data, groups

    def judge(self):
        return super().judge(self.tree(self.condition))

    def not_(self, condition):
        return opposite(condition, self.never())

    def tree(self, condition):
        return everything(*(self.clause(key, value) for key, value in condition.items()))

    def clause(self, key, value):
        if key == "$and":
            return everything(*map(self.tree, value))
        if key in ("$or", "$nor"):
            found = anything(*map(self.tree, value)) if value else EVERYONE
            return found if key == "$or" else self.not_(found)
        if key == "$not":
            return self.not_(self.tree(value))
        return self.value(key, value)

    def fact(self, path):
        found = self.data
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return found

    def value(self, path, wanted):
        if isinstance(wanted, dict) and wanted and all(key[:1] == "$" for key in wanted):
            return everything(*(self.operator(path, key, one) for key, one in wanted.items()))
        if isinstance(wanted, dict | list):
            raise OutOfScope(WHOLE)
        return self.equal(path, wanted)

    def presence(self, path, *, known):
        fact = self.fact(path)
        kind = "text" if fact is None else family(fact)
        return self.leaf(path, kind, "is_set" if known else "is_not_set", None, fact)

    def equal(self, path, wanted):
        if wanted is None:
            return self.presence(path, known=False)
        fact = self.fact(path)
        if fact is not None and family(fact) != family(wanted):
            raise OutOfScope(TYPES_MIX)
        return self.leaf(path, family(wanted), "eq", wanted, fact)

    def operator(self, path, key, wanted):
        if key in COMPARISONS:
            return self.comparison(path, key, wanted)
        if key in VERSIONS:
            return self.version(path, VERSIONS[key], wanted)
        if key not in _OPERATORS:
            raise OutOfScope(f"operator {key}")
        return _OPERATORS[key](self, path, wanted)

    def comparison(self, path, key, wanted):
        fact = self.fact(path)
        if fact is None:
            raise OutOfScope(MISSING_ZERO)
        if isinstance(fact, str) and isinstance(wanted, str):
            raise OutOfScope(ORDER)
        if family(fact) != "number" or family(wanted) != "number":
            raise OutOfScope(TYPES_MIX)
        return self.leaf(path, "number", COMPARISONS[key], wanted, fact)

    def version(self, path, key, wanted):
        fact = self.fact(path)
        if fact is None:
            raise OutOfScope(MISSING_ZERO)
        if typed(fact, "version") is None or typed(wanted, "version") is None:
            raise OutOfScope(NOT_SEMVER)
        return self.leaf(path, "version", key, wanted, fact)

    def in_(self, path, wanted, suffix=""):
        if not isinstance(wanted, list):
            raise OutOfScope(MALFORMED)
        fact = self.fact(path)
        if fact is None:
            return self.never()
        kind = family(fact)
        if kind == "list":
            self.texts(fact)
            values, operator = [one for one in wanted if isinstance(one, str)], "contains_any"
        else:
            values, operator = [one for one in wanted if family(one) == kind], "any_of"
        if not values:
            return self.never()
        if kind == "boolean":
            return anything(*(self.leaf(path, kind, "eq", one, fact) for one in values))
        return self.leaf(path, kind, operator + (suffix if kind != "number" else ""), values, fact)

    def texts(self, values):
        if not all(isinstance(one, str) for one in values):
            raise OutOfScope(TEXT_LISTS)

    def group(self, path, name):
        return self.in_(path, self.groups.get(name, []))

    def all_(self, path, wanted, suffix=""):
        fact = self.fact(path)
        if any(isinstance(one, dict) for one in wanted):
            raise OutOfScope(ELEMENTS)
        self.texts(wanted)
        return self.leaf(path, "list", f"contains_all{suffix}", wanted, self.as_list(fact))

    def as_list(self, fact):
        if not isinstance(fact, list):
            return None
        self.texts(fact)
        return fact

    def size(self, path, wanted):
        fact = self.fact(path)
        fact = [str(one) for one in fact] if isinstance(fact, list) else None
        if isinstance(wanted, int):
            return self.leaf(path, "list", "size_eq", wanted, fact)
        if not isinstance(wanted, dict) or not set(wanted) <= {*COMPARISONS, "$eq"}:
            raise OutOfScope(MALFORMED)
        return everything(
            *(self.leaf(path, "list", f"size_{key[1:]}", one, fact) for key, one in wanted.items())
        )

    def element(self, path, wanted):
        fact = self.as_list(self.fact(path))
        match wanted:
            case {"$eq": str() as value}:
                return self.leaf(path, "list", "contains", value, fact)
            case {"$in": list() as values}:
                self.texts(values)
                return self.leaf(path, "list", "contains_any", values, fact)
        raise OutOfScope(ELEMENTS)

    def regex(self, path, wanted, suffix=""):
        fact = self.fact(path)
        if fact is not None and not isinstance(fact, str):
            raise OutOfScope(TYPES_MIX)
        found = LITERAL.fullmatch(wanted)
        if found is None or ("|" in wanted and wanted[0] + wanted[-1] != "()"):
            raise OutOfScope(REGEX)
        start, end = wanted[0] == "^", wanted[-1] == "$"
        operator = {(1, 1): "eq", (1, 0): "starts_with", (0, 1): "ends_with"}.get(
            (start, end), "contains"
        )
        parts = found[1].split("|")
        return anything(*(self.leaf(path, "text", operator + suffix, part, fact) for part in parts))


_IGNORING = "_ignoring_case"
_OPERATORS = {
    "$eq": lambda one, path, wanted: one.equal(path, wanted),
    "$ne": lambda one, path, wanted: one.not_(one.equal(path, wanted)),
    "$in": lambda one, path, wanted: one.in_(path, wanted),
    "$nin": lambda one, path, wanted: one.not_(one.in_(path, wanted)),
    "$ini": lambda one, path, wanted: one.in_(path, wanted, _IGNORING),
    "$nini": lambda one, path, wanted: one.not_(one.in_(path, wanted, _IGNORING)),
    "$inGroup": lambda one, path, wanted: one.group(path, wanted),
    "$notInGroup": lambda one, path, wanted: one.not_(one.group(path, wanted)),
    "$all": lambda one, path, wanted: one.all_(path, wanted),
    "$alli": lambda one, path, wanted: one.all_(path, wanted, _IGNORING),
    "$size": lambda one, path, wanted: one.size(path, wanted),
    "$elemMatch": lambda one, path, wanted: one.element(path, wanted),
    "$exists": lambda one, path, wanted: one.presence(path, known=bool(wanted)),
    "$regex": lambda one, path, wanted: one.regex(path, wanted),
    "$regexi": lambda one, path, wanted: one.regex(path, wanted, _IGNORING),
    "$not": lambda one, path, wanted: one.not_(one.value(path, wanted)),
    "$type": lambda one, path, wanted: _unclaimed(TYPE_OPERATOR),
}


def _unclaimed(reason):
    raise OutOfScope(reason)
