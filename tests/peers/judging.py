"""What the translators share: two-valued conditions in our language, judged in both of our ways."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from decisioning.rules.compiler import AUDIENCE, compile_trees
from decisioning.rules.conditions import Catalogue, Truth, evaluate, parse
from decisioning.rules.engine import Engine
from decisioning.rules.values import parse_date
from decisioning.specs import AttributeSpec, SegmentSpec, ValueType

EVERYONE: dict[str, Any] = {}
NOW = parse_date("2026-11-22T02:00:00Z")[0]


class OutOfScope(Exception):
    """The peer's case uses something that we do not claim; the message is the reason."""


@dataclass
class Translation:
    """A condition under way, with the catalogue and the facts that it needs."""

    attributes: dict[str, ValueType] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    segments: list[SegmentSpec] = field(default_factory=list)

    def leaf(self, name, family: ValueType, operator, value, fact):
        """Return a leaf on the attribute `name` of one family; a fact of None is absent."""
        key = f"{name}:{family}"
        self.attributes[key] = family
        if fact is not None:
            self.facts[key] = fact
        leaf = {"attribute": key, "is": operator}
        return leaf if value is None else {**leaf, "value": value}

    def never(self):
        """Return a condition that is false of everyone."""
        return self.leaf("never", "boolean", "eq", True, False)

    def judge(self, condition):
        """Return whether we match; the engine and the reference evaluator must agree."""
        catalogue = Catalogue.of_parts(
            attributes=[
                AttributeSpec(key=key, name=key, type=kind) for key, kind in self.attributes.items()
            ],
            segments=self.segments,
        )
        tree = parse(condition, catalogue)
        truth = evaluate(tree, self.facts, NOW) is Truth.TRUE
        engine = Engine(compile_trees({"case": tree}))
        compiled = bool(engine.match(AUDIENCE, self.facts, NOW))
        engine.close()
        assert compiled == truth
        return truth


def everything(*conditions):
    parts = [one for one in conditions if one != EVERYONE]
    return {"all": parts} if len(parts) > 1 else parts[0] if parts else EVERYONE


def anything(*conditions):
    if EVERYONE in conditions:
        return EVERYONE
    return {"any": list(conditions)} if len(conditions) > 1 else conditions[0]


def opposite(condition, never):
    """Return the two-valued denial: where peers have false for something missing, we have unknown."""
    if condition == EVERYONE:
        return never
    if condition == never:
        return EVERYONE
    if "all" in condition:
        return anything(*(opposite(one, never) for one in condition["all"]))
    if "any" in condition:
        return everything(*(opposite(one, never) for one in condition["any"]))
    if condition.get("is") in ("is_set", "is_not_set"):
        other = "is_not_set" if condition["is"] == "is_set" else "is_set"
        return {**condition, "is": other}
    if "none" in condition:
        (inner,) = condition["none"]
        return everything(inner, {"attribute": inner["attribute"], "is": "is_set"})
    missing = {"attribute": condition["attribute"], "is": "is_not_set"}
    return {"any": [{"none": [condition]}, missing]}


def run(cases, judge):
    """Return the wrong cases, how many were claimed, and the reasons of the rest."""
    wrong, claimed, reasons = [], 0, Counter()
    for name, case, expected in cases:
        try:
            found = judge(case)
        except OutOfScope as reason:
            reasons[str(reason)] += 1
            continue
        claimed += 1
        if found is not expected:
            wrong.append((name, case, expected))
    return wrong, claimed, reasons


def report(title, claimed, reasons):
    """Print what is claimed and, as a table, what is not."""
    print(f"\n{title}: {claimed} claimed and right, {sum(reasons.values())} out of scope")
    for reason, count in sorted(reasons.items(), key=lambda one: -one[1]):
        print(f"{count:5}  {reason}")
