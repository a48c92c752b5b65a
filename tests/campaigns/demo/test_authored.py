from collections import Counter
from datetime import UTC, datetime

import pytest

from campaigns import checking, mapping
from campaigns.demo import authored, catalogue
from campaigns.models.items import Kind
from decisioning.rules.conditions import Catalogue, aggregates, attributes, parse
from decisioning.rules.tree import leaves

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def drafts(journey):
    return authored.drafts(journey, now=NOW)


@pytest.fixture(scope="module")
def release(drafts):
    return mapping.release_spec({(draft.kind, draft.key): draft.body for draft in drafts})


def test_can_be_published(release):
    purposes = frozenset(purpose.key for purpose in catalogue.PURPOSES)

    assert checking.check(release, purposes) == []


def test_has_enough_to_show(release, drafts):
    kinds = Counter(draft.kind for draft in drafts)
    live = [
        one for one in release.offers if one.starts_at is None or one.starts_at <= NOW < one.ends_at
    ]
    running = [
        one
        for one in release.campaigns
        if one.starts_at is None or one.starts_at <= NOW < one.ends_at
    ]

    assert kinds[Kind.PURPOSE] == 5
    assert kinds[Kind.SEGMENT] >= 12
    assert len(live) >= 30
    assert len(running) >= 6
    assert len([one for one in release.campaigns if one.key.startswith("journey-")]) == 27


def test_every_placement_has_a_fallback_and_offers(release):
    used = {
        key for offer in release.offers for variant in offer.variants for key in variant.placements
    }

    assert len(release.placements) >= 6
    assert used == {placement.key for placement in release.placements}
    assert all(placement.fallback for placement in release.placements)


def test_uses_every_family_of_conditions(release):
    names = Catalogue.of(release)
    found = [leaf for one in release.segments for leaf in leaves(parse(one.condition, names))]
    functions = {leaf.aggregate.function for leaf in found if leaf.aggregate}

    assert {leaf.family for leaf in found} >= {
        *("number", "text", "boolean", "date", "place", "version"),
        *("aggregate", "since"),
    }
    assert functions >= {"count", "sum", "max", "average", "distinct", "since_last", "sequence"}
    assert any(leaf.aggregate and leaf.aggregate.within == "session" for leaf in found)


def test_offers_can_see_what_their_conditions_read(release):
    """A condition on what the offer's purposes do not allow would never hold."""
    names = Catalogue.of(release)
    profile = {one.key: one for one in release.attributes if one.source == "profile"}
    events = {one.key: one for one in release.event_types}
    for offer in release.offers:
        tree = parse(offer.eligibility, names)
        for purpose in offer.purposes:
            for key in attributes(tree) & profile.keys():
                assert purpose in profile[key].purposes, (offer.key, key)
            for spec in aggregates(tree):
                assert purpose in events[spec.event].purposes, (offer.key, spec.event)


def test_keeps_few_aggregates(release):
    names = Catalogue.of(release)
    kept = {spec for one in release.segments for spec in aggregates(parse(one.condition, names))}

    assert len(kept) <= 30


def test_one_experiment_with_two_arms_and_a_holdout(release):
    (experiment,) = release.experiments
    campaign = next(one for one in release.campaigns if one.key == experiment.campaign)

    assert len(experiment.arms) == 2
    assert campaign.holdout_share == 0.1
