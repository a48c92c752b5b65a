"""Counts on a real store against the reference evaluator over everybody."""

import json
import random
from datetime import UTC, datetime
from math import comb

import pytest

from campaigns import sampling
from campaigns.audiences import counting, exact
from campaigns.audiences.counting import find
from campaigns.audiences.people import People
from campaigns.audiences.reach import reach_of
from consent.people import profile_key
from consent.policy import PurposeSpec, Status, seal_policy
from consent.state import load_views
from decisioning.ingestion.records import Record
from decisioning.profiles import roster
from decisioning.profiles.accounts import account_id
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.cells import Cell
from decisioning.profiles.folding import fold
from decisioning.profiles.live_set import announce
from decisioning.profiles.profile import Profile, encode_profile
from decisioning.profiles.windows import facts
from decisioning.rules.conditions import (
    Catalogue,
    Truth,
    aggregates,
    attributes,
    evaluate,
    load,
    parse,
)
from decisioning.specs import AttributeSpec, EventTypeSpec
from tests.campaigns.crowds import SEEN_MS, consent, crowd, enrol, give

NOW = datetime.fromtimestamp(SEEN_MS / 1000, UTC)
ATTRIBUTES = [
    AttributeSpec(key="tier", name="Tier", type="text", purposes=("ads",)),
    AttributeSpec(key="spend", name="Spend", type="number", purposes=("ads",)),
]
EVENTS = [EventTypeSpec(key="Order", name="Order", purposes=("ads",))]
CATALOGUE = Catalogue.of_parts(attributes=ATTRIBUTES, event_types=EVENTS)
GOLD = {"attribute": "tier", "is": "eq", "value": "gold"}
ORDERED = {"event": "Order", "count": {"is": "gte", "value": 2}, "within": "30d"}


@pytest.fixture(autouse=True)
def _fresh():
    sampling.forget()
    yield
    sampling.forget()


def random_leaf(chance):
    return chance.choice(
        [
            {"attribute": "tier", "is": "eq", "value": chance.choice(["gold", "silver"])},
            {"attribute": "tier", "is": "none_of", "value": ["gold", "bronze"]},
            {"attribute": "spend", "is": "gt", "value": chance.randrange(1_000)},
            {"attribute": "spend", "is": "lte", "value": chance.randrange(1_000)},
            {"attribute": "spend", "is": "is_not_set"},
            {"event": "Order", "count": {"is": "gte", "value": chance.randrange(1, 4)}}
            | {"within": chance.choice(["7d", "30d"])},
        ]
    )


def random_tree(chance, depth=2):
    if depth == 0 or chance.random() < 0.3:
        return random_leaf(chance)
    kind = chance.choice(["all", "any", "none"])
    return {kind: [random_tree(chance, depth - 1) for _ in range(chance.randint(1, 3))]}


def with_orders(profiles, trees, *, seed=1):
    """Return the profiles with up to five orders each, kept for what the trees count."""
    chance = random.Random(seed)  # noqa: S311 - the same orders each time
    kept = Aggregates.of({spec for tree in trees for spec in aggregates(tree)})
    return {
        person: fold(profile, orders_of(person, chance), kept)
        for person, profile in profiles.items()
    }


def orders_of(person, chance):
    return [
        Record(
            message_id=f"{person}{n}",
            person=person,
            identifiers=("user:x",),
            event="Order",
            event_time_ms=SEEN_MS - chance.randrange(40 * 86_400) * 1_000,
            received_at_ms=SEEN_MS,
        )
        for n in range(chance.randrange(6))
    ]


def order(name, person):
    return Record(
        message_id=name,
        person=person,
        identifiers=("account:household:h",),
        event="Order",
        event_time_ms=SEEN_MS - 1_000,
        received_at_ms=SEEN_MS,
    )


def truth(tree, profiles):
    """Return whom the reference evaluator finds of everybody."""
    moment, wanted, counted = NOW.timestamp(), attributes(tree), aggregates(tree)
    return {
        person
        for person, profile in profiles.items()
        if evaluate(tree, facts(profile, wanted, counted, moment), moment) is Truth.TRUE
    }


def test_everybody_sampled_gives_the_count_of_the_reference(redis):
    chance = random.Random(5)  # noqa: S311 - the same trees each time
    trees = {f"t{n}": parse(random_tree(chance), CATALOGUE) for n in range(20)}
    announce(redis, {spec for tree in trees.values() for spec in aggregates(tree)})
    profiles = with_orders(crowd(700), trees.values())
    enrol(redis, profiles)

    needed = {spec for tree in trees.values() for spec in aggregates(tree)}
    people = sampling.load_people(redis, aggregates=needed, now=NOW)
    found = find(people, trees, now=NOW.timestamp())

    assert len(people) == 700
    for name, tree in trees.items():
        chosen = {p for p, flag in zip(people.persons, found[name].flags, strict=True) if flag}
        assert chosen == truth(tree, profiles)
        assert found[name].estimate.is_exact


