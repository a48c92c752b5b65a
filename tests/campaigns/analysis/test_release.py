import pytest

from campaigns.analysis.layout import Layout
from campaigns.analysis.whole import of_release, of_thing
from decisioning.specs import CapSpec, PlacementSpec, SegmentSpec
from tests.campaigns.analysis.making import (
    DAY,
    NOW,
    arm,
    around,
    attribute,
    campaign,
    experiment,
    odd,
    offer,
    release,
    replace,
    spends,
    tier,
    variant,
)

GOLD = {"segment": "gold"}


def test_nothing_is_odd_about_a_sound_release():
    assert odd() == []


def test_conditions_are_examined_where_they_stand():
    never = {"all": [spends("gt", 500), spends("lt", 200)]}
    given = release(
        segments=(SegmentSpec(key="gold", name="Gold", condition=never),),
        offers=(offer(eligibility={"all": [GOLD, spends("gt", 5), spends("gt", 2)]}),),
    )

    assert odd(given) == [("never", "sale"), ("never_beside", "gold")]


def test_an_offer_and_its_campaign_may_exclude_each_other():
    given = release(campaigns=(campaign(eligibility=tier("silver")),))

    assert odd(given) == [("never_in_campaign", "sale")]


def test_what_the_purposes_hide_is_never_met():
    hidden = release(offers=(offer(purposes=("service",), eligibility=GOLD),))
    either = {"any": [GOLD, {"attribute": "device", "is": "eq", "value": "phone"}]}

    assert odd(hidden) == [("unseen_never", "sale")]
    assert odd(release(offers=(offer(purposes=("service",), eligibility=either),))) == [
        ("unseen", "sale")
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (release(campaigns=(campaign(offers=()),)), "offer_nowhere"),
        (release(offers=(offer(eligibility=GOLD, ends_at=NOW - DAY),)), "offer_ended"),
        (release(campaigns=(campaign(ends_at=NOW - DAY),)), "campaign_ended"),
        (
            release(
                offers=(offer(eligibility=GOLD, starts_at=NOW + 9 * DAY),),
                campaigns=(campaign(ends_at=NOW + DAY),),
            ),
            "dates_apart",
        ),
        (release(campaigns=(campaign(ends_at=NOW - DAY),)), "placement_over"),
        (release(campaigns=(campaign(starts_at=NOW + DAY),)), "placement_waits"),
        (
            release(offers=(offer(eligibility=GOLD, variants=(variant(placements=()),)),)),
            "placement_unused",
        ),
        (release(offers=(offer(),)), "segment_unused"),
        (release(offers=(offer(purposes=(), eligibility={}),)), "purpose_none"),
        (
            release(
                offers=(offer(purposes=(), eligibility={}),),
                campaigns=(campaign(weights={"recency": 1.0}),),
            ),
            "purpose_weighed",
        ),
    ],
)
def test_what_is_there_for_nothing_is_found(given, expected):
    assert expected in [code for code, _ in odd(given)]


def test_retired_purposes_are_named():
    assert ("offer_retired", "sale") in odd(release(), retired=("ads",))
    assert ("attribute_retired", "tier") in odd(release(), retired=("ads",))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (experiment(arm("a"), arm("b")), "arms_alike"),
        (experiment(arm("a", variants={"sale": "a"}), arm("b")), "arms_alike"),
        (experiment(arm("a", weights={"priority": 5.0}), arm("b")), "arms_alike"),
        (experiment(arm("a", 1), arm("b", 0)), "one_arm"),
        (experiment(arm("a"), arm("b"), traffic=0), "experiment_idle"),
        (experiment(arm("a", excluded_offers=("sale",)), arm("b")), None),
        (experiment(arm("a", weights={"value": 1.0}), arm("b")), None),
    ],
)
def test_experiments_that_compare_nothing_are_found(found, expected):
    assert odd(release(experiments=(found,))) == ([(expected, "test")] if expected else [])


GIVEN = {
    "never_beside": {"all": [spends("gt", 500), spends("lt", 200)]},
    "always": {"any": [{"attribute": "tier", "is": "is_set"}, {"attribute": "tier", "is": "is_not_set"}]},
    "useless_beside": {"all": [spends("gt", 5), spends("gt", 2)]},
    "never_in_campaign": spends("lt", 5),
    "unseen_never": {"attribute": "old", "is": "eq", "value": "x"},
}  # fmt: skip


