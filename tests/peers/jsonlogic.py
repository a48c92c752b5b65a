"""Translates those JsonLogic rules that are conditions into ours.

A rule's first constant operand stands for a fact, as in ``{">": [2, 1]}``.
Source: jsonlogic.com, tests.json.
"""

from tests.peers.judging import OutOfScope, Translation, anything, everything, opposite

COMPARISONS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
EQUALITIES = ("==", "===", "!=", "!==")
TURNED = {"lt": "gt", "lte": "gte", "gt": "lt", "gte": "lte"}

COERCES = "compares values of different types: we coerce nothing"
COMPUTES = "computes a value: ours are conditions"
ELEMENTS = "looks inside the elements of a list"
ORDER = "orders texts"
MISSING_ZERO = "counts something missing as 0"
TRUTHY = "takes a value for a truth"
TWO_FACTS = "compares two facts with each other"

VALUES = ("cat", "%", "max", "min", "+", "*", "-", "/", "substr", "merge", "if", "?:", "var", "missing", "missing_some", "filter", "map", "reduce")  # fmt: skip
QUANTIFIERS = ("all", "none", "some")


def matches(case):
    """Return whether we match a case ``(rule, data)``."""
    return _JsonLogic(*case).judge()


def family(value):
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case _:
            raise OutOfScope(COERCES)


def _item(holder, key):
    if isinstance(holder, list) and key.isdigit():
        return dict(enumerate(holder)).get(int(key))
    return holder.get(key) if isinstance(holder, dict) else None


class _JsonLogic(Translation):
    def __init__(self, rule, data):
        super().__init__()
        self.rule, self.data = rule, data

    def judge(self):
        return super().judge(self.tree(self.rule))

    def tree(self, rule):
        if not isinstance(rule, dict):
            return self.truth(rule)
        ((key, operands),) = rule.items()
        operands = operands if isinstance(operands, list) else [operands]
        if key in VALUES:
            raise OutOfScope(COMPUTES)
        if key in QUANTIFIERS:
            raise OutOfScope(ELEMENTS)
        return self.condition(key, operands)

    def condition(self, key, operands):
        match key:
            case "and":
                return everything(*map(self.tree, operands))
            case "or":
                return anything(*map(self.tree, operands))
            case "!":
                return opposite(self.tree(operands[0]), self.never())
            case "!!":
                return self.tree(operands[0])
            case "in":
                return self.contained(*operands)
        if key in COMPARISONS:
            return self.compared(COMPARISONS[key], operands)
        if key not in EQUALITIES:
            raise OutOfScope(f"operator {key}")
        found = self.equal(*operands, strict=len(key) == 3)
        return found if key[0] == "=" else opposite(found, self.never())

    def truth(self, value):
        if not isinstance(value, bool):
            raise OutOfScope(TRUTHY)
        return self.leaf(f"constant {value}", "boolean", "eq", True, value)

    def named(self, operand):
        """Return name and value of a fact."""
        if not isinstance(operand, dict):
            return f"constant {operand}", operand
        if set(operand) != {"var"}:
            raise OutOfScope(COMPUTES)
        path = operand["var"]
        path, default = (*path, "", None)[:2] if isinstance(path, list) else (path, None)
        found = self.data
        for part in str(path).split(".") if path != "" else ():
            found = _item(found, part)
        return f"var {path}", default if found is None else found

    def equal(self, left, right, *, strict):
        if isinstance(right, dict):
            left, right = right, left
        if isinstance(right, dict):
            raise OutOfScope(TWO_FACTS)
        name, fact = self.named(left)
        if right is None:
            kind = "text" if fact is None else family(fact)
            return self.leaf(name, kind, "is_not_set", None, fact)
        if fact is not None and family(fact) != family(right) and not strict:
            raise OutOfScope(COERCES)
        return self.leaf(name, family(right), "eq", right, fact)

    def compared(self, symbol, operands):
        if len(operands) == 3:
            low, middle, high = operands
            return everything(
                self.ordered(TURNED[symbol], middle, low), self.ordered(symbol, middle, high)
            )
        left, right = operands
        if isinstance(right, dict):
            return self.ordered(TURNED[symbol], right, left)
        return self.ordered(symbol, left, right)

    def ordered(self, symbol, left, right):
        if isinstance(right, dict):
            raise OutOfScope(TWO_FACTS)
        name, fact = self.named(left)
        if fact is None:
            raise OutOfScope(MISSING_ZERO)
        if family(fact) == family(right) == "text":
            raise OutOfScope(ORDER)
        if family(fact) != "number" or family(right) != "number":
            raise OutOfScope(COERCES)
        return self.leaf(name, "number", symbol, right, fact)

    def contained(self, needle, haystack):
        if isinstance(haystack, list):
            name, fact = self.named(needle)
            kind = family(haystack[0]) if haystack else "text"
            values = [one for one in haystack if family(one) == kind]
            if fact is not None and family(fact) != kind or len(values) != len(haystack):
                raise OutOfScope(COERCES)
            return self.leaf(name, kind, "any_of", values, fact) if values else self.never()
        name, fact = self.named(haystack)
        if not isinstance(needle, str):
            raise OutOfScope(TWO_FACTS if isinstance(needle, dict) else COERCES)
        if isinstance(fact, list):
            return self.leaf(name, "list", "contains", needle, fact)
        return self.leaf(name, "text", "contains", needle, fact)
