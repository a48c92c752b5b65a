from dataclasses import replace

import pytest

from campaigns.checking import check
from campaigns.mapping import Refused, body_of, parse, release_spec
from campaigns.models.items import Kind
from decisioning.specs import (
    ArmSpec,
    CampaignSpec,
    ExperimentSpec,
    OfferSpec,
    PlacementSpec,
    ReleaseSpec,
    VariantSpec,
)
from tests.campaigns.conftest import specs, variant

PURPOSES = frozenset({"ads", "service"})


def bodies(*more, without=()):
    parts = {(kind, spec.key): body_of(spec) for kind, spec in specs() if spec.key not in without}
    return parts | {(kind, spec.key): body_of(spec) for kind, spec in more}


def found(*more, without=(), purposes=PURPOSES):
    return [(f.key, f.field) for f in check(release_spec(bodies(*more, without=without)), purposes)]


OFFER = dict(specs())[Kind.OFFER]
CAMPAIGN = dict(specs())[Kind.CAMPAIGN]


def test_every_spec_survives_its_body():
    for kind, spec in specs():
        assert parse(kind, body_of(spec)) == spec


def test_release_is_sorted_and_whole():
    release = release_spec(bodies())

    assert found() == []
    assert isinstance(release, ReleaseSpec)
    keys = [attribute.key for attribute in release.attributes]
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("missing", "where"),
    [
        ("gold", ("winter-sale", "eligibility")),
        ("web.hero", ("winter-sale", "variants[0].placements")),
        ("web", ("web.hero", "channel")),
        ("winter-sale", ("winter", "offers")),
        ("Order Completed", ("winter", "goal_event")),
        ("tier", ("gold", "condition")),
    ],
)
def test_missing_references_name_who_needs_them(missing, where):
    assert where in found(without=(missing,))


def test_missing_purpose_is_found_everywhere():
    assert ("winter-sale", "purposes") in found(purposes=frozenset())
    assert ("tier", "purposes") in found(purposes=frozenset())


def test_variant_fits_its_placement():
    text = replace(OFFER, variants=(variant(content_type="text/plain"),))

    assert found((Kind.OFFER, text)) == [("winter-sale", "variants[0].content_type")]


def test_personal_eligibility_needs_a_purpose():
    assert found((Kind.OFFER, replace(OFFER, purposes=()))) == [("winter-sale", "purposes")]
    assert found((Kind.OFFER, replace(OFFER, purposes=(), eligibility={}))) == []


def test_fallback_offer_needs_no_consent():
    campaign = replace(CAMPAIGN, fallback_offer="winter-sale")

    assert found((Kind.CAMPAIGN, campaign)) == [("winter", "fallback_offer")]


def test_experiment_arms_fit_the_campaign():
    arms = (
        ArmSpec(key="a", share=0.5, variants={"winter-sale": "z"}),
        ArmSpec(key="b", share=0.5, excluded_offers=("other",)),
    )
    spec = ExperimentSpec(key="e", name="E", campaign="winter", salt="s", arms=arms)

    assert found((Kind.EXPERIMENT, spec)) == [
        ("e", "arms[0].variants"),
        ("e", "arms[1].excluded_offers"),
    ]


def test_conditions_of_an_arm_name_what_is_there():
    gone = {"winter-sale": {"segment": "no-such"}}
    arms = (ArmSpec(key="a", share=0.5), ArmSpec(key="b", share=0.5, eligibility=gone))
    spec = ExperimentSpec(key="e", name="E", campaign="winter", salt="s", arms=arms)

    assert found((Kind.EXPERIMENT, spec)) == [("e", "arms[1].eligibility")]


def test_salts_are_never_shared():
    arms = (ArmSpec(key="a", share=0.5), ArmSpec(key="b", share=0.5))
    one = ExperimentSpec(key="e1", name="E", campaign="winter", salt="s", arms=arms)

    assert found((Kind.EXPERIMENT, one), (Kind.EXPERIMENT, replace(one, key="e2"))) == [
        ("e2", "salt")
    ]


EVERYONE = {"attribute": "tier", "is": "is_set"}


@pytest.mark.parametrize(
    ("one", "other", "field"),
    [
        ({"variants": {"winter-sale": "a"}}, {"variants": {"winter-sale": "a"}}, "variants"),
        ({"eligibility": {"winter-sale": EVERYONE}}, {"eligibility": {"winter-sale": {}}}, "eligibility"),
        ({"weights": {"value": 1.0}}, {"weights": {"priority": 1.0}}, "weights"),
        ({"variants": {"winter-sale": "a"}}, {"excluded_offers": ("winter-sale",)}, None),
        ({"variants": {"winter-sale": "a"}}, {"eligibility": {"winter-sale": {}}}, None),
    ],
)  # fmt: skip
def test_two_experiments_never_replace_the_same(one, other, field):
    def tried(key, **acts):
        arms = (ArmSpec(key="a", share=0.5), ArmSpec(key="b", share=0.5, **acts))
        return ExperimentSpec(key=key, name=key, campaign="winter", salt=key, arms=arms)

    both = (Kind.EXPERIMENT, tried("e1", **one)), (Kind.EXPERIMENT, tried("e2", **other))
    told = check(release_spec(bodies(*both)), PURPOSES)

    assert [(one.key, one.field) for one in told] == (
        [("e1", f"arms[1].{field}"), ("e2", f"arms[1].{field}")] if field else []
    )
    assert all("“e2”" in one.message for one in told[:1])
    assert all("“e1”" in one.message for one in told[1:])
    assert found(both[0]) == []


@pytest.mark.parametrize(
    ("kind", "spec", "field"),
    [
        (Kind.OFFER, replace(OFFER, variants=()), "variants"),
        (Kind.OFFER, replace(OFFER, variants=(variant(), variant())), "variants"),
        (Kind.OFFER, replace(OFFER, value=1.5), "value"),
        (Kind.CAMPAIGN, replace(CAMPAIGN, weights={"charm": 1.0}), "weights"),
        (Kind.CAMPAIGN, replace(CAMPAIGN, weights={}), "weights"),
        (Kind.CAMPAIGN, CampaignSpec(key="c", name="C", offers=(), goal_event="x"), "offers"),
        (Kind.PLACEMENT, PlacementSpec(key="p", name="P", channel="web"), "fallback"),
        (
            Kind.OFFER,
            OfferSpec(
                key="o",
                name="O",
                purposes=(),
                variants=(VariantSpec(key="a", placements=("p",), content={"x": "y" * 20_000}),),
            ),
            "variants[0].content",
        ),
    ],
)
def test_limits_name_the_field(kind, spec, field):
    with pytest.raises(Refused) as refused:
        parse(kind, body_of(spec))

    assert [error.field for error in refused.value.errors] == [field]
