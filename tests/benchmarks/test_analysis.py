"""The analysis of 500 segments of 30 conditions and 2,000 offers: one thing at once, all in a bounded time."""

import random
import time

import pytest

from campaigns.analysis.layout import Layout
from campaigns.analysis.matching import match
from campaigns.analysis.measuring import Measured
from campaigns.analysis.whole import of_release, of_thing
from decisioning.rules.compiler import compile_release, compile_segments
from decisioning.specs import PlacementSpec, SegmentSpec
from tests.campaigns.analysis.making import (
    NOW,
    around,
    attribute,
    campaign,
    offer,
    release,
    variant,
)

pytestmark = pytest.mark.benchmark

ONE_THING_S = 0.2
WHOLE_S = 60.0
LOOKING_S = 10.0
dice = random.Random(20261122)  # noqa: S311 - makes conditions, no secrets


def leaf():
    sort = dice.random()
    if sort < 0.5:
        key, operator = f"n{dice.randrange(15)}", dice.choice(["gt", "gte", "lt", "lte", "ne"])
        return {"attribute": key, "is": operator, "value": dice.randrange(1_000)}
    if sort < 0.85:
        values = [f"v{dice.randrange(20)}" for _ in range(3)]
        operator = dice.choice(["any_of", "none_of"])
        return {"attribute": f"t{dice.randrange(10)}", "is": operator, "value": values}
    count = {"is": "gte", "value": dice.randrange(1, 4)}
    return {"event": "Order", "count": count, "within": dice.choice(["7d", "30d"])}


def condition(count=30):
    groups = []
    while count > 0:
        size = min(count, dice.randrange(2, 6))
        groups.append({dice.choice(["any", "any", "all"]): [leaf() for _ in range(size)]})
        count -= size
    return {"any" if dice.random() < 0.3 else "all": groups}


@pytest.fixture(scope="module")
def large():
    """Return a layout of the whole."""
    segments = tuple(
        SegmentSpec(key=f"s{number:03}", name=f"S{number}", condition=condition())
        for number in range(500)
    )
    offers = tuple(
        offer(
            f"o{number:04}",
            eligibility={"all": [{"segment": dice.choice(segments).key}, leaf()]},
            priority=round(dice.random(), 3),
            variants=(
                variant({"headline": "Until 24 December"}, placements=(f"p{number % 20:02}",)),
            ),
        )
        for number in range(2_000)
    )
    return Layout(
        release(
            attributes=(
                *(attribute(f"n{number}", "number") for number in range(15)),
                *(attribute(f"t{number}") for number in range(10)),
            ),
            placements=tuple(
                PlacementSpec(key=f"p{number:02}", name=f"P{number}", channel="web")
                for number in range(20)
            ),
            segments=segments,
            offers=offers,
            campaigns=tuple(
                campaign(
                    f"c{number:02}",
                    tuple(one.key for one in offers[number * 50 : number * 50 + 50]),
                )
                for number in range(40)
            ),
        )
    )


def test_one_thing_is_analysed_at_once(large, capsys):
    of_thing(large, "segment", "s000", around())
    worst = 0.0
    for kind, key in (("segment", "s001"), ("segment", "s002"), ("offer", "o0001")):
        started = time.perf_counter()
        of_thing(large, kind, key, around())
        worst = max(worst, time.perf_counter() - started)

    with capsys.disabled():
        print(f"\nanalysis of one thing: {worst * 1_000:.1f} ms at most")
    assert worst < ONE_THING_S


def test_the_whole_is_analysed_in_a_bounded_time(large, capsys):
    started = time.perf_counter()
    found = of_release(large, around(), lambda done, total: None)
    read = time.perf_counter() - started
    artifacts = compile_release(large.release), compile_segments(large.release)
    compiled = time.perf_counter() - started - read
    people = [
        {f"n{n}": dice.randrange(1_000) for n in range(15)}
        | {f"t{n}": f"v{dice.randrange(20)}" for n in range(10)}
        | {one.key: dice.randrange(5) for one in artifacts[0].aggregates}
        for _ in range(2_000)
    ]
    end = time.perf_counter() + LOOKING_S
    matched = match(
        large.release,
        artifacts,
        people,
        now=NOW,
        go_on=lambda number: time.perf_counter() < end,
    )
    measured = list(Measured(large, matched, NOW).oddities())
    whole = time.perf_counter() - started

    with capsys.disabled():
        print(
            f"\nanalysis: {len(found)} findings read in {read:.1f} s, compiled in {compiled:.1f} s, "
            f"{matched.sampled} people looked at, {len(measured)} findings; {whole:.1f} s in all"
        )
    assert matched.sampled > 0
    assert whole < WHOLE_S + LOOKING_S
