"""GrowthBook's own cases for conditions: every claimed one is right, the rest is listed with the reason."""

import json

from tests.peers import growthbook
from tests.peers.judging import report, run
from tests.peers.shared_data import suite

(FILE,) = suite("peer_growthbook").glob("cases*.json")
CASES = [
    (name, (condition, data, *(groups or [{}])), expected)
    for name, condition, data, expected, *groups in json.loads(FILE.read_text())["evalCondition"]
]
VISIBLE = {
    growthbook.TYPE_OPERATOR: 6,
    growthbook.WHOLE: 4,
    growthbook.NOT_SEMVER: 3,
    growthbook.MALFORMED: 2,
    growthbook.TEXT_LISTS: 2,
    growthbook.ORDER: 2,
    growthbook.TYPES_MIX: 1,
    growthbook.REGEX: 1,
}


def test_claimed_conditions_are_right():
    wrong, claimed, reasons = run(CASES, growthbook.matches)

    report("GrowthBook evalCondition", claimed, reasons)
    assert wrong == []
    if "visible" in FILE.name:
        assert reasons == VISIBLE
        assert claimed == 103
