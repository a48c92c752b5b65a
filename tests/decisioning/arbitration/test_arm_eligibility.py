"""An arm that changes an offer's conditions: compiled, applied once the arm is known, explained."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.policy import ConsentView, State, Status, seal_policy
from decisioning.decisions import decide
from decisioning.explaining import explain_decision
from decisioning.held import hold
from decisioning.messages import Ask, PersonState, PlacementAsk
from decisioning.releases import Verified
from decisioning.rules.canonical import canonical, decode_release, digest
from decisioning.rules.check import self_test
from decisioning.rules.compiler import CompileError, compile_release
from decisioning.rules.conditions import Truth, evaluate, parse
from decisioning.specs import ArmSpec
from tests.decisioning.making import NOW, PURPOSES, campaign, offer, release, split

OWN = {"attribute": "loyalty_tier", "is": "eq", "value": "gold"}
OTHER = {"attribute": "loyalty_tier", "is": "any_of", "value": ["gold", "silver"]}
SECRET = {"attribute": "age", "is": "gte", "value": 18}
ALLOWED = ConsentView(
    version=1,
    fenced=False,
    trusted=True,
    states={("personalised_ads", "*"): State(Status.GIVEN, 1.0, None, "evt-1")},
)
POLICY = seal_policy(PURPOSES, version=1)
PEOPLE = [f"p{n % 256:03d}{n:020x}" for n in range(60)]


def compared(condition=OTHER, **fields):
    arms = (
        ArmSpec(key="a", share=0.5),
        ArmSpec(key="b", share=0.5, eligibility={"winter-sale": condition}),
    )
    winter = campaign("winter", "winter-sale", **fields)
    return release(
        offers=(offer("winter-sale", eligibility=OWN),),
        campaigns=(winter,),
        experiments=(split("winter", arms=arms),),
    )


@pytest.fixture(scope="module")
def held():
    spec = compared()
    found = hold(Verified(1, digest(spec), 0, spec, compile_release(spec)))
    yield found
    found.engine.close()


def decided(held, person, **facts):
    ask = Ask(person, (PlacementAsk("web.home.hero"),))
    state = PersonState(facts=facts, consent=ALLOWED)
    return decide(ask, state, held, policy=POLICY, now=NOW)


def arm_of(held, person):
    return decided(held, person, loyalty_tier="gold").placed[0].chosen[0].arm


def test_each_arm_judges_by_its_own_conditions(held):
    codes = {
        arm_of(held, person): decided(held, person, loyalty_tier="silver").considered[0].code
        for person in PEOPLE
    }

    assert codes == {"a": "NOT_ELIGIBLE", "b": "SHOWN"}


@given(person=st.sampled_from(PEOPLE), tier=st.sampled_from(["gold", "silver", "bronze", None]))
def test_the_reference_evaluator_agrees(held, person, tier):
    facts = {"loyalty_tier": tier} if tier else {}
    condition = {"a": OWN, "b": OTHER}[arm_of(held, person)]
    expected = evaluate(parse(condition, held.catalogue), facts, NOW.timestamp()) is Truth.TRUE

    assert (decided(held, person, **facts).considered[0].code == "SHOWN") == expected


def test_who_does_not_meet_an_arms_conditions_is_told_which(held):
    person = next(one for one in PEOPLE if arm_of(held, one) == "b")

    decision = decided(held, person, loyalty_tier="bronze")
    (told,) = explain_decision(decision, held, level="reasons", now=NOW.timestamp())

    assert (told.experiment.key, told.experiment.arm) == ("split", "b")
    assert told.conditions[0]["words"] == "Loyalty tier is gold or silver"
    assert decision.arms == {"split": "b"}


def test_who_is_held_out_takes_no_arm():
    spec = compared(holdout_share=0.99)
    held = hold(Verified(1, digest(spec), 0, spec, compile_release(spec)))

    decisions = [decided(held, person, loyalty_tier="gold") for person in PEOPLE]
    held.engine.close()

    out = [one for one in decisions if one.considered[0].code == "CAMPAIGN_HELD_OUT"]
    assert out
    assert all(one.arms == {} for one in out)


def test_what_the_purposes_may_not_see_is_unknown_in_an_arm_too():
    spec = compared(SECRET)
    held = hold(Verified(1, digest(spec), 0, spec, compile_release(spec)))

    shown = {
        one.considered[0].arm: one.considered[0].code
        for person in PEOPLE
        if (one := decided(held, person, loyalty_tier="gold", age=40))
    }
    held.engine.close()

    assert shown == {"a": "SHOWN", "b": "NOT_ELIGIBLE"}


def test_the_self_test_covers_arms():
    spec = compared()
    wrong = compile_release(compared({"attribute": "loyalty_tier", "is": "eq", "value": "x"}))

    found = self_test(wrong, spec, [{"loyalty_tier": "silver"}], NOW.timestamp())

    assert [one.rule for one in found] == ["winter/winter-sale@split/b"]


def test_a_release_with_such_an_arm_survives_its_bytes():
    spec = compared()

    assert decode_release(canonical(spec)) == spec


def test_an_arm_without_conditions_leaves_digests_as_they_were():
    plain = replace(compared(), experiments=(split("winter"),))

    assert b"eligibility" not in canonical(replace(plain, offers=(), campaigns=()))


def test_an_arm_that_cannot_be_read_names_itself():
    with pytest.raises(CompileError, match="experiment split, arm b, offer winter-sale"):
        compile_release(compared({"attribute": "shoe", "is": "eq", "value": "x"}))
