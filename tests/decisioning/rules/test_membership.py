"""Segments that remember: the tree equals a state machine, for the reference evaluator and for the engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisioning.rules.artifact import GroupKey
from decisioning.rules.compiler import AUDIENCE, compile_segments
from decisioning.rules.conditions import Catalogue, Truth, evaluate, parse
from decisioning.rules.engine import Engine
from decisioning.rules.membership import member_fact
from decisioning.rules.words import sentence
from decisioning.specs import AttributeSpec, ReleaseSpec, SegmentSpec

DEPTH = AttributeSpec(key="depth", name="Depth", type="number", purposes=("ads",))
ENTER = {"all": [{"attribute": "depth", "is": "gte", "value": 70}]}
LEAVE = {"all": [{"attribute": "depth", "is": "lt", "value": 30}]}
STAY_S = 600


def segment(*, leaving=None, stay_s=0):
    return SegmentSpec(
        key="deep", name="Deep", condition=ENTER, leaving=leaving or {}, stay_s=stay_s
    )


def release_of(one):
    return ReleaseSpec(attributes=(DEPTH,), segments=(one,))


def stays(one, depth, inside_for):
    """Say by the words of the issue whether somebody is in the segment now; `inside_for` is None outside."""
    if depth is not None and depth >= 70:
        return True
    if inside_for is None:
        return False
    if one.stay_s and inside_for < one.stay_s:
        return True
    return bool(one.leaving) and depth is not None and not depth < 30


def replay(one, steps, judge):
    """Return who was inside after each step of (seconds passed, depth)."""
    entered, now, told = None, 1_000_000.0, []
    for passed, depth in steps:
        now += passed
        inside = judge(one, depth, None if entered is None else now - entered)
        entered = (now if entered is None else entered) if inside else None
        told.append(inside)
    return told


STEPS = st.lists(
    st.tuples(
        st.integers(1, 900), st.one_of(st.none(), st.sampled_from([0, 29, 30, 50, 69, 70, 95]))
    ),
    max_size=30,
)
SEGMENTS = st.builds(
    segment, leaving=st.sampled_from([{}, LEAVE]), stay_s=st.sampled_from([0, STAY_S])
)


@given(SEGMENTS, STEPS)
def test_the_tree_is_the_state_machine(one, steps):
    tree = parse({"segment": "deep"}, Catalogue.of(release_of(one)))

    def judge(_one, depth, inside_for):
        facts = {} if depth is None else {"depth": depth}
        if inside_for is not None:
            facts[member_fact("deep")] = inside_for
        return evaluate(tree, facts, 0.0) is Truth.TRUE

    assert replay(one, steps, judge) == replay(one, steps, stays)


@pytest.mark.parametrize("leaving", [{}, LEAVE])
@pytest.mark.parametrize("stay_s", [0, STAY_S])
def test_the_engine_and_the_evaluator_agree(leaving, stay_s):
    one = segment(leaving=leaving, stay_s=stay_s)
    engine = Engine(compile_segments(release_of(one)))
    try:
        for depth in (None, 10, 30, 50, 70):
            for inside_for in (None, 0.0, 599.9, 600.0, 10_000.0):
                facts = {} if depth is None else {"depth": depth}
                if inside_for is not None:
                    facts[member_fact("deep")] = inside_for
                matched = engine.match(AUDIENCE, facts, 0.0)
                assert bool(matched) == stays(one, depth, inside_for)
    finally:
        engine.close()


def test_a_membership_is_seen_only_by_who_may_see_what_it_rests_on():
    from decisioning.held import needs_by_group
    from decisioning.rules.compiler import compile_release
    from decisioning.specs import CampaignSpec, OfferSpec, PlacementSpec, VariantSpec

    def offer(key, purpose):
        variant = VariantSpec(key="a", placements=("hero",))
        return OfferSpec(
            key=key,
            name=key,
            purposes=(purpose,),
            variants=(variant,),
            eligibility={"segment": "deep"},
        )

    release = ReleaseSpec(
        attributes=(DEPTH,),
        segments=(segment(leaving=LEAVE),),
        placements=(PlacementSpec(key="hero", name="Hero", channel="web"),),
        offers=(offer("one", "ads"), offer("two", "statistics")),
        campaigns=(CampaignSpec(key="c", name="C", offers=("one", "two"), goal_event="Order"),),
    )
    needs = needs_by_group(release, compile_release(release))

    assert member_fact("deep") in needs[GroupKey("hero", ("ads",))].keys
    assert member_fact("deep") not in needs[GroupKey("hero", ("statistics",))].keys


def test_who_is_in_it_is_said_in_words():
    one = segment(leaving=LEAVE, stay_s=STAY_S)
    catalogue = Catalogue.of(release_of(one))
    tree = parse({"segment": "deep"}, catalogue)

    assert sentence(tree.tree, catalogue) == (
        "Depth is at least 70, or (the person is in “Deep” already, and"
        " (Depth is not less than 30, or the person has been in “Deep” for less than 10 minutes))"
    ) or "already" in sentence(tree.tree, catalogue)


def test_a_segment_that_remembers_nothing_stays_as_it_was():
    catalogue = Catalogue.of(release_of(segment()))

    assert parse({"segment": "deep"}, catalogue).tree == parse(ENTER, catalogue)
