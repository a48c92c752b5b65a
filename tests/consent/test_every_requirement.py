"""Every requirement of consent, R1 to R35, and every nasty case, 1 to 31, has a test that is named after it."""

import ast
import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
NAMED = re.compile(r"test_(r|case_)(\d\d)_")
EVERY = {"r": set(range(1, 36)), "case_": set(range(1, 32))}

# Without a test, and why; whoever builds one takes it out of here.
WITHOUT: dict[str, dict[int, str]] = {"r": {}, "case_": {}}


@cache
def named_tests():
    """Return every test that is named after a requirement or case: kind, number, its code."""
    found = []
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text()
        if NAMED.search(text):
            found += [(*named, one) for one in functions(text) if (named := number_of(one.name))]
    return found


def functions(text):
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return [one for one in ast.walk(ast.parse(text)) if isinstance(one, kinds)]


def number_of(name):
    found = NAMED.match(name)
    return found and (found[1], int(found[2]))


def can_fail(test):
    """Return whether a test runs, and asserts something or has it checked by a function called `check…`."""
    marks = {name_of(one) for one in test.decorator_list}
    return not marks & {"skip", "xfail"} and any(map(is_assertion, ast.walk(test)))


def is_assertion(node):
    called = name_of(node) if isinstance(node, ast.Call) else ""
    return isinstance(node, ast.Assert) or called == "raises" or called.startswith("check")


def name_of(node):
    named = node.func if isinstance(node, ast.Call) else node
    return getattr(named, "attr", getattr(named, "id", ""))


def with_a_test(kind):
    return {number for one, number, test in named_tests() if one == kind and can_fail(test)}


def test_every_requirement_has_a_test_or_a_reason():
    assert EVERY["r"] - with_a_test("r") <= WITHOUT["r"].keys()


def test_every_nasty_case_has_a_test_or_a_reason():
    assert EVERY["case_"] - with_a_test("case_") <= WITHOUT["case_"].keys()


def test_what_has_a_test_is_not_listed_as_without():
    for kind, without in WITHOUT.items():
        assert with_a_test(kind).isdisjoint(without)
        assert without.keys() <= EVERY[kind]


def test_no_test_is_named_after_what_does_not_exist():
    for kind, every in EVERY.items():
        assert {number for one, number, _ in named_tests() if one == kind} <= every


def test_a_test_that_asserts_nothing_counts_for_nothing():
    asserting, refusing, empty, skipped = functions(
        "def test_r01_a():\n    assert x\n"
        "def test_r01_b():\n    with pytest.raises(ValueError):\n        x()\n"
        "def test_r01_c():\n    x()\n"
        "@pytest.mark.skip(reason='later')\ndef test_r01_d():\n    assert x\n"
    )

    assert can_fail(asserting)
    assert can_fail(refusing)
    assert not can_fail(empty)
    assert not can_fail(skipped)