def held(redis, *, rounds, size, most):
    """Return in how many of the rounds, each with people and a tree of its own, the interval holds the truth."""
    chance, good = random.Random(11), 0  # noqa: S311 - the same rounds each time
    for number in range(rounds):
        redis.flushall()
        tree = parse(random_tree(chance), CATALOGUE)
        announce(redis, aggregates(tree))
        profiles = with_orders(crowd(size, seed=number, salt=f"r{number}"), [tree], seed=number)
        enrol(redis, profiles)
        people = sampling.load_people(redis, aggregates=aggregates(tree), now=NOW)
        told = find(people, {"t": tree}, now=NOW.timestamp())["t"].estimate
        assert (len(people), people.population) == (most, size)
        good += told.low <= len(truth(tree, profiles)) <= told.high
    return good


def chance_of_at_most(good, rounds, share=0.95):
    """Return how likely so few or fewer are, where each holds with this share."""
    return sum(comb(rounds, k) * share**k * (1 - share) ** (rounds - k) for k in range(good + 1))


def test_the_interval_holds_the_truth_of_random_trees_and_people(redis, monkeypatch):
    monkeypatch.setattr(sampling, "SAMPLE", 60)

    good = held(redis, rounds=25, size=200, most=60)

    assert chance_of_at_most(good, 25) >= 0.01, f"{good} of 25"


@pytest.mark.long
def test_the_interval_holds_the_truth_of_many_trees_and_people(redis, monkeypatch):
    monkeypatch.setattr(sampling, "SAMPLE", 150)

    good = held(redis, rounds=400, size=600, most=150)

    print(f"{good} of 400 intervals hold the true count")
    assert chance_of_at_most(good, 400) >= 0.01, f"{good} of 400"


def test_a_short_time_looks_at_fewer_people_and_goes_on_from_there(redis, monkeypatch):
    monkeypatch.setattr(counting, "LEAST", 100)
    enrol(redis, crowd(400))
    people = sampling.load_people(redis, now=NOW)
    tree = {"gold": parse(GOLD, CATALOGUE)}

    first = find(people, tree, now=NOW.timestamp(), seconds=0)["gold"]
    second = find(people, tree, now=NOW.timestamp())["gold"]

    assert (first.sampled, second.sampled) == (100, 400)
    assert second.flags[:100] == first.flags
    assert first.estimate.low <= second.matched <= first.estimate.high


def test_who_is_counted_once_is_not_counted_again(redis, monkeypatch):
    enrol(redis, crowd(100))
    people = sampling.load_people(redis, now=NOW)
    trees = {"gold": parse(GOLD, CATALOGUE)}
    before = find(people, trees, now=NOW.timestamp())

    def refuse(*_):
        raise AssertionError("compiled again")

    monkeypatch.setattr(counting, "compile_trees", refuse)

    assert find(people, trees, now=NOW.timestamp() + 1) == before


def test_the_sample_is_the_same_people_until_they_are_old(redis, monkeypatch):
    enrol(redis, crowd(50))
    first = sampling.load_people(redis, now=NOW)
    more = crowd(10, salt="late")
    enrol(redis, more)

    assert sampling.load_people(redis, now=NOW) is first
    monkeypatch.setattr(sampling, "STALE_S", 0.0)
    assert len(sampling.load_people(redis, now=NOW)) == 60


def test_an_old_sample_serves_while_the_next_is_loaded(redis, monkeypatch):
    enrol(redis, crowd(50))
    first = sampling.load_people(redis, now=NOW)
    enrol(redis, crowd(10, salt="late"))
    monkeypatch.setattr(sampling, "FRESH_S", 0.0)

    assert sampling.load_people(redis, now=NOW) is first
    sampling._keeper._thread.join()
    assert len(sampling.load_people(redis, now=NOW)) == 60


def test_a_sample_with_somebody_missing_is_not_loaded_again_and_again(redis):
    profiles = crowd(50)
    enrol(redis, profiles)
    roster.complete(redis)
    redis.delete(profile_key(next(iter(profiles))))

    first = sampling.load_people(redis, now=NOW)

    assert len(first) == 49
    assert sampling.load_people(redis, now=NOW) is first


def test_who_is_in_a_hurry_gets_the_first_people_and_the_others_follow(redis, monkeypatch):
    monkeypatch.setattr(sampling, "HASTY_SAMPLE", 20)
    enrol(redis, crowd(100))

    first = sampling.load_people(redis, now=NOW, hasty=True)
    sampling.load_people(redis, now=NOW, hasty=True)
    sampling._keeper._thread.join()
    then = sampling.load_people(redis, now=NOW, hasty=True)

    assert (len(first), first.population, len(then)) == (20, 100, 100)
    assert then.persons[:20] == first.persons


