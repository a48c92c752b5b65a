import csv
import gzip
from itertools import islice
from pathlib import Path

import pytest

from campaigns.demo.departments import category_words
from campaigns.demo.journey import BASKETS, LAST_MS, REDEMPTIONS, Journey

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "complete_journey"


@pytest.fixture(scope="module")
def newest(journey):
    return list(islice(journey.baskets(), 500))


def test_has_the_published_numbers_of_rows(journey):
    assert len(journey.households) == 2_469
    assert len(journey.campaigns) == 27
    assert len(journey.redemptions) == REDEMPTIONS
    assert sum(household.visits for household in journey.households) == BASKETS


def test_yields_baskets_newest_first_and_whole(newest):
    assert newest[0].at_ms == LAST_MS
    assert [one.at_ms for one in newest] == sorted((one.at_ms for one in newest), reverse=True)
    assert len({one.basket_id for one in newest}) == len(newest)


def test_goes_on_from_a_position(journey, newest):
    assert next(journey.baskets(start=123)) == newest[123]


def test_campaign_types_are_those_of_the_data(journey):
    types = [campaign.type for campaign in journey.campaigns]

    assert {kind: types.count(kind) for kind in "ABC"} == {"A": 4, "B": 17, "C": 6}
    assert len(journey.campaigns[17].households) == 1_133


def test_lists_coupons_by_redemptions(journey):
    first = journey.coupons[0]

    assert (first.upc, first.campaign, first.redeemed) == ("10000085475", 18, 63)
    assert first.department == "Produce"


def test_agrees_with_the_published_sample(journey):
    path = SHARED / "transactions_before_2017-09.csv.gz"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    with gzip.open(path, "rt") as file:
        lines = [row for row in csv.DictReader(file) if row["transaction_timestamp"] > "2017-08-31"]

    found = {one.basket_id: one for one in islice(journey.baskets(start=50_000), 5_000)}
    shared = [row for row in lines if row["basket_id"] in found]

    assert len(shared) > 50
    for row in shared:
        basket = found[row["basket_id"]]
        assert basket.household == int(row["household_id"])
        assert row["product_id"] in {line.product_id for line in basket.lines}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("FRZN MEAT/MEAT DINNERS", "Frozen meat / meat dinners"),
        ("REFRGRATD DOUGH PRODUCTS", "Chilled dough products"),
        (None, ""),
    ],
)
def test_says_categories_in_words(raw, words):
    assert category_words(raw) == words


def test_says_what_to_install_when_data_is_missing(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(RuntimeError, match="pip install"):
        Journey()
