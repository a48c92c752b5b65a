from collections import Counter
from datetime import UTC, datetime
from itertools import islice

import pytest

from campaigns.demo import messages
from campaigns.demo.identifiers import share_of, user_id
from campaigns.demo.journey import FIRST_MS, LAST_MS

ANCHOR = datetime(2026, 11, 22, 12, tzinfo=UTC)
ANCHOR_MS = int(ANCHOR.timestamp() * 1000)


@pytest.fixture(scope="module")
def people(journey):
    return list(messages.people(journey, anchor_ms=ANCHOR_MS))


@pytest.fixture(scope="module")
def purchases(journey):
    return list(islice(messages.purchases(journey, anchor_ms=ANCHOR_MS), 2_000))


def test_the_last_basket_falls_on_the_anchor(purchases):
    assert datetime.fromisoformat(purchases[0]["timestamp"]) == ANCHOR
    assert messages.moment(FIRST_MS, anchor_ms=ANCHOR_MS) < "2025-11-23"


def test_ids_do_not_depend_on_when_it_is_loaded(journey, purchases):
    later = messages.purchases(journey, anchor_ms=ANCHOR_MS + 999_999)

    assert [one["messageId"] for one in islice(later, 50)] == [
        one["messageId"] for one in purchases[:50]
    ]


def test_ids_are_unique(people, purchases):
    ids = Counter(one["messageId"] for one in [*people, *purchases])

    assert ids.most_common(1)[0][1] == 1


def test_an_order_sums_its_lines(purchases):
    order = next(one for one in purchases if one["event"] == "Order Completed")["properties"]

    assert order["value"] == pytest.approx(sum(line["price"] for line in order["products"]))
    assert order["items"] == len(order["products"])
    assert set(order["departments"]) == {line["department"] for line in order["products"]}


def test_redemptions_stand_among_the_orders(purchases):
    redeemed = [one for one in purchases if one["event"] == "Coupon Redeemed"]

    assert redeemed
    assert all(one["properties"]["department"] for one in redeemed)
    assert all(one["properties"]["campaign"].startswith("journey-") for one in redeemed)


def test_nobody_is_given_an_answer_they_did_not_give(people, journey):
    unknown = {one.number for one in journey.households if not one.demographics}
    traits = {
        one["userId"]: one["traits"] for one in people if one["messageId"].startswith("journey-h")
    }

    assert len(traits) == 2_469
    assert all("age_band" not in traits[user_id(number)] for number in unknown)


def test_tiers_are_a_tenth_gold(people):
    tiers = Counter(one["traits"]["loyalty_tier"] for one in people if one.get("traits"))

    assert 230 <= tiers["gold"] <= 260
    assert 720 <= tiers["silver"] <= 760


def test_browsing_ends_in_a_sign_in_that_names_both(people):
    sign_in = next(one for one in people if one["messageId"] == "journey-sign-in-10")
    view = next(one for one in people if one["messageId"] == "journey-view-10-0")

    assert view["anonymousId"] == sign_in["anonymousId"]
    assert sign_in["userId"] == "household-10"
    assert view["timestamp"] < sign_in["timestamp"]


def test_nothing_is_dated_after_the_anchor(people, purchases):
    assert all(datetime.fromisoformat(one["timestamp"]) <= ANCHOR for one in [*people, *purchases])


def test_shares_are_stable_and_spread():
    shares = [share_of(number, salt="x") for number in range(1_000)]

    assert shares == [share_of(number, salt="x") for number in range(1_000)]
    assert 0.45 < sum(shares) / 1_000 < 0.55
    assert LAST_MS > FIRST_MS
