"""Compilation is deterministic, within the engine's limits, and checked before it goes live."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from decisioning.rules.artifact import ArtifactError, GroupKey, decode_artifact, encode_artifact
from decisioning.rules.canonical import CanonicalError, canonical, decode_release, digest
from decisioning.rules.check import expected_matches, self_test
from decisioning.rules.compiler import (
    AUDIENCE,
    MAX_PROPERTIES,
    MAX_RULESET_PATHS,
    CompileError,
    compile_release,
    compile_segments,
    compile_trees,
)
from decisioning.rules.conditions import Catalogue, parse, to_nnf
from decisioning.rules.engine import Engine
from decisioning.rules.paths import MAX_PATHS, expand
from decisioning.specs import (
    AttributeSpec,
    CampaignSpec,
    EventTypeSpec,
    OfferSpec,
    ReleaseSpec,
    SegmentSpec,
    VariantSpec,
)

NOW = 1_795_312_800.0
GOLD = {"attribute": "tier", "is": "eq", "value": "gold"}
RICH = {"attribute": "spend", "is": "gt", "value": 500}
LOYAL = {"event": "Order Completed", "count": {"is": "gte", "value": 3}, "within": "90d"}
HERO = GroupKey("web.hero", ("analytics", "marketing"))


def offer(key, eligibility, *placements, purposes=("marketing", "analytics")):
    variant = VariantSpec(key="a", placements=placements or ("web.hero",), content={"title": "é"})
    return OfferSpec(
        key=key, name=key, purposes=purposes, variants=(variant,), eligibility=eligibility
    )


def make_release(**changes):
    release = ReleaseSpec(
        attributes=(
            AttributeSpec(key="spend", name="Spend", type="number"),
            AttributeSpec(key="tier", name="Tier", type="text"),
        ),
        event_types=(EventTypeSpec(key="Order Completed", name="Order"),),
        segments=(SegmentSpec(key="loyal", name="Loyal", condition=LOYAL),),
        offers=(
            offer("free", {}, "web.hero", "mail.top", purposes=()),
            offer("lux", {"all": [GOLD, RICH]}),
            offer("sale", {"any": [GOLD, {"none": [RICH]}]}),
        ),
        campaigns=(
            CampaignSpec(key="autumn", name="Autumn", offers=("lux", "sale"), goal_event="x"),
            CampaignSpec(
                key="winter",
                name="Winter",
                offers=("free", "lux"),
                goal_event="x",
                eligibility={"none": [{"segment": "loyal"}]},
            ),
        ),
    )
    return replace(release, **changes)


def test_rules_are_grouped_by_placement_and_purposes():
    artifact = compile_release(make_release())

    assert [group.key for group in artifact.groups] == [
        GroupKey("mail.top", ()),
        GroupKey("web.hero", ()),
        HERO,
    ]
    hero = artifact.groups[-1]
    assert sorted(hero.rulesets[0].rules) == ["autumn/lux", "autumn/sale", "winter/lux"]
    assert [one.event for one in artifact.aggregates] == ["Order Completed"]
    assert hero.needs == (artifact.aggregates[0].key, "spend", "tier")


def test_an_offer_needs_its_own_and_its_campaigns_conditions():
    release = make_release()
    artifact = compile_release(release)
    engine = Engine(artifact)
    orders = artifact.aggregates[0].key

    rich = {"tier": "gold", "spend": 501}
    assert engine.match(HERO, {**rich, orders: 3}, NOW) == {"autumn/lux", "autumn/sale"}
    assert engine.match(HERO, {**rich, orders: 2}, NOW) == {"autumn/lux", "autumn/sale", "winter/lux"}  # fmt: skip
    assert engine.match(HERO, rich, NOW) == {"autumn/lux", "autumn/sale"}
    assert engine.match(HERO, {"spend": 1}, NOW) == {"autumn/sale"}
    assert engine.match(GroupKey("web.hero", ()), {orders: 0}, NOW) == {"winter/free"}
    assert engine.groups("web.hero") == (GroupKey("web.hero", ()), HERO)
    assert engine.needs(HERO) == (orders, "spend", "tier")
    engine.close()


@pytest.mark.parametrize("operator", ["is_set", "is_not_set"])
@pytest.mark.parametrize("group", ["all", "none"])
def test_what_the_purposes_may_not_see_is_unknown(operator, group):
    spend = AttributeSpec(key="spend", name="Spend", type="number", purposes=("ads",))
    page = AttributeSpec(key="page", name="Page", type="text", source="context")
    unseen = {group: [{"attribute": "spend", "is": operator}]}
    seen = {"attribute": "page", "is": "is_not_set"}
    release = make_release(
        attributes=(spend, page),
        segments=(),
        offers=(
            offer("hidden", unseen, purposes=("mail",)),
            offer("open", unseen, purposes=("ads",)),
            offer("page", seen, purposes=()),
        ),
        campaigns=(
            CampaignSpec(key="c", name="C", offers=("hidden", "open", "page"), goal_event="x"),
        ),
    )
    artifact = compile_release(release)
    engine = Engine(artifact)

    for facts in ({}, {"spend": 1}):
        known = (operator == "is_set") == ("spend" in facts)
        expected = {"c/open"} if known == (group == "all") else set()
        assert engine.match(GroupKey("web.hero", ("mail",)), facts, NOW) == frozenset()
        assert engine.match(GroupKey("web.hero", ("ads",)), facts, NOW) == expected
    assert engine.match(GroupKey("web.hero", ()), {}, NOW) == {"c/page"}
    assert self_test(artifact, release, [{}, {"spend": 1}], NOW) == []
    engine.close()


def test_rules_for_everyone_need_no_ruleset():
    nobody = {"all": [GOLD, {"none": [GOLD]}]}
    release = make_release(
        offers=(offer("free", {}), offer("nobody", nobody)),
        campaigns=(
            CampaignSpec(key="c", name="C", offers=("free", "nobody"), goal_event="x"),
            CampaignSpec(key="d", name="D", offers=(), goal_event="x"),
        ),
    )
    group = compile_release(release).groups[0]

    assert group.always == ("c/free",)
    assert [one.rules for one in group.rulesets] == [("c/nobody",)]


def test_segments_compile_to_audiences():
    artifact = compile_segments(make_release())
    engine = Engine(artifact)

    assert engine.match(AUDIENCE, {artifact.aggregates[0].key: 3}, NOW) == {"loyal"}
    engine.close()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"offers": ()}, "campaign autumn: take out lux, which is no offer"),
        ({"segments": ()}, 'campaign winter: /none/0/segment: "loyal" is not a segment'),
        ({"offers": (offer("lux", {"attribute": "x"}),)}, 'offer lux: /attribute: "x" is not'),
    ],
)
def test_a_release_that_cannot_be_compiled_names_the_object(changes, words):
    with pytest.raises(CompileError, match=words):
        compile_release(make_release(**changes))


def test_the_artifact_is_the_same_in_another_process():
    code = (
        "from tests.decisioning.rules.test_compiler import *; import hashlib;"
        "print(hashlib.sha256(encode_artifact(compile_release(make_release()))).hexdigest(), digest(make_release()))"
    )
    root = Path(__file__).parents[3]
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(answers) == 1
    assert digest(make_release()) in answers.pop()


def test_an_artifact_survives_its_bytes_and_nothing_else_does():
    artifact = compile_release(make_release())
    data = encode_artifact(artifact)

    assert decode_artifact(data) == artifact
    for wrong in (b"", b"{}", b"\xff", data[:-1], data.replace(b'"format":1', b'"format":2')):
        with pytest.raises(ArtifactError):
            decode_artifact(wrong)
    with pytest.raises(ArtifactError, match="unknown field"):
        decode_artifact(data.replace(b'"always"', b'"alwais"', 1))


def test_a_release_survives_its_bytes_and_nothing_else_does():
    vienna = timezone(timedelta(hours=1))
    starts = datetime(2026, 11, 22, 9, tzinfo=vienna)
    release = make_release(offers=(replace(offer("lux", {}), starts_at=starts, value=1.0),))
    data = canonical(release)

    assert decode_release(data) == release
    same = replace(release.offers[0], starts_at=starts.astimezone(UTC))
    assert digest(replace(release, offers=(same,))) == digest(release)
    for wrong in (b"", b"[]", data + b" ", data.replace(b'"format":2', b'"format":2,"more":2')):
        with pytest.raises(CanonicalError):
            decode_release(wrong)
    with pytest.raises(CanonicalError, match="publish it again"):
        decode_release(data.replace(b'"format":2', b'"format":9'))
    with pytest.raises(CanonicalError, match="change the content"):
        canonical(make_release(offers=(replace(offer("x", {"n": 2**60})),)))


def tree_of(condition):
    return parse(condition, Catalogue.of(make_release()))


def test_expansion_stays_within_its_bounds():
    pair = {"any": [GOLD, RICH]}
    eight_pairs = tree_of({"all": [pair] * 8})  # 256 paths where nothing bounds them
    wide = tree_of({"any": [{**RICH, "value": number} for number in range(200)]})
    long = tree_of({"all": [{**RICH, "value": number} for number in range(200)]})

    for tree in (eight_pairs, wide, long):
        assert len(expand(to_nnf(tree))) <= MAX_PATHS
    engine = Engine(compile_trees({"pairs": eight_pairs, "wide": wide, "long": long}))
    for facts in ({"tier": "gold"}, {"spend": 501}, {"spend": 7.5}, {"spend": 200}, {}):
        trees = {"pairs": eight_pairs, "wide": wide, "long": long}
        assert engine.match(AUDIENCE, facts, NOW) == expected_matches(trees, facts, NOW)
    engine.close()


def test_large_releases_are_split_within_the_limits():
    attributes = tuple(
        AttributeSpec(key=f"n{number:03d}", name="N", type="number") for number in range(600)
    )
    catalogue = Catalogue.of_parts(attributes=attributes)
    trees = {
        f"rule{number}": parse(
            {
                "any": [
                    {"attribute": f"n{(number * step) % 600:03d}", "is": "gte", "value": number % 7}
                    for step in (1, 7, 11)
                ]
            },
            catalogue,
        )
        for number in range(1000)
    }
    artifact = compile_trees(trees)

    for ruleset in artifact.groups[0].rulesets:
        assert ruleset.definition.count('"$and"') <= MAX_RULESET_PATHS
        assert len(ruleset.properties) <= MAX_PROPERTIES
    engine = Engine(artifact)
    everything = {f"n{number:03d}": number % 9 for number in range(600)}
    assert engine.match(AUDIENCE, everything, NOW) == expected_matches(trees, everything, NOW)
    engine.close()


def test_the_self_test_finds_a_wrong_artifact():
    release = make_release()
    artifact = compile_release(release)
    samples = [{"tier": "gold", "spend": 501}, {"tier": "silver", "spend": 501}]
    assert self_test(artifact, release, samples, NOW) == []

    (ruleset,) = artifact.groups[2].rulesets
    forged = msgspec.structs.replace(
        ruleset, definition=ruleset.definition.replace("gold", "silver")
    )
    group = msgspec.structs.replace(artifact.groups[2], rulesets=(forged,))
    wrong = msgspec.structs.replace(artifact, groups=(*artifact.groups[:2], group))
    found = self_test(wrong, release, samples, NOW)

    assert {(one.rule, one.sample, one.compiled) for one in found} == {
        ("autumn/lux", 0, False),
        ("autumn/lux", 1, True),
        ("autumn/sale", 0, False),
        ("autumn/sale", 1, True),
    }
