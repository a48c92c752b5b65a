"""Unleash's own cases for constraints: every claimed one is right, the rest is listed with the reason."""

import json

from tests.peers import unleash
from tests.peers.judging import report, run
from tests.peers.shared_data import suite

FILES = sorted(suite("peer_unleash").glob("specifications/*.json"))
CASES = [
    (f"{file.stem}: {name}", case, expected)
    for file in FILES
    for name, case, expected in unleash.cases(json.loads(file.read_text()))
]
VISIBLE = {
    unleash.VARIANTS: 28,
    unleash.ROLLOUT: 26,
    unleash.UNCLAIMED["REGEX"]: 19,
    unleash.DEPENDENT: 8,
    unleash.UNCLAIMED["IN_CIDR"]: 6,
    unleash.SWITCHED: 4,
}


def test_claimed_constraints_are_right():
    wrong, claimed, reasons = run(CASES, unleash.matches)

    report("Unleash constraints", claimed, reasons)
    assert wrong == []
    if len(CASES) == 144:  # the half of the suite that is beside this repository
        assert reasons == VISIBLE
        assert claimed == 53
