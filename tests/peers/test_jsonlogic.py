"""JsonLogic's own cases: every rule that is a condition of ours is right, the rest is listed with the reason."""

import json

from tests.peers import jsonlogic
from tests.peers.judging import report, run
from tests.peers.shared_data import suite

(FILE,) = suite("peer_jsonlogic").glob("tests*.json")
CASES = [
    (one["section"], (one["rule"], one["data"]), one["expected"])
    for one in json.loads(FILE.read_text())
]
VISIBLE = {
    jsonlogic.COMPUTES: 77,
    jsonlogic.TRUTHY: 15,
    jsonlogic.ELEMENTS: 12,
    jsonlogic.COERCES: 4,
}


def test_claimed_rules_are_right():
    wrong, claimed, reasons = run(CASES, jsonlogic.matches)

    report("JsonLogic", claimed, reasons)
    assert wrong == []
    if "visible" in FILE.name:
        assert reasons == VISIBLE
        assert claimed == 31