@pytest.mark.parametrize("code", GIVEN)
def test_the_conditions_of_arms_are_examined_as_offers_are(code):
    retired = attribute("old", purposes=("gone",))
    found = experiment(arm("a"), arm("b", eligibility={"sale": GIVEN[code]}))
    given = release(
        attributes=(*release().attributes, retired),
        campaigns=(campaign(eligibility=spends("gt", 10)),),
        experiments=(found,),
    )

    (odd,) = of_thing(Layout(given), "experiment", "test", around())

    assert (odd.code, odd.kind, odd.key, odd.field) == (code, "experiment", "test", "arms[1].eligibility")  # fmt: skip
    assert (odd.args["in_arm"], odd.args["for_offer"], odd.args["row"]) == ("b", "sale", 0)


def test_what_is_odd_about_an_offers_own_condition_is_said_there():
    never = GIVEN["never_beside"]
    arms = (arm("a", eligibility={"sale": never}), arm("b", eligibility={"sale": GOLD}))
    given = release(offers=(offer(eligibility=never),), experiments=(experiment(*arms),))

    assert odd(given) == [("never_beside", "sale")]


def test_arms_with_the_offers_own_condition_are_alike():
    found = experiment(arm("a", eligibility={"sale": GOLD}), arm("b"))

    assert odd(release(experiments=(found,))) == [("arms_alike", "test")]


def test_experiments_of_one_campaign_share_what_is_counted():
    def both(one, other, **more):
        second = replace(other, key="second", name="Second", salt="t", **more)
        return odd(release(experiments=(one, second)))

    without = experiment(arm("a", excluded_offers=("sale",)), arm("b"))
    weighing = experiment(arm("a", weights={"value": 1.0}), arm("b"))
    asking = experiment(arm("a", eligibility={"sale": spends("gt", 5)}), arm("b"))

    assert both(without, weighing) == [
        ("experiment_beside", "second"),
        ("experiment_beside", "test"),
    ]
    assert both(without, weighing, traffic=0) == [("experiment_idle", "second")]
    assert both(without, weighing, campaign="other") == []
    assert both(asking, asking) == []


@pytest.mark.parametrize(
    ("caps", "is_idle"),
    [
        ((CapSpec(scope="person", limit=3), CapSpec(scope="person", limit=10)), True),
        ((CapSpec(scope="person", limit=3), CapSpec(scope="channel", limit=3)), True),
        ((CapSpec(scope="channel", limit=3), CapSpec(scope="person", limit=3)), True),
        ((CapSpec(scope="person", limit=3, window_s=None), CapSpec(scope="person", limit=5)), True),
        (
            (CapSpec(scope="person", limit=3), CapSpec(scope="person", limit=5, window_s=None)),
            False,
        ),
        ((CapSpec(scope="person", limit=3), CapSpec(scope="total", limit=9)), False),
        ((CapSpec(scope="person", counts="click"), CapSpec(scope="person", limit=2)), False),
        ((CapSpec(scope="person"), CapSpec(scope="person")), True),
    ],
)
def test_limits_that_never_count_are_found(caps, is_idle):
    given = release(offers=(offer(eligibility=GOLD, caps=caps),))

    assert odd(given) == ([("cap_idle", "sale")] if is_idle else [])


def test_a_mark_stays_until_the_thing_changes():
    def mark(given):
        (found,) = of_release(Layout(given), around(), lambda done, total: None)
        return found.mark

    idle = release(campaigns=(campaign(offers=("sale",)),), segments=(*release().segments, EXTRA))
    renamed = replace(idle, segments=(*release().segments, replace(EXTRA, name="Other")))
    elsewhere = replace(idle, placements=(PlacementSpec(key="hero", name="Top", channel="web"),))

    assert mark(idle) == mark(elsewhere)
    assert mark(idle) != mark(renamed)


EXTRA = SegmentSpec(key="silver", name="Silver", condition=tier("silver"))


def test_one_thing_is_looked_at_alone():
    broken = {"all": [spends("gt", 500), spends("lt", 200)]}
    given = release(segments=(*release().segments, replace(EXTRA, condition=broken)))

    assert of_thing(Layout(given), "segment", "gold", around()) == []
    assert len(of_thing(Layout(given), "segment", "silver", around())) == 1
    assert of_thing(Layout(given), "segment", "no-such", around()) == []
