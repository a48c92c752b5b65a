from campaigns.analysis.layout import Layout
from campaigns.analysis.matching import keys_read, match
from campaigns.analysis.measuring import Measured
from campaigns.analysis.ranking import outlasts
from decisioning.rules.compiler import compile_release, compile_segments
from decisioning.specs import CapSpec, PlacementSpec, SegmentSpec
from tests.campaigns.analysis.making import (
    DAY,
    NOW,
    arm,
    campaign,
    experiment,
    offer,
    release,
    spends,
    tier,
    variant,
)

GOLD = {"segment": "gold"}
RICH = spends("gt", 500)
PEOPLE = (
    *({"tier": "gold", "spend": 900 + number} for number in range(4)),
    *({"tier": "silver", "spend": 100} for _ in range(5)),
    {"spend": 700},
)


def measured(given, people=PEOPLE, go_on=lambda number: True):
    artifacts = compile_release(given), compile_segments(given)
    return match(given, artifacts, people, now=NOW, go_on=go_on)


def odd(given, people=PEOPLE):
    """Return what looking at people says of a release."""
    found = Measured(Layout(given), measured(given, people), NOW).oddities()
    return {(one.code, one.key): dict(one.args) for one in found}


def two(**more):
    """Return a release in which offers "high" and "low" compete, `more` is of "high"."""
    high = offer("high", **{"eligibility": {}, "priority": 0.9} | more)
    low = offer("low", eligibility=GOLD, priority=0.2)
    return release(offers=(high, low), campaigns=(campaign(offers=("high", "low")),))


def test_the_winner_of_an_overlap_is_named_with_its_share():
    found = odd(two())

    overlap = found["overlap", "low"]
    assert (overlap["winner"], overlap["share"], overlap["winning"]) == ("High", 0.4, "0.90")


def test_equal_scores_are_a_tie_that_the_key_decides():
    found = odd(two(priority=0.2))

    assert found["tie", "low"]["winner"] == "High"


def test_scores_that_move_have_no_winner():
    given = release(
        offers=two().offers,
        campaigns=(campaign(offers=("high", "low"), weights={"outcome_rate": 1.0}),),
    )

    assert [code for code, _ in odd(given)] == ["overlap_moving"]


def test_offers_at_other_times_do_not_overlap():
    given = release(
        offers=two().offers,
        campaigns=(
            campaign("now", ("high",), ends_at=NOW + DAY),
            campaign("then", ("low",), starts_at=NOW + DAY),
        ),
    )

    assert odd(given) == {}


def test_an_offer_that_is_always_outranked_is_found():
    assert odd(two())["never_wins", "low"]["winner"] == "High"


def test_an_offer_that_may_win_is_not_accused():
    def accused(given):
        return "never_wins" in [code for code, _ in odd(given)]

    wide = PlacementSpec(key="hero", name="Hero", channel="web", max_count=2)
    arms = experiment(arm("a", excluded_offers=("high",)), arm("b"))
    offers = two().offers
    again = (campaign(offers=("high", "low")),)

    assert not accused(two(caps=(CapSpec(scope="person"),)))
    assert not accused(two(eligibility=spends("lt", 902)))
    assert not accused(two(ends_at=NOW + DAY))
    assert not accused(two(purposes=("ads", "service")))
    assert not accused(release(offers=offers, campaigns=again, placements=(wide,)))
    assert not accused(release(offers=offers, campaigns=again, experiments=(arms,)))


def test_two_of_one_category_never_show_together():
    wide = PlacementSpec(key="hero", name="Hero", channel="web", max_count=3)
    offers = tuple(
        offer(key, eligibility={}, category="shoes", priority=priority)
        for key, priority in (("high", 0.9), ("low", 0.2))
    )
    given = release(
        offers=offers, placements=(wide,), campaigns=(campaign(offers=("high", "low")),)
    )

    assert ("overlap", "low") in odd(given)


def test_what_finds_nobody_is_found():
    given = release(
        segments=(*release().segments, SegmentSpec(key="none", name="None", condition=tier("x"))),
        offers=(offer(eligibility={"segment": "none"}),),
    )

    assert odd(given) == {
        ("segment_empty", "none"): {"people": 10},
        ("offer_for_nobody", "sale"): {"people": 10},
        ("placement_for_nobody", "hero"): {"people": 10},
    }


def test_what_asks_the_request_is_not_judged_by_people():
    phone = {"attribute": "device", "is": "eq", "value": "phone"}
    given = release(
        segments=(SegmentSpec(key="gold", name="Gold", condition=phone),),
        offers=(offer(eligibility=GOLD),),
    )

    assert odd(given) == {}


def in_arms(*conditions, **more):
    """Return a release whose offer an experiment shows by other conditions, one for each arm."""
    arms = (arm(f"at-{place}", eligibility={"sale": one}) for place, one in enumerate(conditions))
    return release(
        offers=(offer(**{"eligibility": GOLD} | more),), experiments=(experiment(*arms),)
    )


def test_an_arm_that_finds_nobody_is_found():
    given = in_arms(spends("gt", 10), spends("gt", 5_000))

    assert odd(given) == {
        ("arm_for_nobody", "test"): {
            "people": 10, "row": 0, "in_arm": "at-1", "for_offer": "sale"
        }
    }  # fmt: skip
    assert odd(in_arms({"attribute": "device", "is": "eq", "value": "tv"})) == {}


def test_whom_an_arm_finds_are_people_of_the_offer():
    given = in_arms(spends("gt", 10), spends("gt", 50), eligibility=spends("gt", 5_000))

    assert odd(given) == {}
    assert keys_read(given) == {"tier", "spend"}


def test_tokens_that_many_lack_are_found_with_their_share():
    content = {"headline": "You are {{ tier }}", "text": "{{ spend | default: 'much' }}"}
    given = release(offers=(offer(eligibility=RICH, variants=(variant(content),)),))

    found = odd(given)["token_lacking", "sale"]

    assert (found["attribute"], found["missing"]) == ("tier", 0.2)


def test_people_may_be_cut_short():
    found = measured(release(), PEOPLE * 20, go_on=lambda number: number < 100)

    assert found.sampled == 100
    assert found.segments["gold"].bit_count() == 40


def test_nobody_says_nothing():
    assert odd(release(offers=(offer(eligibility=RICH),)), people=()) == {}


def test_only_what_is_read_is_asked_of_people():
    assert keys_read(release()) == {"tier"}


def test_an_offer_never_outlasts_itself():
    rules = Measured(Layout(two()), measured(two()), NOW).rules["hero"]

    assert not outlasts(rules[0], rules[0], NOW)
