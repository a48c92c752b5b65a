"""What reading a request's consent strings costs: the first time, and from then on."""

import time
from datetime import UTC, datetime

import pytest

from consent.signals import gpp, tcf
from consent.signals.reading import read_signals
from tests.consent.signals.strings import (
    LATE,
    NOW,
    VENDOR,
    disclosed,
    gpp_header,
    restriction,
    tc_string,
    us_section,
    vendors,
)

pytestmark = pytest.mark.benchmark

ROUNDS = 2_000
MOST_US = 100.0  # of a request whose strings were met before: nearly all
EVERY_OTHER = vendors(tuple(range(2, 1_200, 2)))
BIG = tc_string(
    disclosed(tuple(range(1, 1_200))),
    created=LATE,
    consented=EVERY_OTHER,
    interested=EVERY_OTHER,
    restrictions=[restriction(one, 1, (1, 400), (500, 1_166)) for one in (3, 4, 5, 6)],
)
PLATFORM = f"{gpp_header(6, 7)}~1YNN~{us_section(1, *[0] * 27, gpc=0)}"
HOUSE = tcf.House(vendor=VENDOR)


def microseconds(work):
    """Return the time of the fastest of five runs of many."""
    runs = []
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(ROUNDS // 5):
            work()
        runs.append((time.perf_counter() - begun) / (ROUNDS // 5) * 1e6)
    return min(runs)


def test_reading_a_string_costs_little():
    now = datetime(2026, 5, 4, tzinfo=UTC)
    costs = {
        "TC string, first": microseconds(lambda: tcf.decode.__wrapped__(BIG)),
        "GPP string, first": microseconds(lambda: gpp.decode.__wrapped__(PLATFORM)),
        "both, again": microseconds(
            lambda: read_signals(tcf=BIG, gpp=PLATFORM, house=HOUSE, now=now)
        ),
    }

    print({name: f"{cost:.1f} us" for name, cost in costs.items()}, f"{len(BIG)} characters")
    assert read_signals(tcf=BIG, house=HOUSE, now=NOW).tcf == {1, 3, 4}
    assert costs["both, again"] < MOST_US
