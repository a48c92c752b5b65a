"""Outcome rates: learned from what closed, published under a version, used and logged by decisions."""

from datetime import timedelta

import pytest

from consent import people
from decisioning import decision_log
from decisioning.learning.publishing import Learned, load_learned, publish_rates
from decisioning.learning.rates import Tally, learn_rates
from decisioning.learning.tallies import WINDOW, attribute_goals, count_outcomes
from decisioning.models import EventRecord, OutcomeRecord, ShownRecord
from decisioning.tokens import parse_decision_id
from tests.decisioning import making
from tests.decisioning.making import NOW, campaign, decide, offer

HERO = "web.home.hero"


def test_a_new_offer_starts_at_the_placements_rate():
    rates = learn_rates([Tally("known", HERO, 1_000, 100), Tally("new", HERO, 0, 0)])

    assert rates[f"new|{HERO}"] == pytest.approx(0.1, abs=0.002)
    assert rates[f"known|{HERO}"] == pytest.approx(0.1, abs=0.002)


def test_evidence_outweighs_the_prior():
    rates = learn_rates([Tally("good", HERO, 2_000, 400), Tally("bad", HERO, 2_000, 20)])

    assert rates[f"good|{HERO}"] > 0.19
    assert rates[f"bad|{HERO}"] < 0.015


def test_a_version_follows_each_publication(redis):
    assert load_learned(redis, known=Learned()) == Learned()

    first = publish_rates(redis, {f"a|{HERO}": 0.25})
    second = publish_rates(redis, {f"a|{HERO}": 0.5})

    assert (first.version, second.version) == (1, 2)
    assert load_learned(redis, known=first) == second


async def test_the_learned_rate_ranks_and_is_logged(store, key):
    offers = (offer("aa", purposes=making.SHOP), offer("zz", purposes=making.SHOP))
    spec = making.release(
        offers=offers, campaigns=(campaign("winter", "aa", "zz", weights={"outcome_rate": 1.0}),)
    )
    making.publish(store, spec)
    publish_rates(store, {f"aa|{HERO}": 0.1, f"zz|{HERO}": 0.4})

    reply = await decide(key, options={"explain": "reasons"})

    answer = reply.json
    assert answer["placements"][0]["offers"][0]["offer"] == "zz"
    terms = {one["offer"]: one["terms"] for one in answer["explanation"]}
    assert terms["zz"] == [{"term": "outcome_rate", "value": 0.4, "weight": 1.0}]
    row = decision_log.find_in_stream(store, parse_decision_id(answer["decision_id"]))
    assert row.state.learned_version == 1
    assert row.state.rates == {f"aa|{HERO}": 0.1, f"zz|{HERO}": 0.4}


def shown(number, *, at, person="p0420000000000000000000", status="offers"):
    return ShownRecord(
        shown_id=f"d-{number}/{HERO}/1/",
        decision_id=f"d-{number}",
        decided_at=at,
        person_id=person,
        placement=HERO,
        channel="web",
        status=status,
        reason="ELIGIBLE",
        rank=1,
        offer="aa",
        variant="a",
        campaign="winter",
        experiment="",
        arm="",
    )


@pytest.mark.django_db
def test_an_open_window_counts_only_where_it_converted():
    closed, still_open = NOW - WINDOW - timedelta(hours=1), NOW - timedelta(hours=1)
    ShownRecord.objects.bulk_create(
        [shown(1, at=closed), shown(2, at=still_open), shown(3, at=closed, status="fallback")]
    )

    assert count_outcomes(now=NOW) == [Tally("aa", HERO, 1, 0)]


@pytest.mark.django_db
def test_a_goal_event_goes_to_the_last_offer_before_it_once():
    person = "p0420000000000000000000"
    ShownRecord.objects.bulk_create(
        [
            shown(n, at=NOW - timedelta(hours=hours), person=person)
            for n, hours in ((1, 30), (2, 2), (3, -1))
        ]
    )
    EventRecord.objects.create(
        event_id="042-1-0",
        received_at=NOW,
        event_time=NOW,
        partition=42,
        person_id=person,
        kind="event",
        type="track",
        name="Order Completed",
        message_id="m1",
        source="key",
        body=b"",
    )
    since = NOW - timedelta(minutes=1)

    made = attribute_goals({"winter": "Order Completed"}, after=since, until=NOW)
    again = attribute_goals({"winter": "Order Completed"}, after=since, until=NOW)

    assert (made, again) == (1, 0)
    outcome = OutcomeRecord.objects.get()
    assert (outcome.decision_id, outcome.attribution) == ("d-2", "goal")
    assert people.partition_of(outcome.person_id) == 42
