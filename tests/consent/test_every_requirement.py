"""Every requirement of consent, R1 to R35, and every nasty case, 1 to 31, has a test that is named after it."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
NAMED = re.compile(r"^\s*(?:async )?def test_(r|case_)(\d\d)_", re.MULTILINE)

# Without a test, and why; whoever builds one takes it out of here.
REQUIREMENTS_WITHOUT: dict[int, str] = {}
CASES_WITHOUT: dict[int, str] = {}


def _tested() -> dict[str, set[int]]:
    found: dict[str, set[int]] = {"r": set(), "case_": set()}
    for path in sorted(TESTS.rglob("test_*.py")):
        for kind, number in NAMED.findall(path.read_text()):
            found[kind].add(int(number))
    return found


def test_every_requirement_has_a_test_or_a_reason():
    tested = _tested()["r"]

    assert set(range(1, 36)) - tested == REQUIREMENTS_WITHOUT.keys()


def test_every_nasty_case_has_a_test_or_a_reason():
    tested = _tested()["case_"]

    assert set(range(1, 32)) - tested == CASES_WITHOUT.keys()


def test_no_test_is_named_after_what_does_not_exist():
    tested = _tested()

    assert tested["r"] <= set(range(1, 36))
    assert tested["case_"] <= set(range(1, 32))
