"""Caps, scores and selection: pure."""

import pytest

from decisioning.arbitration.caps import Shown, parse_shown, reached_cap
from decisioning.arbitration.scoring import recency, score, shares
from decisioning.arbitration.selection import Contender, select
from decisioning.specs import CapSpec
from tests.decisioning.making import NOW_MS, offer


def capped(**cap):
    return offer("sale", caps=(CapSpec(**{"scope": "person", "limit": 2} | cap),))


@pytest.mark.parametrize(
    ("cap", "ages_s", "is_reached"),
    [
        ({"window_s": 3600}, [10, 20], True),
        ({"window_s": 3600}, [10], False),
        ({"window_s": 3600}, [10, 3600], False),
        ({"window_s": None}, [10, 10**7], True),
        ({"scope": "total"}, [10, 20], False),
        ({"counts": "click"}, [10, 20], False),
    ],
)
def test_a_cap_is_reached_by_what_lies_in_its_window(cap, ages_s, is_reached):
    shown = Shown({"impression|sale": [NOW_MS - age * 1000 for age in ages_s]})

    found = reached_cap(capped(**cap), "web", shown, now_ms=NOW_MS)

    assert (found is not None) == is_reached


def test_a_channels_cap_counts_its_own_channel():
    fields = {b"impression|sale@web": f"{NOW_MS - 1},{NOW_MS - 2}".encode()}
    shown = parse_shown(fields, now_ms=NOW_MS)

    assert reached_cap(capped(scope="channel"), "web", shown, now_ms=NOW_MS)
    assert reached_cap(capped(scope="channel"), "email", shown, now_ms=NOW_MS) is None


def test_live_reservations_count_and_lapsed_ones_do_not():
    fields = {
        b"r|sale|web|aa": str(NOW_MS + 1).encode(),
        b"r|sale|web|bb": str(NOW_MS + 1).encode(),
        b"r|sale|web|cc": str(NOW_MS).encode(),
    }
    shown = parse_shown(fields, now_ms=NOW_MS)

    assert shown.reserved == {"sale": 2, "sale@web": 2}
    assert reached_cap(capped(), "web", shown, now_ms=NOW_MS)


def test_a_score_is_the_weighted_mean_of_its_terms():
    made = score([0.5, 1.0], shares({"value": 1.0, "depth": 0.0, "priority": 3.0}))

    assert made.total == 0.625
    assert [(term.key, term.value, term.weight) for term in made.terms] == [
        ("priority", 0.5, 0.75),
        ("value", 1.0, 0.25),
    ]


def test_an_unknown_term_adds_nothing_and_is_told():
    made = score([1.0, None], shares({"priority": 1.0, "recency": 1.0}))

    assert made.total == 0.5
    assert [term.value for term in made.terms] == [1.0, None]


def test_hostile_values_stay_between_0_and_1():
    weights = shares({"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0})

    made = score([7.0, float("nan"), -3.0, float("inf")], weights)

    assert [term.value for term in made.terms] == [1.0, None, 0.0, None]
    assert made.total == 0.25


def test_no_weights_are_a_score_of_0():
    assert shares({"priority": 0.0}) == ()
    assert score([], ()).total == 0.0


@pytest.mark.parametrize(("age_ms", "value"), [(0, 1.0), (30_000, 0.5), (60_000, 0.0), (-5, 1.0)])
def test_recency_fades_within_a_minute(age_ms, value):
    assert recency(NOW_MS - age_ms, now_ms=NOW_MS) == value


def contender(index, key, score=0.5, category=""):
    return Contender(index, key, "winter", category, score)


def test_the_best_win_and_ties_go_by_key():
    winners, losses = select(
        [contender(0, "b"), contender(1, "a"), contender(2, "c", 0.9)], count=2, taken={}
    )

    assert [one.offer for one in winners] == ["c", "a"]
    assert [(one.index, one.code, one.to) for one in losses] == [(0, "OUTRANKED", "a")]


def test_no_offer_twice_and_one_of_a_category():
    winners, losses = select(
        [contender(0, "a", 0.9), contender(1, "b", 0.8, "shoes"), contender(2, "c", 0.7, "shoes")],
        count=3,
        taken={"a": "web.home.hero"},
    )

    assert [one.offer for one in winners] == ["b"]
    assert [(one.code, one.to) for one in losses] == [
        ("DUPLICATE", "in web.home.hero"),
        ("CATEGORY", "b"),
    ]


def test_an_offer_of_two_campaigns_stands_once_for_the_better_score():
    two = [
        Contender(0, "sale", "autumn", "", 0.4),
        Contender(1, "sale", "winter", "", 0.9),
    ]

    winners, losses = select(two, count=3, taken={})

    assert [one.campaign for one in winners] == ["winter"]
    assert [(one.index, one.code, one.to) for one in losses] == [
        (0, "DUPLICATE", "here, for winter")
    ]
