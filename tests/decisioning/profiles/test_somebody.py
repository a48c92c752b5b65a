"""People are read and judged together with the accounts that they belong to."""

import pytest
from django.conf import settings

from consent import people
from decisioning.profiles.accounts import account_id
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.cells import Cell
from decisioning.profiles.folding import fold
from decisioning.profiles.profile import Profile, encode_profile
from decisioning.profiles.somebody import Judge, all_reads, judges, load_somebody, with_accounts
from decisioning.rules.conditions import Catalogue, ConditionError, Truth, parse
from decisioning.rules.words import sentence
from decisioning.specs import AttributeSpec, EventTypeSpec, SegmentSpec
from tests.decisioning.making import NOW_MS, person_of, track

CATALOGUE = Catalogue.of_parts(
    attributes=[
        AttributeSpec(key="plan", name="Plan", type="text", source="account"),
        AttributeSpec(key="country", name="Country", type="text"),
    ],
    event_types=[EventTypeSpec(key="Order", name="Order")],
)
GOLD = {"attribute": "plan", "is": "eq", "value": "gold"}
GERMAN = {"attribute": "country", "is": "eq", "value": "DE"}
NOW = NOW_MS / 1000
HOUSE = account_id("household", "h-1", pepper=settings.RTTS_PEPPER)
ANA, CLEO = person_of("ana"), person_of("cleo")


def ordered(least, *, is_="gte", **fields):
    count = {"count": {"is": is_, "value": least}, "within": "30d"}
    return {"event": "Order", "of": "household", **count, **fields}


def cell(value):
    return Cell(value, NOW_MS, 1, "k")


@pytest.fixture
def known(redis):
    """Return a store with Ana of a household on the plan gold in Germany that ordered twice, and Cleo of none."""
    kept = Aggregates.of(Judge.of(ordered(1), CATALOGUE).aggregates)
    orders = [track("ana", "Order", message_id=f"o{number}") for number in range(2)]
    house = fold(None, orders, kept)
    house.attributes = {"plan": cell("gold"), "country": cell("DE")}
    house.identifiers = {"account:household:h-1": 1}
    for person, profile in (
        (ANA, Profile(groups={"household": cell("h-1")})),
        (CLEO, Profile(attributes={"plan": cell("gold")})),
        (HOUSE, house),
    ):
        redis.set(people.profile_key(person), encode_profile(profile))
    return redis


def truths(store, condition):
    judge = Judge.of(condition, CATALOGUE)
    return [judge.truth(load_somebody(store, who, judge.reads), NOW) for who in (ANA, CLEO, HOUSE)]


@pytest.mark.parametrize(
    ("condition", "ana", "house"),
    [
        (GOLD, Truth.TRUE, Truth.TRUE),
        (ordered(2), Truth.TRUE, Truth.TRUE),
        (ordered(3), Truth.FALSE, Truth.FALSE),
        ({"none": [ordered(3)]}, Truth.TRUE, Truth.TRUE),
        (GERMAN, Truth.UNKNOWN, Truth.TRUE),
    ],
)
def test_an_account_says_what_is_its_own_and_nothing_of_who_belongs_to_none(
    known, condition, ana, house
):
    assert truths(known, condition) == [ana, Truth.UNKNOWN, house]


def test_all_segments_of_many_people_are_judged_in_one_reading(known):
    specs = [
        SegmentSpec(key="gold", name="Gold", condition=GOLD),
        SegmentSpec(key="busy", name="Busy", condition=ordered(2)),
        SegmentSpec(key="broken", name="Broken", condition={"attribute": "gone"}),
    ]
    found = judges(specs, CATALOGUE)
    profiles = {who: load_somebody(known, who, all_reads(())).profile for who in (ANA, CLEO)}

    everybody = list(with_accounts(known, profiles, all_reads(found.values())))

    inside = {
        key: [one.person for one in everybody if judge.truth(one, NOW) is Truth.TRUE]
        for key, judge in found.items()
    }
    assert inside == {"gold": [ANA], "busy": [ANA]}


def test_a_condition_on_an_account_says_so_in_words():
    def said(condition):
        return sentence(condition, CATALOGUE).lower()

    assert "the person's household has done “order” at least 2 times" in said(ordered(2))
    assert "the person's household has not done “order”" in said(ordered(0, is_="lte"))
    other = {"event": "Order", "of": "club", "count": {"is": "ne", "value": 3}, "within": "30d"}
    assert "the person's account “club” has done “order”" in said(other)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"of": "two words"}, "/of"),
        ({"of": 7}, "/of"),
        ({"within": "session"}, "/within"),
        ({"within": "page"}, "/within"),
    ],
)
def test_what_no_account_has_is_refused(fields, path):
    with pytest.raises(ConditionError) as refused:
        parse(ordered(1) | fields, CATALOGUE)

    assert refused.value.path == path
