"""Translates Unleash constraints and segments into ours.

Source: Unleash client specification 6.1.0.
"""

import re

from decisioning.rules.values import conform
from decisioning.specs import SegmentSpec
from tests.peers.judging import (
    EVERYONE,
    NOW,
    OutOfScope,
    Translation,
    anything,
    everything,
    opposite,
)

# Unleash takes complete semantic versions only; ours also take "v1" and "1.2".
STRICT = re.compile(r"\d+\.\d+\.\d+([-+].*)?")
TEXT = {"STR_STARTS_WITH": "starts_with", "STR_ENDS_WITH": "ends_with", "STR_CONTAINS": "contains"}
COMPARED = {
    "NUM": ("number", {"EQ": "eq", "LT": "lt", "LTE": "lte", "GT": "gt", "GTE": "gte"}),
    "SEMVER": ("version", {"EQ": "eq", "LT": "lt", "LTE": "lte", "GT": "gt", "GTE": "gte"}),
    "DATE": ("date", {"BEFORE": "before", "AFTER": "after"}),
}

ROLLOUT = "a strategy that is no constraint (rollout, user ids, addresses)"
SWITCHED = "a switch that is off"
DEPENDENT = "a feature that depends on others"
VARIANTS = "asks for a variant"
UNCLAIMED = {
    "REGEX": "a regular expression: our patterns know only *",
    "IN_CIDR": "a network range: addresses are no attributes of ours",
}
REFUSED = "a segment that is not there: we refuse it when it is saved"


def cases(specification):
    """Yield (name, (feature, segments, context), expected) of one file."""
    state = specification["state"]
    features = {one["name"]: one for one in state.get("features", ())}
    segments = {one["id"]: one for one in state.get("segments") or ()}
    for test in specification.get("tests", ()):
        feature = features.get(test["toggleName"])
        case = (feature, segments, test.get("context") or {})
        yield test["description"], case, test["expectedResult"]
    for test in specification.get("variantTests", ()):
        yield test["description"], None, test["expectedResult"]


def matches(case):
    """Return whether we match a case of `cases`."""
    if case is None:
        raise OutOfScope(VARIANTS)
    return _Unleash(*case).judge()


class _Unleash(Translation):
    def __init__(self, feature, segments, context):
        super().__init__()
        self.feature, self.known, self.context = feature, segments, context

    def judge(self):
        if self.feature is None or not self.feature.get("enabled"):
            raise OutOfScope(SWITCHED)
        if self.feature.get("dependencies"):
            raise OutOfScope(DEPENDENT)
        strategies = self.feature.get("strategies") or []
        return super().judge(anything(*map(self.strategy, strategies)) if strategies else EVERYONE)

    def strategy(self, strategy):
        if strategy["name"] != "default":
            raise OutOfScope(ROLLOUT)
        own = map(self.constraint, strategy.get("constraints") or ())
        return everything(*own, *map(self.segment, strategy.get("segments") or ()))

    def segment(self, number):
        if number not in self.known:
            raise OutOfScope(REFUSED)
        condition = everything(*map(self.constraint, self.known[number]["constraints"]))
        key = str(number)
        self.segments.append(SegmentSpec(key=key, name=key, condition=condition))
        return {"segment": key}

    def constraint(self, constraint):
        condition = self.plain(constraint)
        if constraint.get("inverted"):
            return opposite(condition, self.never())
        return condition

    def plain(self, constraint):
        operator, name = constraint["operator"], constraint["contextName"]
        values = constraint.get("values") or []
        if operator in ("IN", "NOT_IN"):
            found = (
                self.leaf(name, "text", "any_of", values, self.text(name))
                if values
                else self.never()
            )
            return found if operator == "IN" else opposite(found, self.never())
        if operator in TEXT:
            suffix = "_ignoring_case" if constraint.get("caseInsensitive") else ""
            found = [
                self.leaf(name, "text", TEXT[operator] + suffix, one, self.text(name))
                for one in values
            ]
            return anything(*found) if found else self.never()
        return self.compared(name, operator, constraint.get("value"))

    def compared(self, name, operator, value):
        kind, _, symbol = operator.partition("_")
        family, symbols = COMPARED.get(kind, ("text", {}))
        if symbol not in symbols:
            raise OutOfScope(UNCLAIMED.get(operator, f"operator {operator}"))
        wanted, fact = self.read(value, family), self.read(self.text(name), family)
        if wanted is None:
            return self.never()  # a broken constraint is never true there
        wanted = value if family == "date" else wanted
        return self.leaf(name, family, symbols[symbol], wanted, fact)

    def text(self, name):
        found = (self.context.get("properties") or {}).get(name, self.context.get(name))
        return None if found is None else str(found)

    def read(self, text, family):
        """Return what a text of the context says, or None where it is not of the family."""
        if text is None:
            return NOW if family == "date" else None
        if family == "version":
            return text if STRICT.fullmatch(text) and conform(text, family) else None
        if family == "number":
            try:
                return float(text)
            except ValueError:
                return None
        return conform(text, family)