def test_another_store_is_never_taken_for_the_one_in_memory(redis):
    enrol(redis, crowd(50))
    assert len(sampling.load_people(redis, now=NOW)) == 50
    redis.flushall()

    assert len(sampling.load_people(redis, now=NOW)) == 0


def test_merged_people_leave_the_sample(redis):
    profiles = crowd(3)
    enrol(redis, profiles)
    gone = next(iter(profiles))
    redis.set(profile_key(gone), encode_profile(Profile(merged_into="p000")))

    assert set(sampling.load_sample(redis).profiles) == set(profiles) - {gone}


def test_a_page_scans_no_large_store(redis, monkeypatch):
    monkeypatch.setattr(sampling, "SCAN_AT_MOST", 10)
    enrol(redis, crowd(20))

    assert len(sampling.load_people(redis, now=NOW)) == 0
    roster.complete(redis)
    assert len(sampling.load_people(redis, now=NOW)) == 20


@pytest.fixture
def policy():
    purposes = (
        PurposeSpec(key="ads", name="Ads"),
        PurposeSpec(key="service", name="Service", basis="legitimate_interest"),
        PurposeSpec(key="past", name="Past", retired=True),
    )
    return seal_policy(purposes, version=1)


def test_reach_is_what_the_gate_permits(redis, policy):
    profiles = crowd(40)
    enrol(redis, profiles)
    ids = list(profiles)
    give(redis, ids[:10])
    consent(redis, dict.fromkeys(ids[10:14], {("ads", "email"): Status.GIVEN}))
    consent(redis, dict.fromkeys(ids[14:20], {("service", "*"): Status.OBJECTED}))
    people = sampling.load_people(redis, now=NOW)
    everyone = find(people, {"all": parse({}, CATALOGUE)}, now=NOW.timestamp())["all"]

    channels = {"web": "Web", "email": "E-mail"}
    ads, service = reach_of(everyone, people, policy, channels=channels, now=NOW.timestamp())

    assert [(one.channel, one.matched) for one in ads.lines] == [("Web", 10), ("E-mail", 14)]
    assert [(one.channel, one.matched) for one in service.lines] == [("", 34)]


def test_nobody_is_reachable_while_consent_cannot_be_trusted(redis, policy):
    profiles = crowd(10)
    views = load_views(redis, profiles)
    people = People(profiles, population=10, views=[views[one] for one in profiles])
    everyone = find(people, {"all": parse({}, CATALOGUE)}, now=NOW.timestamp())["all"]

    reach = reach_of(everyone, people, policy, channels={}, now=NOW.timestamp())

    assert [one.lines[0].matched for one in reach] == [0, 0]


def test_what_accounts_say_and_did_is_counted_for_everybody_who_belongs(redis, settings):
    catalogue = Catalogue.of_parts(
        attributes=[
            *ATTRIBUTES,
            AttributeSpec(key="plan", name="Plan", type="text", source="account"),
        ],
        event_types=EVENTS,
    )
    tree = parse(
        {
            "all": [
                {"attribute": "plan", "is": "eq", "value": "gold"},
                {**ORDERED, "of": "household"},
            ]
        },
        catalogue,
    )
    announce(redis, aggregates(tree))
    kept, groups = Aggregates.of(aggregates(tree)), {}
    profiles = crowd(60)
    for number, person in enumerate(profiles):
        house = f"h-{number % 6}"
        groups[person] = house if number % 10 else ""
        if groups[person]:
            profiles[person].groups = {"household": Cell(house, SEEN_MS, 1, "k")}
    enrol(redis, profiles)
    for number in range(6):
        account = account_id("household", f"h-{number}", pepper=settings.RTTS_PEPPER)
        made = [order(f"{number}-{one}", account) for one in range(number)]
        known = fold(None, made, kept)
        known.attributes = {"plan": Cell("gold" if number % 2 else "free", SEEN_MS, 1, "k")}
        known.identifiers = {f"account:household:h-{number}": SEEN_MS}
        redis.set(profile_key(account), encode_profile(known))
    expected = {person for person, house in groups.items() if house in ("h-3", "h-5")}

    sampled = sampling.load_people(redis, aggregates=aggregates(tree), now=NOW)
    assert sampled.population == 60  # accounts are nobody
    exactly = exact._load(redis, list(profiles), list(aggregates(tree)), now=NOW)
    read_again = load(json.loads(counting.text_of(tree)))

    for whom, what, specs in ((sampled, tree, ()), (exactly, read_again, aggregates(tree))):
        flags = find(whom, {"t": what}, now=NOW.timestamp(), specs=list(specs))["t"].flags
        got = {p for p, flag in zip(whom.persons, flags, strict=True) if flag}
        assert got == expected
